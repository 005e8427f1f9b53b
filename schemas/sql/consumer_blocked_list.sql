-- $1 store, $2 topic
SELECT partition, record_offset, schema, detail, blocked_at, skip_at IS NOT NULL
  FROM stocksync.blocked_partition
 WHERE store = $1 AND topic = $2
 ORDER BY partition

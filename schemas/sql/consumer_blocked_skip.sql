-- $1 store, $2 topic, $3 partition, $4 record_offset
UPDATE stocksync.blocked_partition
   SET skip_at = coalesce(skip_at, now())
 WHERE store = $1 AND topic = $2 AND partition = $3 AND record_offset = $4

-- $1 store, $2 topic, $3 partition[]
DELETE FROM stocksync.blocked_partition WHERE store = $1 AND topic = $2 AND partition = ANY ($3::integer[])

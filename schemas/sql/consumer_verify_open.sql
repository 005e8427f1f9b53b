-- $1 store
SELECT count(*) FROM stocksync.drift WHERE store = $1 AND repaired_at IS NULL

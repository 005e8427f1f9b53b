-- $1 store
SELECT count(*) FROM stocksync.level WHERE store = $1

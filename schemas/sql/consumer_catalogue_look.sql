-- $1 store, $2 match, $3 domain
SELECT read_at, coalesce(wanted_at > read_at, false) FROM stocksync.catalogue WHERE store = $1 AND match = $2 AND domain = $3

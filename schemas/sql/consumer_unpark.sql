-- $1 store, $2 subject[]
DELETE FROM stocksync.parked WHERE store = $1 AND subject = ANY ($2::text[])

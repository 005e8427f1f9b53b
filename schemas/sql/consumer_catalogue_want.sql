-- $1 store
UPDATE stocksync.catalogue SET wanted_at = now() WHERE store = $1

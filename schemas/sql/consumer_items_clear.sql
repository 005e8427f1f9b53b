-- $1 store
WITH catalogue AS (DELETE FROM stocksync.catalogue WHERE store = $1)
DELETE FROM stocksync.item WHERE store = $1

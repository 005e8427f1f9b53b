-- $1 store
SELECT partition, began_at, product_id, done_at FROM stocksync.verification WHERE store = $1 ORDER BY partition

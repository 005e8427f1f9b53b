-- $1 store
-- Products of rows that say nothing of their partition.
SELECT DISTINCT product_id FROM stocksync.parked
 WHERE store = $1 AND partition IS NULL AND product_id IS NOT NULL ORDER BY product_id LIMIT 1000

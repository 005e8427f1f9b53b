-- $1 store, $2 greatest product_id of the page before, $3 this process, $4 seconds
-- Products that other processes of the store noted within these seconds.
SELECT product_id, match, sellable, revision
  FROM stocksync.product
 WHERE store = $1 AND product_id > $2 AND noted_at > now() - $4::integer * interval '1 second' AND noted_by IS DISTINCT FROM $3
 ORDER BY product_id
 LIMIT 20000

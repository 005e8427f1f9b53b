-- $1 store, $2 greatest product_id of the page before
SELECT product_id
  FROM stocksync.parked
 WHERE store = $1 AND product_id > $2 AND subject = 'product/' || product_id
 ORDER BY product_id
 LIMIT 20000

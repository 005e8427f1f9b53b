-- $1 store, $2 greatest product_id of the page before
SELECT product_id, match, sellable, revision
  FROM stocksync.product
 WHERE store = $1 AND product_id > $2
 ORDER BY product_id
 LIMIT 20000

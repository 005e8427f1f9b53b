-- $1 store, $2 SKU or barcode, or $3 product_id (0: by $2)
SELECT product_id, coalesce(match, ''), sellable FROM stocksync.product
 WHERE store = $1 AND CASE WHEN $3 <> 0 THEN product_id = $3 ELSE match = $2 END
 ORDER BY sellable DESC, product_id LIMIT 10

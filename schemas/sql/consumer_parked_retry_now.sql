-- $1 store, $2 reason, $3 subject, $4 SKU or barcode, $5 product: NULL or 0 means any
UPDATE stocksync.parked p
   SET retry_at = now()
 WHERE p.store = $1
   AND ($2::text IS NULL OR p.reason = $2) AND ($3::text IS NULL OR p.subject = $3) AND ($5::integer = 0 OR p.product_id = $5)
   AND ($4::text IS NULL OR EXISTS (SELECT FROM stocksync.product m
                                     WHERE m.store = p.store AND m.product_id = p.product_id AND m.match = $4))

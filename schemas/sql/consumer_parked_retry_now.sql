-- $1 store, $2 reason, $3 subject: NULL means any; $4 only the products $5[]
UPDATE stocksync.parked p
   SET retry_at = now()
 WHERE p.store = $1
   AND ($2::text IS NULL OR p.reason = $2) AND ($3::text IS NULL OR p.subject = $3)
   AND (NOT $4::boolean OR p.product_id = ANY ($5::integer[]))

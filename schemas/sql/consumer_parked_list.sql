-- $1 store, $2 reason, $3 subject: NULL means any; $4 only the products $5[];
-- last row of the page before: $6 first_at, $7 subject
SELECT p.subject, p.product_id, p.item, p.location, p.topic, p.partition, p.record_offset, p.revision, p.quantity,
       p.reason, p.code, p.detail, p.request_id, p.attempts, p.first_at, p.last_at, p.retry_at, m.match, now()
  FROM stocksync.parked p
  LEFT JOIN stocksync.product m ON m.store = p.store AND m.product_id = p.product_id
 WHERE p.store = $1
   AND ($2::text IS NULL OR p.reason = $2) AND ($3::text IS NULL OR p.subject = $3)
   AND (NOT $4::boolean OR p.product_id = ANY ($5::integer[]))
   AND (p.first_at, p.subject) > ($6, $7)
 ORDER BY p.first_at, p.subject
 LIMIT 1000

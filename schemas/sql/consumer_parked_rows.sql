-- $1 store, $2 subject[]
SELECT p.subject, p.product_id, p.item, p.location, p.topic, p.partition, p.record_offset, p.revision, p.quantity,
       p.reason, p.code, p.detail, p.request_id, p.record_key, p.record_value
  FROM unnest($2::text[]) WITH ORDINALITY AS s (subject, place)
  JOIN stocksync.parked p ON p.store = $1 AND p.subject = s.subject
 ORDER BY s.place

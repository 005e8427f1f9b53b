-- $1 unused, $2 store: NULL means any, $3 SKU or barcode[], $4 product_id[]
-- What of these the state knows: product, and the place of its name in $3 or $4, from 0.
SELECT p.product_id, (t.place - 1)::integer, NULL::integer
  FROM unnest($3::text[]) WITH ORDINALITY AS t (text, place)
  JOIN stocksync.product p ON p.match = t.text
 WHERE $1::text IS NOT NULL AND ($2::text IS NULL OR p.store = $2)
 UNION
SELECT i.id, NULL, (i.place - 1)::integer
  FROM unnest($4::integer[]) WITH ORDINALITY AS i (id, place)
 WHERE EXISTS (SELECT FROM stocksync.product p WHERE p.product_id = i.id AND ($2::text IS NULL OR p.store = $2))
    OR EXISTS (SELECT FROM stocksync.parked k WHERE k.product_id = i.id AND ($2::text IS NULL OR k.store = $2))
 ORDER BY 1

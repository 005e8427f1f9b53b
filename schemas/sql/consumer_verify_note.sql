-- $1 store, $2 item[], $3 location[], $4 product_id[], $5 kind[], $6 expected[], $7 found[] (both: the least integer: none),
-- $8 request[] (0: none), $9 what[]
-- Answers with the place and true for each difference that is new, or of another kind than before.
WITH known AS MATERIALIZED (
    SELECT d.item, d.location, d.kind
      FROM unnest($2::bigint[], $3::bigint[]) AS k (item, location)
      JOIN stocksync.drift d ON d.store = $1 AND d.item = k.item AND d.location = k.location AND d.repaired_at IS NULL
), noted AS (
    INSERT INTO stocksync.drift AS d (store, item, location, product_id, kind, expected, found, request, what)
    SELECT $1, n.item, n.location, n.product_id, n.kind, nullif(n.expected, -2147483648), nullif(n.found, -2147483648), nullif(n.request, 0), n.what
      FROM unnest($2::bigint[], $3::bigint[], $4::integer[], $5::text[], $6::integer[], $7::integer[], $8::bigint[], $9::text[])
           AS n (item, location, product_id, kind, expected, found, request, what)
     ORDER BY n.item, n.location
        ON CONFLICT (store, item, location) WHERE repaired_at IS NULL DO UPDATE
       SET product_id = excluded.product_id, kind = excluded.kind, expected = excluded.expected, found = excluded.found,
           seen_at = now(), request = coalesce(excluded.request, d.request), what = excluded.what
)
SELECT (n.place - 1)::integer, k.kind IS DISTINCT FROM n.kind
  FROM unnest($2::bigint[], $3::bigint[], $5::text[]) WITH ORDINALITY AS n (item, location, kind, place)
  LEFT JOIN known k ON k.item = n.item AND k.location = n.location

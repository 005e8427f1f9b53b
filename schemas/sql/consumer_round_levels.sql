-- $1 store, $2 request, $3 item[], $4 location[], $5 product_id[], $6 before[], $7 after[] (both: the least integer: none), $8 what[]
INSERT INTO stocksync.round_level AS l (request, item, location, product_id, before, after, what)
SELECT $2, n.item, n.location, n.product_id, nullif(n.before, -2147483648), nullif(n.after, -2147483648), n.what
  FROM unnest($3::bigint[], $4::bigint[], $5::integer[], $6::integer[], $7::integer[], $8::text[])
       AS n (item, location, product_id, before, after, what)
  JOIN stocksync.round_request r ON r.id = $2 AND r.store = $1
    ON CONFLICT (request, item, location) DO UPDATE
   SET before = coalesce(l.before, excluded.before), after = excluded.after, what = excluded.what

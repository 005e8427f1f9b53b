-- $1 store, $2 item[], $3 location[], $4 now
SELECT (k.place - 1)::integer, l.quantity, l.revision, coalesce(l.wanted, l.quantity),
       CASE WHEN l.wanted > l.quantity THEN
           (SELECT least(coalesce(sum(f.units), 0), 2147483647)::integer FROM stocksync.in_flight f
             WHERE f.store = $1 AND f.item = l.item AND f.location = l.location AND f.until > $4)
       ELSE 0 END,
       l.product_id
  FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS k (item, location, place)
  JOIN stocksync.level l ON l.store = $1 AND l.item = k.item AND l.location = k.location

-- $1 store, $2 item[], $3 location[]
SELECT (k.place - 1)::integer, l.quantity, l.revision
  FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS k (item, location, place)
  JOIN stocksync.level l ON l.store = $1 AND l.item = k.item AND l.location = k.location

-- $1 store, $2 item[], $3 location[], $4 now, $5 our instance
-- The last column is the greatest revision that another process may be writing.
WITH open AS MATERIALIZED (
    SELECT w.item, w.location, max(w.revision) AS revision
      FROM stocksync.attempt a
     CROSS JOIN LATERAL unnest(a.item, a.location, a.revision) AS w (item, location, revision)
     WHERE a.store = $1 AND a.outcome IS NULL AND a.instance <> $5
     GROUP BY w.item, w.location
)
SELECT (k.place - 1)::integer, l.quantity, l.revision, coalesce(l.wanted, l.quantity),
       CASE WHEN coalesce(l.missing, l.wanted - l.quantity, 0) > 0 THEN
           (SELECT least(coalesce(sum(f.units), 0), 2147483647)::integer FROM stocksync.in_flight f
             WHERE f.store = $1 AND f.item = l.item AND f.location = l.location AND f.until > $4)
       ELSE 0 END,
       l.product_id, l.raw, greatest(coalesce(l.missing, l.wanted - l.quantity, 0), 0), l.reserved, o.revision
  FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS k (item, location, place)
  LEFT JOIN stocksync.level l ON l.store = $1 AND l.item = k.item AND l.location = k.location
  LEFT JOIN open o ON o.item = k.item AND o.location = k.location
 WHERE l.item IS NOT NULL OR o.item IS NOT NULL

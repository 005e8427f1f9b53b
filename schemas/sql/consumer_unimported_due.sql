-- $1 store, $2 now
-- Levels with a grace that is over. The last column: they hold back more units than are still
-- within a grace.
SELECT x.item, x.location, l.product_id, coalesce(l.wanted, l.quantity), l.revision, l.raw,
       greatest(coalesce(l.missing, l.wanted - l.quantity, 0), 0) >
           coalesce((SELECT sum(f.units) FROM stocksync.in_flight f
                      WHERE f.store = $1 AND f.item = x.item AND f.location = x.location AND f.until > $2), 0)
  FROM (SELECT item, location, min(wake_at) AS wake_at FROM stocksync.in_flight WHERE store = $1 AND wake_at <= $2
         GROUP BY item, location ORDER BY 3, 1, 2 LIMIT 1000) x
  LEFT JOIN stocksync.level l ON l.store = $1 AND l.item = x.item AND l.location = x.location
 ORDER BY x.item, x.location

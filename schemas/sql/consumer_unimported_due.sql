-- $1 store, $2 now
-- Levels whose grace is over, and that hold back more units than are still within a grace. A level
-- that is given out comes again after a minute, unless its quantity was written. Locked rows belong
-- to another process.
WITH expired AS MATERIALIZED (
    SELECT item, location, until
      FROM stocksync.in_flight
     WHERE store = $1 AND wake_at <= $2
     ORDER BY wake_at, item, location
     LIMIT 1000
       FOR UPDATE SKIP LOCKED
), held AS MATERIALIZED (
    SELECT x.item, x.location, l.product_id, l.wanted, l.revision, coalesce(l.wanted - l.quantity, 0) AS missing,
           coalesce((SELECT sum(f.units) FROM stocksync.in_flight f
                      WHERE f.store = $1 AND f.item = x.item AND f.location = x.location AND f.until > $2), 0) AS live
      FROM (SELECT DISTINCT item, location FROM expired) x
      LEFT JOIN stocksync.level l ON l.store = $1 AND l.item = x.item AND l.location = x.location
), settled AS (
    DELETE FROM stocksync.in_flight f
     USING expired x JOIN held p ON p.item = x.item AND p.location = x.location
     WHERE f.store = $1 AND f.item = x.item AND f.location = x.location AND f.until = x.until AND p.missing <= p.live
), later AS (
    UPDATE stocksync.in_flight f SET wake_at = $2 + interval '1 minute'
      FROM expired x JOIN held p ON p.item = x.item AND p.location = x.location
     WHERE f.store = $1 AND f.item = x.item AND f.location = x.location AND f.until = x.until AND p.missing > p.live
)
SELECT item, location, product_id, wanted, revision FROM held WHERE missing > live ORDER BY item, location

-- $1 store
SELECT (SELECT min(wake_at) FROM stocksync.in_flight WHERE store = $1),
       (SELECT count(*) FROM (SELECT DISTINCT item, location FROM stocksync.in_flight WHERE store = $1) f
          JOIN stocksync.level l ON l.store = $1 AND l.item = f.item AND l.location = f.location AND l.wanted > l.quantity)

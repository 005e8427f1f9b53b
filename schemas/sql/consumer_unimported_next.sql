-- $1 store
SELECT (SELECT min(wake_at) FROM stocksync.in_flight WHERE store = $1),
       (SELECT count(*) FROM (SELECT DISTINCT item, location FROM stocksync.in_flight WHERE store = $1) f
         WHERE (SELECT coalesce(l.missing, l.wanted - l.quantity) > 0 FROM stocksync.level l WHERE l.store = $1 AND l.item = f.item AND l.location = f.location))

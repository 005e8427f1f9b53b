-- $1 store, $2 since, $3 accepted revision
-- What was written since then, from the first to the last value of each pair; nothing of a first load.
SELECT e.item, e.location, (array_agg(e.change_from ORDER BY a.sent_at))[1], (array_agg(e.quantity ORDER BY a.sent_at DESC))[1],
       max(e.revision), max(a.sent_at)
  FROM stocksync.attempt a
 CROSS JOIN LATERAL unnest(a.item, a.location, a.change_from, a.quantity, a.revision)
       AS e (item, location, change_from, quantity, revision)
 WHERE a.store = $1 AND a.outcome = 'applied' AND e.revision > $3
   AND a.sent_at > greatest($2, coalesce((SELECT g.loaded_at FROM stocksync.guard g WHERE g.store = $1), 'infinity'))
 GROUP BY e.item, e.location
 ORDER BY 6

-- $1 store, $2 since, $3 accepted revision
-- Writes since then, from the first to the last value of each level, without the first load. The
-- last 2,000 requests at most: a lane that starts must not wait for this.
WITH lately AS MATERIALIZED (
    SELECT a.sent_at, a.item, a.location, a.change_from, a.quantity, a.revision
      FROM stocksync.attempt a
     WHERE a.store = $1 AND a.outcome = 'applied'
       AND a.sent_at > greatest($2, coalesce((SELECT g.loaded_at FROM stocksync.guard g WHERE g.store = $1), 'infinity'))
     ORDER BY a.sent_at DESC
     LIMIT 2000
)
SELECT e.item, e.location, (array_agg(e.change_from ORDER BY l.sent_at))[1], (array_agg(e.quantity ORDER BY l.sent_at DESC))[1],
       max(e.revision), max(l.sent_at)
  FROM lately l
 CROSS JOIN LATERAL unnest(l.item, l.location, l.change_from, l.quantity, l.revision)
       AS e (item, location, change_from, quantity, revision)
 WHERE e.revision > $3
 GROUP BY e.item, e.location
 ORDER BY 6

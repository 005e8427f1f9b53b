-- $1 store, $2 since, $3 accepted revision, $4 window in microseconds, $5 our instance
-- Writes since then that changed a number, from the first to the last value of each level within the
-- last window of its changes, without the first load. The last 2,000 requests at most: a lane that
-- starts must not wait for this. A living process counts its writes itself; it holds the advisory
-- lock of its instance. The shared locks end with this statement's transaction.
WITH recent AS MATERIALIZED (
    SELECT a.instance, a.sent_at, a.item, a.location, a.change_from, a.quantity, a.revision, a.changed_at
      FROM stocksync.attempt a
     WHERE a.store = $1 AND a.outcome = 'applied'
       AND a.sent_at > greatest($2, coalesce((SELECT g.loaded_at FROM stocksync.guard g WHERE g.store = $1), 'infinity'))
     ORDER BY a.sent_at DESC
     LIMIT 2000
), sender AS MATERIALIZED (
    SELECT DISTINCT instance FROM recent
), gone AS MATERIALIZED (
    SELECT instance FROM sender WHERE CASE WHEN instance = $5 THEN true ELSE pg_try_advisory_xact_lock_shared(instance) END
), entry AS (
    SELECT r.sent_at, e.item, e.location, e.change_from, e.quantity, e.revision, e.changed_at,
           max(e.changed_at) OVER (PARTITION BY e.item, e.location) AS last_at
      FROM recent r
      JOIN gone USING (instance)
     CROSS JOIN LATERAL unnest(r.item, r.location, r.change_from, r.quantity, r.revision, r.changed_at)
           AS e (item, location, change_from, quantity, revision, changed_at)
     WHERE e.revision > $3 AND e.change_from <> e.quantity
)
SELECT item, location, (array_agg(change_from ORDER BY sent_at))[1], (array_agg(quantity ORDER BY sent_at DESC))[1],
       max(revision), max(changed_at), max(sent_at)
  FROM entry
 WHERE changed_at >= last_at - make_interval(secs => $4::bigint / 1000000.0)
 GROUP BY item, location
 ORDER BY 7

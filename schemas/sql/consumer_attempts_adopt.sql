-- $1 store, $2 our instance, $3 the stream's first revision
-- A process holds the advisory lock of its instance while it lives, so a process that obtains the
-- lock knows that the other is gone. The locks end with this statement's transaction. Of two
-- adopters, the second finds the lock taken or the row no longer open.
-- Attempts of an earlier stream are given up, unless they may be on their way: then only a repeat
-- says what becomes of them. Their levels are read before anything is written.
WITH foreign_instance AS MATERIALIZED (
    SELECT DISTINCT instance FROM stocksync.attempt WHERE store = $1 AND outcome IS NULL AND instance <> $2
), dead AS MATERIALIZED (
    SELECT instance FROM foreign_instance WHERE pg_try_advisory_xact_lock(instance)
), earlier AS (
    UPDATE stocksync.attempt a SET outcome = 'abandoned', answered_at = now(), variables = ''
      FROM dead
     WHERE a.store = $1 AND a.outcome IS NULL AND a.instance = dead.instance
       AND NOT $3 < ANY (a.revision) AND a.sent_at < now() - interval '5 minutes'
), taken AS (
    UPDATE stocksync.attempt a SET instance = $2
      FROM dead
     WHERE a.store = $1 AND a.outcome IS NULL AND a.instance = dead.instance
       AND ($3 < ANY (a.revision) OR a.sent_at >= now() - interval '5 minutes')
    RETURNING a.key, a.generation, a.variables, a.sent_at, a.item, a.location, a.product_id, a.quantity, a.change_from,
              a.revision, a.changed_at, coalesce(a.wanted, a.quantity) AS wanted, a.raw, a.missing, a.reserved, a.adjusts
)
SELECT t.key::text, t.generation, CASE WHEN e.place = 1 THEN t.variables END,
       e.item, e.location, e.product_id, e.quantity, e.change_from, e.revision, e.changed_at, e.wanted, e.raw,
       coalesce(e.missing, e.wanted - e.quantity), coalesce(e.reserved, 0), t.adjusts
  FROM taken t
 CROSS JOIN LATERAL unnest(t.item, t.location, t.product_id, t.quantity, t.change_from, t.revision, t.changed_at, t.wanted,
                           t.raw, t.missing, t.reserved)
       WITH ORDINALITY AS e (item, location, product_id, quantity, change_from, revision, changed_at, wanted,
                             raw, missing, reserved, place)
 ORDER BY t.sent_at, t.key, e.place

-- $1 store, $2 item[], $3 location[], $4 found[]
-- When each level's difference was first seen, if it is known already. And whether an older number
-- of ours stands over a newer one: an attempt with a lower revision asked for the number found, and
-- its answer came after the row was written, or never. Attempts older than a day are not on their way any more.
WITH look AS MATERIALIZED (
    SELECT k.place, k.item, k.location, k.found, l.revision, l.written_at
      FROM unnest($2::bigint[], $3::bigint[], $4::integer[]) WITH ORDINALITY AS k (item, location, found, place)
      LEFT JOIN stocksync.level l ON l.store = $1 AND l.item = k.item AND l.location = k.location
), late AS MATERIALIZED (
    SELECT a.item, a.location, a.quantity, a.revision, CASE WHEN a.outcome = 'applied' THEN a.answered_at END AS answered_at
      FROM stocksync.attempt a
     WHERE a.store = $1 AND a.sent_at > now() - interval '1 day' AND a.item && $2
       AND (a.outcome IS NULL OR a.outcome IN ('applied', 'abandoned'))
       AND (a.outcome IS DISTINCT FROM 'applied' OR a.answered_at > (SELECT min(written_at) FROM look))
), entry AS (
    SELECT e.item, e.location, e.quantity, e.revision, late.answered_at
      FROM late CROSS JOIN LATERAL unnest(late.item, late.location, late.quantity, late.revision)
           AS e (item, location, quantity, revision)
)
SELECT (k.place - 1)::integer, d.first_at,
       EXISTS (SELECT FROM entry e
                WHERE e.item = k.item AND e.location = k.location AND e.quantity = k.found AND e.revision < k.revision
                  AND (e.answered_at IS NULL OR e.answered_at > k.written_at))
  FROM look k
  LEFT JOIN stocksync.drift d ON d.store = $1 AND d.item = k.item AND d.location = k.location AND d.repaired_at IS NULL

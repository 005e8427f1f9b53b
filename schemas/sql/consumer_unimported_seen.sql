-- $1 store, $2 item[], $3 location[], $4 before[], $5 now[], $6 until[], $7 sold[],
-- $8 reserved[]
-- A level whose quantity moved meanwhile is left alone: the process that moved it knows more. A
-- value that an open attempt asked for is our own write, not recorded yet. Sorted, so that two
-- processes never wait for each other.
WITH entry AS MATERIALIZED (
    SELECT item, location, before, now, until, sold, reserved, place
      FROM unnest($2::bigint[], $3::bigint[], $4::integer[], $5::integer[], $6::timestamptz[], $7::integer[], $8::integer[])
           WITH ORDINALITY AS e (item, location, before, now, until, sold, reserved, place)
), ours AS MATERIALIZED (
    SELECT DISTINCT ON (e.item, e.location) e.item, e.location, w.wanted, w.revision, w.raw, w.missing, w.reserved
      FROM stocksync.attempt a
     CROSS JOIN LATERAL unnest(a.item, a.location, a.quantity, coalesce(a.wanted, a.quantity), a.revision,
                                a.raw, a.missing, a.reserved)
           AS w (item, location, quantity, wanted, revision, raw, missing, reserved)
      JOIN entry e ON e.item = w.item AND e.location = w.location AND e.now = w.quantity
     WHERE a.store = $1 AND a.outcome IS NULL
     ORDER BY e.item, e.location, w.revision DESC
), locked AS MATERIALIZED (
    SELECT l.item, l.location, e.now, e.until, e.sold, e.reserved, e.place, o.wanted, o.revision,
           o.raw, o.missing, o.reserved AS ours_reserved
      FROM entry e
      JOIN stocksync.level l ON l.store = $1 AND l.item = e.item AND l.location = e.location
      LEFT JOIN ours o ON o.item = e.item AND o.location = e.location
     WHERE l.quantity = e.before
     ORDER BY l.item, l.location
       FOR UPDATE OF l
), noted AS (
    UPDATE stocksync.level l
       SET quantity = k.now, wanted = coalesce(k.wanted, l.wanted, l.quantity), revision = greatest(l.revision, k.revision),
           raw = CASE WHEN k.wanted IS NULL THEN l.raw ELSE k.raw END,
           missing = CASE WHEN k.wanted IS NULL THEN greatest(coalesce(l.missing, l.wanted - l.quantity, 0), 0) + k.sold
                          ELSE k.missing END,
           reserved = CASE WHEN k.wanted IS NULL THEN k.reserved ELSE coalesce(k.ours_reserved, 0) END
      FROM locked k
     WHERE l.store = $1 AND l.item = k.item AND l.location = k.location
    RETURNING k.item, k.location, k.until, k.sold AS units, k.place, k.wanted IS NULL AS sold
), added AS (
    INSERT INTO stocksync.in_flight AS f (store, item, location, until, units, wake_at)
    SELECT $1, item, location, until, units, until FROM noted WHERE sold AND units > 0
        ON CONFLICT (store, item, location, until) DO UPDATE SET units = f.units + excluded.units
)
SELECT (place - 1)::integer,
       NOT EXISTS (SELECT FROM stocksync.in_flight f WHERE f.store = $1 AND f.item = n.item AND f.location = n.location)
  FROM noted n
 WHERE sold

-- $1 store, $2 item[], $3 location[], $4 product_id[]
-- These products are about to be written to these levels, and their numbers stand elsewhere: at the
-- item that carried their SKU before, or in level_kept. They come along, with their unimported
-- sales. Shopify's quantity at the new item is not known: -1000000001. A number of another product
-- that stands at the level makes room, and is kept for its product.
WITH entry AS MATERIALIZED (
    SELECT DISTINCT ON (product_id, location) item, location, product_id
      FROM unnest($2::bigint[], $3::bigint[], $4::integer[]) AS e (item, location, product_id)
     ORDER BY product_id, location, item
), found AS MATERIALIZED (   -- OFFSET 0: one index scan for each entry, also while the table has no statistics
    SELECT l.item, l.location
      FROM entry e
     CROSS JOIN LATERAL (SELECT item, location FROM stocksync.level
                          WHERE store = $1 AND product_id = e.product_id AND location = e.location AND item <> e.item OFFSET 0) l
     UNION
    SELECT l.item, l.location
      FROM entry e JOIN stocksync.level l ON l.store = $1 AND l.item = e.item AND l.location = e.location AND l.product_id <> e.product_id
), locked AS MATERIALIZED (   -- sorted, so that two processes never wait for each other
    SELECT l.item, l.location
      FROM found f JOIN stocksync.level l ON l.store = $1 AND l.item = f.item AND l.location = f.location
     ORDER BY l.item, l.location
       FOR UPDATE OF l
), gone AS (
    DELETE FROM stocksync.level l USING locked k WHERE l.store = $1 AND l.item = k.item AND l.location = k.location
    RETURNING l.product_id, l.location, l.item, l.quantity, l.wanted, l.raw, l.missing, l.reserved, l.revision
), sold AS (
    DELETE FROM stocksync.in_flight f USING gone g WHERE f.store = $1 AND f.item = g.item AND f.location = g.location
    RETURNING f.item, f.location, f.until, f.units
), brought AS (
    DELETE FROM stocksync.level_kept k USING entry e WHERE k.store = $1 AND k.product_id = e.product_id AND k.location = e.location
    RETURNING k.product_id, k.location, k.item, k.quantity, k.wanted, k.raw, k.missing, k.reserved, k.revision, k.until, k.units
), memory AS MATERIALIZED (   -- the newest of each product; reads all of gone and sold, so that their rows have made room
    SELECT DISTINCT ON (product_id, location) *
      FROM (SELECT g.*, coalesce(s.until, '{}') AS until, coalesce(s.units, '{}') AS units
              FROM gone g
              LEFT JOIN (SELECT item, location, array_agg(until ORDER BY until) AS until, array_agg(units ORDER BY until) AS units
                           FROM sold GROUP BY item, location) s USING (item, location)
             UNION ALL
            SELECT * FROM brought) m
     ORDER BY product_id, location, revision DESC
), placed AS (
    INSERT INTO stocksync.level (store, item, location, product_id, quantity, wanted, raw, missing, reserved, revision)
    SELECT $1, e.item, e.location, e.product_id, CASE WHEN m.item = e.item THEN m.quantity ELSE -1000000001 END,
           coalesce(m.wanted, m.quantity), m.raw, coalesce(m.missing, m.wanted - m.quantity, 0), m.reserved, m.revision
      FROM entry e JOIN memory m USING (product_id, location)
        ON CONFLICT (store, item, location) DO NOTHING
), sighted AS (
    INSERT INTO stocksync.in_flight AS f (store, item, location, until, units, wake_at)
    SELECT $1, e.item, e.location, s.until, s.units, s.until
      FROM entry e JOIN memory m USING (product_id, location)
     CROSS JOIN LATERAL unnest(m.until, m.units) AS s (until, units)
        ON CONFLICT (store, item, location, until) DO UPDATE SET units = f.units + excluded.units
), kept AS (
    INSERT INTO stocksync.level_kept AS k (store, product_id, location, item, quantity, wanted, raw, missing, reserved, revision, until, units)
    SELECT $1, m.* FROM memory m
     WHERE NOT EXISTS (SELECT FROM entry e WHERE e.product_id = m.product_id AND e.location = m.location)
        ON CONFLICT (store, product_id, location) DO UPDATE
       SET item = excluded.item, quantity = excluded.quantity, wanted = excluded.wanted, raw = excluded.raw, missing = excluded.missing,
           reserved = excluded.reserved, revision = excluded.revision, until = excluded.until, units = excluded.units,
           kept_at = excluded.kept_at
     WHERE k.revision <= excluded.revision
), renamed AS (   -- what another product still owes must not be taken for this one's
    UPDATE stocksync.parked p
       SET subject = p.subject || '/product/' || p.product_id
      FROM entry e
     WHERE p.store = $1 AND p.subject = 'level/' || e.item || '/' || e.location AND p.product_id <> e.product_id
       AND NOT EXISTS (SELECT FROM stocksync.parked o WHERE o.store = $1 AND o.subject = p.subject || '/product/' || p.product_id)
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM brought)

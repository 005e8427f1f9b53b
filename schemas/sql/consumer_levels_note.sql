-- $1 store, $2 item[], $3 location[], $4 product_id[], $5 quantity[], $6 revision[], $7 wanted[],
-- $8 raw[], $9 missing[], $10 reserved[]
-- A level that has its desired quantity has no reason to stay parked. Sorted, so that two processes
-- never wait for each other.
WITH entry AS (
    SELECT DISTINCT ON (item, location) item, location, product_id, quantity, revision, wanted, raw, missing, reserved
      FROM unnest($2::bigint[], $3::bigint[], $4::integer[], $5::integer[], $6::bigint[], $7::integer[],
                  $8::float8[], $9::integer[], $10::integer[])
           AS e (item, location, product_id, quantity, revision, wanted, raw, missing, reserved)
     ORDER BY item, location, revision DESC
), unparked AS (
    DELETE FROM stocksync.parked p USING entry e
     WHERE p.store = $1 AND p.subject = 'level/' || e.item || '/' || e.location AND p.revision <= e.revision
), moved AS (   -- the product's number was parked for an item that lost its SKU
    DELETE FROM stocksync.parked p USING entry e
     WHERE p.store = $1 AND p.product_id = e.product_id AND p.item <> e.item AND p.location = e.location AND p.revision <= e.revision
)
INSERT INTO stocksync.level AS l (store, item, location, product_id, quantity, revision, wanted, raw, missing, reserved)
SELECT $1, item, location, product_id, quantity, revision, wanted, raw, missing, reserved FROM entry
    ON CONFLICT (store, item, location) DO UPDATE
   SET product_id = excluded.product_id, quantity = excluded.quantity, revision = excluded.revision, wanted = excluded.wanted,
       raw = excluded.raw, missing = excluded.missing, reserved = excluded.reserved, written_at = excluded.written_at
 WHERE l.revision <= excluded.revision

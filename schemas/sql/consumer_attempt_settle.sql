-- $1 store, $2 key, $3 outcome, $4 request_id, $5 answered_at, $6 item[], $7 location[], $8 product_id[], $9 quantity[], $10 revision[],
-- $11 wanted[]
WITH entry AS (
    SELECT DISTINCT ON (item, location) item, location, product_id, quantity, revision, wanted
      FROM unnest($6::bigint[], $7::bigint[], $8::integer[], $9::integer[], $10::bigint[], $11::integer[])
           AS e (item, location, product_id, quantity, revision, wanted)
     WHERE $3 = 'applied'
     ORDER BY item, location, revision DESC
), answered AS (
    UPDATE stocksync.attempt SET outcome = $3, request_id = $4, answered_at = $5, variables = ''
     WHERE key = $2::uuid AND store = $1 AND outcome IS NULL
), unparked AS (
    DELETE FROM stocksync.parked p USING entry e
     WHERE p.store = $1 AND p.subject = 'level/' || e.item || '/' || e.location AND p.revision <= e.revision
), moved AS (   -- the product's number was parked for an item that carries its SKU no more
    DELETE FROM stocksync.parked p USING entry e
     WHERE p.store = $1 AND p.product_id = e.product_id AND p.item <> e.item AND p.location = e.location AND p.revision <= e.revision
)
INSERT INTO stocksync.level AS l (store, item, location, product_id, quantity, revision, wanted, written_at)
SELECT $1, item, location, product_id, quantity, revision, wanted, $5 FROM entry
    ON CONFLICT (store, item, location) DO UPDATE
   SET product_id = excluded.product_id, quantity = excluded.quantity, revision = excluded.revision, wanted = excluded.wanted,
       written_at = excluded.written_at
 WHERE l.revision <= excluded.revision

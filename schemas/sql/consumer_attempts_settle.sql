-- $1 store, $2 key[], $3 outcome[], $4 request_id[], $5 answered_at; of all applied attempts,
-- concatenated: $6 item[], $7 location[], $8 product_id[], $9 quantity[], $10 revision[],
-- $11 wanted[], $12 raw[], $13 missing[], $14 reserved[]
-- Sorted, so that two processes never wait for each other. No wait for the disk. If the server
-- loses this statement, the attempts are open again and are sent unchanged: they were flushed
-- before they were sent. An attempt that begins later is flushed after it.
WITH entry AS (
    SELECT DISTINCT ON (item, location) item, location, product_id, quantity, revision, wanted, raw, missing, reserved
      FROM unnest($6::bigint[], $7::bigint[], $8::integer[], $9::integer[], $10::bigint[], $11::integer[],
                  $12::float8[], $13::integer[], $14::integer[]) WITH ORDINALITY
           AS e (item, location, product_id, quantity, revision, wanted, raw, missing, reserved, place)
     ORDER BY item, location, revision DESC, place DESC
), answered AS (
    UPDATE stocksync.attempt a SET outcome = o.outcome, request_id = o.request_id, answered_at = $5, variables = ''
      FROM unnest($2::text[]::uuid[], $3::text[], $4::text[]) AS o (key, outcome, request_id)
     WHERE a.key = o.key AND a.store = $1 AND a.outcome IS NULL
), unparked AS (
    DELETE FROM stocksync.parked p USING entry e
     WHERE p.store = $1 AND p.subject = 'level/' || e.item || '/' || e.location AND p.revision <= e.revision
), moved AS (   -- the product's number was parked for an item that lost its SKU
    DELETE FROM stocksync.parked p USING entry e
     WHERE p.store = $1 AND p.product_id = e.product_id AND p.item <> e.item AND p.location = e.location AND p.revision <= e.revision
), unflushed AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
)
INSERT INTO stocksync.level AS l (store, item, location, product_id, quantity, revision, wanted, raw, missing, reserved, written_at)
SELECT $1, item, location, product_id, quantity, revision, wanted, raw, missing, reserved, $5 FROM unflushed, entry
    ON CONFLICT (store, item, location) DO UPDATE
   SET product_id = excluded.product_id, quantity = excluded.quantity, revision = excluded.revision, wanted = excluded.wanted,
       raw = excluded.raw, missing = excluded.missing, reserved = excluded.reserved, written_at = excluded.written_at
 WHERE l.revision <= excluded.revision

-- $1 store, $2 item[], $3 detail[]
-- Each level written to an item that lost its SKU becomes a parked row. Another product may own the
-- item by now, so its level means nothing any more. But the product's number must reach the item
-- that carries its SKU next.
WITH lost AS (
    SELECT item, detail FROM unnest($2::bigint[], $3::text[]) AS e (item, detail)
), level AS (
    DELETE FROM stocksync.level l USING lost WHERE l.store = $1 AND l.item = lost.item
    RETURNING l.item, l.location, l.product_id, coalesce(l.wanted, l.quantity) AS wanted, l.revision, lost.detail
), in_flight AS (
    DELETE FROM stocksync.in_flight f USING lost WHERE f.store = $1 AND f.item = lost.item
)
INSERT INTO stocksync.parked AS p (store, subject, product_id, item, location, revision, quantity, reason, detail, retry_at)
SELECT $1, 'level/' || item || '/' || location, product_id, item, location, revision, wanted, 'item_changed', detail,
       now() + interval '15 minutes' FROM level
    ON CONFLICT (store, subject) DO UPDATE
   SET product_id = excluded.product_id, revision = excluded.revision, quantity = excluded.quantity, reason = excluded.reason,
       code = NULL, detail = excluded.detail, request_id = NULL, last_at = excluded.last_at, retry_at = excluded.retry_at,
       attempts = p.attempts + 1
 WHERE p.revision < excluded.revision

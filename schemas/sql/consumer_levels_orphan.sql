-- $1 store, $2 item[], $3 detail[]
-- Each level written to an item that lost its SKU gets a parked row: the product's number must reach
-- the item that carries its SKU next. The level stays as it is. The product comes back to it, or
-- consumer_levels_follow takes it along.
WITH lost AS (
    SELECT DISTINCT ON (item) item, detail FROM unnest($2::bigint[], $3::text[]) AS e (item, detail) ORDER BY item
)
INSERT INTO stocksync.parked AS p (store, subject, product_id, item, location, revision, quantity, reason, detail, retry_at)
SELECT $1, 'level/' || l.item || '/' || l.location, l.product_id, l.item, l.location, l.revision, coalesce(l.wanted, l.quantity),
       'item_changed', lost.detail, now() + interval '15 minutes'
  FROM lost
  JOIN stocksync.level l ON l.store = $1 AND l.item = lost.item
    ON CONFLICT (store, subject) DO UPDATE
   SET product_id = excluded.product_id, topic = NULL, partition = NULL, record_offset = NULL, revision = excluded.revision,
       quantity = excluded.quantity, reason = excluded.reason, code = NULL, detail = excluded.detail, request_id = NULL,
       last_at = excluded.last_at, retry_at = excluded.retry_at, attempts = 1
 WHERE p.revision < excluded.revision

-- $1 store, $2 push, $3 repair, $4 product_id (0: every product)
-- Requests that nobody waits for any more are closed and, after a week, forgotten.
WITH left_alone AS (
    UPDATE stocksync.round_request SET ended_at = now()
     WHERE store = $1 AND ended_at IS NULL AND waited_at < now() - interval '1 minute'
), old AS (
    DELETE FROM stocksync.round_request WHERE store = $1 AND requested_at < now() - interval '7 days'
)
INSERT INTO stocksync.round_request (store, push, repair, product_id) VALUES ($1, $2, $3, nullif($4, 0)) RETURNING id

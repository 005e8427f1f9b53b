-- $1 store
-- Open requests that a command still waits for, oldest first, with the partitions that are done.
SELECT r.id, r.push, r.repair, r.product_id,
       (SELECT string_agg(p.partition::text, ',') FROM stocksync.round_part p WHERE p.request = r.id AND p.done_at IS NOT NULL)
  FROM stocksync.round_request r
 WHERE r.store = $1 AND r.ended_at IS NULL AND r.waited_at > now() - interval '1 minute'
 ORDER BY r.id

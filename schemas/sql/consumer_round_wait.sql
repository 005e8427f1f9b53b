-- $1 store, $2 request
-- The command goes on waiting. Progress of all partitions, and whether a lane of the store lives.
WITH waits AS (
    UPDATE stocksync.round_request SET waited_at = now() WHERE id = $2 AND store = $1
    RETURNING partitions
)
SELECT w.partitions, count(p.partition)::integer, coalesce(sum(p.total), 0)::bigint, coalesce(sum(p.compared), 0)::bigint,
       coalesce(sum(p.waiting), 0)::bigint, count(p.done_at)::integer,
       EXISTS (SELECT FROM pg_locks k WHERE k.locktype = 'advisory' AND k.objsubid = 2 AND k.granted
                  AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND k.classid::bigint = (hashtext('stocksync lane')::bigint & 4294967295)
                  AND k.objid::bigint = (hashtext($1)::bigint & 4294967295)),
       (SELECT g.detail FROM stocksync.guard g WHERE g.store = $1 AND g.held_at IS NOT NULL)
  FROM waits w LEFT JOIN stocksync.round_part p ON p.request = $2
 GROUP BY w.partitions

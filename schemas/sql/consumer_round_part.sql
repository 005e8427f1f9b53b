-- $1 store, $2 request, $3 partitions of the topic that take part, $4 partition[], $5 total[], $6 compared[], $7 waiting[], $8 done
WITH taken AS (
    UPDATE stocksync.round_request SET partitions = $3 WHERE id = $2 AND store = $1 AND partitions IS DISTINCT FROM $3
)
INSERT INTO stocksync.round_part AS p (request, partition, total, compared, waiting, done_at)
SELECT $2, n.partition, n.total, n.compared, n.waiting, CASE WHEN $8 THEN now() END
  FROM unnest($4::integer[], $5::integer[], $6::integer[], $7::integer[]) AS n (partition, total, compared, waiting)
  JOIN stocksync.round_request r ON r.id = $2
    ON CONFLICT (request, partition) DO UPDATE
   SET total = excluded.total, compared = excluded.compared, waiting = excluded.waiting, done_at = excluded.done_at

-- $1 store, $2 partition[]
-- The rules that planned each partition, and whether the store has any level.
SELECT (k.place - 1)::integer, p.digest, EXISTS (SELECT FROM stocksync.level l WHERE l.store = $1)
  FROM unnest($2::integer[]) WITH ORDINALITY AS k (partition, place)
  LEFT JOIN stocksync.planned p ON p.store = $1 AND p.partition = k.partition

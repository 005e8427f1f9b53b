-- $1 store, $2 partition[], $3 digest
INSERT INTO stocksync.planned AS p (store, partition, digest)
SELECT $1, partition, $3 FROM unnest($2::integer[]) AS e (partition) ORDER BY partition
    ON CONFLICT (store, partition) DO UPDATE SET digest = excluded.digest, planned_at = excluded.planned_at

-- $1 store, $2 stream, $3 partition[], $4 the stream's first revision
-- A topic with another number of partitions has its products elsewhere: passes begin again, and rows
-- parked for records of earlier streams get the partition of their product. The state may have gone
-- back in time with the database, so the catalogue that it remembers is read again.
WITH compared AS (
    DELETE FROM stocksync.verification WHERE store = $1 AND partition = ANY ($3)
), placed AS (
    UPDATE stocksync.parked SET partition = NULL, record_offset = NULL
     WHERE store = $1 AND partition IS NOT NULL AND product_id IS NOT NULL AND revision <= $4
), wanted AS (
    UPDATE stocksync.catalogue SET wanted_at = now()
     WHERE store = $1 AND EXISTS (SELECT FROM stocksync.store_stream s
                                   WHERE s.store = $1 AND s.partition = ANY ($3) AND s.stream <> $2::text::uuid)
)
INSERT INTO stocksync.store_stream AS s (store, partition, stream)
SELECT $1, partition, $2::text::uuid FROM unnest($3::integer[]) AS e (partition) ORDER BY partition
    ON CONFLICT (store, partition) DO UPDATE SET stream = excluded.stream

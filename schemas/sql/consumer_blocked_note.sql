-- $1 store, $2 topic, $3 partition[], $4 record_offset[], $5 schema[], $6 detail[]
-- Stores what blocks, and gives the partitions whose record an operator passes over. A decision about
-- an earlier record of the partition is of no use any more.
INSERT INTO stocksync.blocked_partition AS b (store, topic, partition, record_offset, schema, detail)
SELECT $1, $2, e.partition, e.record_offset, e.schema, e.detail
  FROM unnest($3::integer[], $4::bigint[], $5::text[], $6::text[]) AS e (partition, record_offset, schema, detail)
    ON CONFLICT (store, topic, partition) DO UPDATE
   SET record_offset = excluded.record_offset, schema = excluded.schema, detail = excluded.detail,
       blocked_at = CASE WHEN b.record_offset = excluded.record_offset THEN b.blocked_at ELSE now() END,
       skip_at = CASE WHEN b.record_offset = excluded.record_offset THEN b.skip_at END
RETURNING b.partition, b.skip_at IS NOT NULL

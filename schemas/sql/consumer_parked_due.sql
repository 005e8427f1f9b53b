-- $1 store, $2 partition[]: of this process, $3 limit
-- Gives each row to one process. A row that is neither deleted nor parked again within a minute is
-- given out again. Only rows of the process's own partitions: no other process has newer values of
-- them under way. Locked rows belong to another process.
WITH due AS MATERIALIZED (
    SELECT subject
      FROM stocksync.parked
     WHERE store = $1 AND retry_at <= now() AND (partition IS NULL OR partition = ANY ($2::integer[]))
     ORDER BY retry_at, subject
     LIMIT $3
       FOR UPDATE SKIP LOCKED
)
UPDATE stocksync.parked p
   SET retry_at = now() + interval '1 minute'
  FROM due d
 WHERE p.store = $1 AND p.subject = d.subject
RETURNING p.subject, p.product_id, p.item, p.location, p.topic, p.partition, p.record_offset, p.revision, p.quantity,
          p.reason, p.code, p.detail, p.request_id, p.attempts, p.record_key, p.record_value

-- $1 store, $2 partition[]: of this process, $3 limit, $4 last subject of the page before,
-- $5 reason[]: none means all, $6 ms: skips rows parked, or parked again, within this time
-- The next page of a rescan of all rows with these reasons, due or not, given out as by
-- consumer_parked_due.
WITH page AS MATERIALIZED (
    SELECT subject
      FROM stocksync.parked
     WHERE store = $1 AND subject > $4 AND (cardinality($5::text[]) = 0 OR reason = ANY ($5::text[]))
       AND last_at <= now() - $6::bigint * interval '1 millisecond'
       AND (partition IS NULL OR partition = ANY ($2::integer[]))
     ORDER BY subject
     LIMIT $3
       FOR UPDATE SKIP LOCKED
), given AS (
    UPDATE stocksync.parked p
       SET retry_at = now() + interval '1 minute'
      FROM page
     WHERE p.store = $1 AND p.subject = page.subject
    RETURNING p.*
)
SELECT subject, product_id, item, location, topic, partition, record_offset, revision, quantity,
       reason, code, detail, request_id, attempts, record_key, record_value
  FROM given
 ORDER BY subject

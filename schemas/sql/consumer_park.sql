-- $1 store, $2 subject[], $3 product_id[], $4 item[], $5 location[], $6 topic[], $7 partition[],
-- $8 record_offset[], $9 revision[], $10 quantity[], $11 reason[], $12 code[], $13 detail[],
-- $14 request_id[], $15 all keys and values in one piece; their places in it, from 1:
-- $16 key_start[], $17 key_length[], $18 value_start[], $19 value_length[], length -1: none;
-- $20 wait[]: seconds before the first retry, 0: none
-- Gives the places, from 0, of the rows that were not parked before. The wait doubles with each
-- failed try of one revision, up to six hours, plus or minus a quarter. Position and record stay when the newer row
-- has none: they may be the only copy of a value.
WITH entry AS MATERIALIZED (
    SELECT DISTINCT ON (subject) *
      FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::text[], $7::integer[], $8::bigint[], $9::bigint[],
                  $10::integer[], $11::text[], $12::text[], $13::text[], $14::text[],
                  $16::integer[], $17::integer[], $18::integer[], $19::integer[], $20::integer[])
           WITH ORDINALITY AS e (subject, product_id, item, location, topic, partition, record_offset, revision, quantity,
                                 reason, code, detail, request_id, key_start, key_length, value_start, value_length, wait, place)
     ORDER BY subject, revision DESC, place DESC
), put AS (
    INSERT INTO stocksync.parked AS p (store, subject, product_id, item, location, topic, partition, record_offset, revision, quantity,
                                       reason, code, detail, request_id, record_key, record_value, retry_at)
    SELECT $1, subject, nullif(product_id, 0), nullif(item, 0), nullif(location, 0),
           CASE WHEN partition >= 0 THEN topic END,
           CASE WHEN partition >= 0 THEN partition END,
           CASE WHEN record_offset >= 0 THEN record_offset END,
           revision,
           CASE WHEN item <> 0 THEN quantity END,
           reason, code, detail, request_id,
           CASE WHEN key_length >= 0 THEN substr($15, key_start, key_length) END,
           CASE WHEN value_length >= 0 THEN substr($15, value_start, value_length) END,
           CASE WHEN wait > 0 THEN now() + wait * interval '1 second' * (0.75 + random() / 2) END
      FROM entry
        ON CONFLICT (store, subject) DO UPDATE
       SET product_id = excluded.product_id, item = excluded.item, location = excluded.location,
           topic = coalesce(excluded.topic, p.topic), partition = coalesce(excluded.partition, p.partition),
           record_offset = coalesce(excluded.record_offset, p.record_offset), revision = excluded.revision,
           quantity = excluded.quantity, reason = excluded.reason, code = excluded.code, detail = excluded.detail,
           request_id = excluded.request_id, record_key = coalesce(excluded.record_key, p.record_key),
           record_value = coalesce(excluded.record_value, p.record_value),
           last_at = excluded.last_at, attempts = CASE WHEN p.revision < excluded.revision THEN 1 ELSE p.attempts + 1 END,
           retry_at = CASE WHEN excluded.retry_at IS NULL THEN NULL
                           WHEN p.revision < excluded.revision THEN excluded.retry_at
                           ELSE now() + least((excluded.retry_at - now()) * power(2, least(p.attempts, 16)),
                                              interval '6 hours' * (0.75 + random() / 4)) END
     WHERE p.revision <= excluded.revision
    RETURNING p.subject, xmax = 0 AS is_new
)
SELECT (e.place - 1)::integer FROM put JOIN entry e USING (subject) WHERE put.is_new

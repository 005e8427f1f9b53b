-- $1 store, $2 subject[], $3 product_id[], $4 item[], $5 location[], $6 topic[], $7 partition[], $8 record_offset[], $9 revision[],
-- $10 quantity[], $11 reason[], $12 code[], $13 detail[], $14 request_id[],
-- $15 all keys and values in one piece; $16 key_start[], $17 key_length[], $18 value_start[], $19 value_length[]: where each is in it,
-- from 1; length -1: there is none
INSERT INTO stocksync.parked AS p (store, subject, product_id, item, location, topic, partition, record_offset, revision, quantity,
                                   reason, code, detail, request_id, record_key, record_value)
SELECT DISTINCT ON (subject)
       $1, subject, nullif(product_id, 0), nullif(item, 0), nullif(location, 0),
       CASE WHEN partition >= 0 THEN topic END,
       CASE WHEN partition >= 0 THEN partition END,
       CASE WHEN partition >= 0 THEN record_offset END,
       revision,
       CASE WHEN item <> 0 THEN quantity END,
       reason, code, detail, request_id,
       CASE WHEN key_length >= 0 THEN substr($15, key_start, key_length) END,
       CASE WHEN value_length >= 0 THEN substr($15, value_start, value_length) END
  FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::text[], $7::integer[], $8::bigint[], $9::bigint[],
              $10::integer[], $11::text[], $12::text[], $13::text[], $14::text[],
              $16::integer[], $17::integer[], $18::integer[], $19::integer[])
       WITH ORDINALITY AS e (subject, product_id, item, location, topic, partition, record_offset, revision, quantity,
                             reason, code, detail, request_id, key_start, key_length, value_start, value_length, place)
 ORDER BY subject, revision DESC, place DESC
    ON CONFLICT (store, subject) DO UPDATE
   SET product_id = excluded.product_id, item = excluded.item, location = excluded.location, topic = excluded.topic,
       partition = excluded.partition, record_offset = excluded.record_offset, revision = excluded.revision,
       quantity = excluded.quantity, reason = excluded.reason, code = excluded.code, detail = excluded.detail,
       request_id = excluded.request_id, record_key = excluded.record_key, record_value = excluded.record_value,
       last_at = excluded.last_at, attempts = p.attempts + 1
 WHERE p.revision <= excluded.revision

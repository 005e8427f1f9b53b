-- $1 store, $2 now, $3 item[], $4 location[], $5 holds[]: more units than are within a grace
-- A level that holds units back comes again after a minute, unless its quantity was written. Of the
-- others, the periods that are over are forgotten.
WITH level AS MATERIALIZED (
    SELECT item, location, holds FROM unnest($3::bigint[], $4::bigint[], $5::integer[]) AS e (item, location, holds)
), settled AS (
    DELETE FROM stocksync.in_flight f USING level l
     WHERE f.store = $1 AND f.item = l.item AND f.location = l.location AND f.wake_at <= $2 AND f.until <= $2 AND l.holds = 0
)
UPDATE stocksync.in_flight f SET wake_at = $2 + interval '1 minute'
  FROM level l
 WHERE f.store = $1 AND f.item = l.item AND f.location = l.location AND f.wake_at <= $2 AND l.holds = 1

-- $1 store, $2 subject[], $3 revision[], $4 attempts[]: as they were given out
-- Deletes the rows that were tried and not parked again. Gives the places, from 0, of the rows that
-- are gone: fixed.
WITH tried AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::bigint[], $4::integer[]) WITH ORDINALITY AS t (subject, revision, attempts, place)
), gone AS (
    DELETE FROM stocksync.parked p
     USING tried t
     WHERE p.store = $1 AND p.subject = t.subject AND p.revision = t.revision AND p.attempts = t.attempts
)
SELECT (t.place - 1)::integer
  FROM tried t
  LEFT JOIN stocksync.parked p ON p.store = $1 AND p.subject = t.subject
 WHERE p.subject IS NULL OR (p.revision = t.revision AND p.attempts = t.attempts)

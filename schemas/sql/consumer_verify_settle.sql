-- $1 store, $2 item[], $3 location[], $4 what[] (NULL: repaired)
-- Answers with the place of each difference that is closed, and its kind.
WITH ended AS MATERIALIZED (
    SELECT item, location, what, place
      FROM unnest($2::bigint[], $3::bigint[], $4::text[]) WITH ORDINALITY AS e (item, location, what, place)
     ORDER BY item, location
), settled AS (
    UPDATE stocksync.drift d
       SET repaired_at = CASE WHEN e.what IS NULL THEN now() END, what = e.what
      FROM ended e
     WHERE d.store = $1 AND d.item = e.item AND d.location = e.location AND d.repaired_at IS NULL
    RETURNING e.place, d.kind, d.repaired_at
)
SELECT (place - 1)::integer, kind FROM settled WHERE repaired_at IS NOT NULL

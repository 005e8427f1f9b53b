-- $1 store, $2 the first load needs no approval
-- Decided once, before anything is written: a level that is read and found equal makes the store
-- known, but does not approve it.
WITH contact AS (
    SELECT EXISTS (SELECT FROM stocksync.level WHERE store = $1) AS known
)
INSERT INTO stocksync.guard AS g (store, first_load)
SELECT $1, CASE WHEN $2::boolean OR known THEN 'go' ELSE 'waits' END FROM contact
    ON CONFLICT (store) DO UPDATE
   SET first_load = CASE WHEN $2::boolean THEN 'go'
           ELSE coalesce(g.first_load, CASE WHEN g.loaded_at IS NOT NULL THEN 'go' END, excluded.first_load) END
RETURNING g.first_load = 'waits', NOT (SELECT known FROM contact)

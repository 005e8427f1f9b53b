-- $1 store
-- The first row is the present stream.
SELECT id::text, why, began_at, first_revision FROM stocksync.stream WHERE $1::text IS NOT NULL ORDER BY first_revision DESC

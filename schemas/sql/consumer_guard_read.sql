-- $1 store, $2 our instance
SELECT loaded_at IS NOT NULL, database, database_since, accepted_revision, held_at, coalesce(holder = $2, false), reason, detail, examples,
       coalesce(first_load = 'waits', false)
  FROM stocksync.guard WHERE store = $1

-- $1 store. Shows commands that a lane of the store lives. Shared: a store may have several lanes.
SELECT pg_try_advisory_lock_shared(hashtext('stocksync lane'), hashtext($1))

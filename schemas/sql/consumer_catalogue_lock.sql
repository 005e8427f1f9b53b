-- $1 store. One process reads a store's catalogue; the lock ends with its connection.
SELECT pg_try_advisory_lock(hashtextextended('stocksync.catalogue ' || $1, 0)), clock_timestamp()

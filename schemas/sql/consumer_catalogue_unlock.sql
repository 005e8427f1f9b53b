-- $1 store
SELECT pg_advisory_unlock(hashtextextended('stocksync.catalogue ' || $1, 0))

-- $1 store, $2 database
INSERT INTO stocksync.guard AS g (store, database) VALUES ($1, $2)
    ON CONFLICT (store) DO UPDATE SET database = coalesce(g.database, excluded.database)
RETURNING database

-- $1 store
INSERT INTO stocksync.guard AS g (store, loaded_at) VALUES ($1, now())
    ON CONFLICT (store) DO UPDATE SET loaded_at = coalesce(g.loaded_at, excluded.loaded_at)

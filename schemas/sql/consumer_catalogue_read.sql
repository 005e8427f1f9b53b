-- $1 store, $2 match, $3 domain, $4 when the reading began
INSERT INTO stocksync.catalogue AS c (store, match, domain, read_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (store) DO UPDATE SET match = excluded.match, domain = excluded.domain, read_at = excluded.read_at

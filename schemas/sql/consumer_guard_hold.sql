-- $1 store, $2 our instance, $3 held_at, $4 held_revision, $5 reason, $6 detail, $7 examples
-- The hold of another living process stays unchanged.
INSERT INTO stocksync.guard AS g (store, holder, held_at, held_revision, reason, detail, examples)
VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (store) DO UPDATE
   SET holder = excluded.holder, held_at = coalesce(g.held_at, excluded.held_at), held_revision = excluded.held_revision,
       reason = excluded.reason, detail = excluded.detail, examples = excluded.examples
 WHERE g.held_at IS NULL OR g.holder = excluded.holder

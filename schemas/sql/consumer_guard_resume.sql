-- $1 store, $2 database: NULL keeps the present one, $3 confirms database and stream
-- Revisions are microseconds since the epoch. Accepts all changes of Odoo until now, and all that
-- the holder has read: a producer that has just started may be a minute ahead of the clock. What
-- a person confirms is right as of the same moment.
INSERT INTO stocksync.guard AS g (store, database, database_since)
VALUES ($1, $2::text, CASE WHEN NOT $3::boolean THEN 0 ELSE (extract(epoch FROM clock_timestamp()) * 1000000)::bigint END)
    ON CONFLICT (store) DO UPDATE
   SET accepted_revision = CASE WHEN g.held_at IS NULL THEN g.accepted_revision
           ELSE greatest((extract(epoch FROM clock_timestamp()) * 1000000)::bigint, g.held_revision, g.accepted_revision) END,
       database = coalesce(excluded.database, g.database),
       database_since = CASE WHEN NOT $3::boolean THEN g.database_since
           ELSE greatest(excluded.database_since, g.held_revision, g.database_since) END,
       first_load = CASE WHEN g.held_at IS NOT NULL AND g.reason = 'first_load' THEN 'go' ELSE g.first_load END,
       holder = NULL, held_at = NULL, held_revision = NULL, reason = NULL, detail = NULL, examples = NULL

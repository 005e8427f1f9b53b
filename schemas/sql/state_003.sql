-- State of both programs, version 3.
-- Parked rows: each is tried again at its time.
ALTER TABLE stocksync.parked ADD COLUMN retry_at timestamptz;    -- NULL: not before a consumer starts
UPDATE stocksync.parked SET retry_at = now() + random() * interval '5 minutes' WHERE reason <> 'undecodable';
CREATE INDEX parked_retry ON stocksync.parked (store, retry_at);
-- Products noted by one consumer of a store, for its other consumers.
ALTER TABLE stocksync.product ADD COLUMN noted_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE stocksync.product ADD COLUMN noted_by bigint;        -- the noting process, as in attempt.instance
CREATE INDEX product_noted ON stocksync.product (store, noted_at);
-- The brake and the clone guard.
ALTER TABLE stocksync.owner ADD COLUMN database text;        -- Odoo's database.uuid that is published; NULL: not known yet
CREATE TABLE stocksync.guard (                    -- what stops a store as a whole
    store text PRIMARY KEY,
    loaded_at timestamptz,                        -- every level was written or compared once: the first load is complete
    database text,                                -- the Odoo database whose records are applied; NULL: none yet
    database_since bigint NOT NULL DEFAULT 0,     -- confirmed then (a revision): older records of other databases are skipped
    accepted_revision bigint NOT NULL DEFAULT 0,  -- an operator accepted all changes up to this revision
    held_at timestamptz,                          -- NULL: not held
    holder bigint,                                -- the process that holds: has the advisory lock of this number while it lives
    held_revision bigint,                         -- greatest revision that it had planned
    reason text,
    detail text,
    examples text                                 -- one line each
);
-- The stores' catalogues.
CREATE TABLE stocksync.item (                     -- which inventory item carries which SKU or barcode
    store text NOT NULL,
    text text COLLATE "C" NOT NULL,               -- compared byte by byte
    item bigint NOT NULL,
    tracked boolean NOT NULL,
    bundle boolean NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),   -- when it was first seen, or seen to differ
    PRIMARY KEY (store, text, item)
);
CREATE TABLE stocksync.catalogue (                -- the search that found the rows above
    store text PRIMARY KEY,
    match text NOT NULL,                          -- sku or barcode, and of which shop: rows of another are of no use
    domain text NOT NULL,
    read_at timestamptz NOT NULL,                 -- when the last complete search began
    wanted_at timestamptz                         -- when an operator last asked for another one
);
CREATE INDEX parked_level ON stocksync.parked (store, product_id) WHERE item IS NOT NULL;

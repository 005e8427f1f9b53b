-- The producer's tables next to Odoo's, version 2: which product is made of which. They lie in
-- Odoo's database, so that one snapshot and one backup cover them and the tables that they come
-- from.
CREATE TABLE stocksync.kit (                      -- products whose stock is computed from other products
    kit_id integer PRIMARY KEY,                   -- product_product.id
    kind smallint NOT NULL,                       -- 1 kit: least over its components; 2 commingled: sum over its children
    bom_id integer,                               -- of a kit: the bill of materials that counts
    problem text                                  -- why it has no quantity; NULL: it has one
);
CREATE TABLE stocksync.kit_component (            -- all components of a kit, down to those with their own quants
    kit_id integer NOT NULL,
    component_id integer NOT NULL,
    need double precision,                        -- units for one batch of the kit; 0: counts through another
                                                  -- component, which is a kit; NULL: its stock does not count
    yield double precision NOT NULL,              -- kits in one batch
    PRIMARY KEY (kit_id, component_id)
);
CREATE INDEX kit_component_used ON stocksync.kit_component (component_id, kit_id, need);

CREATE TABLE stocksync.kit_table (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version bigint NOT NULL DEFAULT 0,            -- rises with each change: two writers with old snapshots cannot both commit
    filled_at timestamptz                         -- NULL: bills may have changed without marks; all are read again
);
INSERT INTO stocksync.kit_table DEFAULT VALUES;

CREATE TABLE stocksync.published (                -- digests of the last records; kept for the full pass
    product_id integer PRIMARY KEY,
    digest bigint NOT NULL
) WITH (fillfactor = 80);
CREATE TABLE stocksync.full_pass (                -- the pass that compares every product with its last record
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    started_at timestamptz,
    finished_at timestamptz,
    last_product integer NOT NULL DEFAULT 0,      -- compared up to this id
    compared bigint NOT NULL DEFAULT 0,
    republished bigint NOT NULL DEFAULT 0,
    total bigint NOT NULL DEFAULT 0               -- products when it began
);
INSERT INTO stocksync.full_pass DEFAULT VALUES;

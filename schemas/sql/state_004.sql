-- State of both programs, version 4: closing the loop at the store.

-- What a level's number is made from.
ALTER TABLE stocksync.level ADD COLUMN raw double precision;       -- Odoo's stock before the store's rules; NULL: not known
ALTER TABLE stocksync.level ADD COLUMN missing integer;            -- unimported sales when it was written; NULL: wanted - quantity
ALTER TABLE stocksync.level ADD COLUMN reserved integer NOT NULL DEFAULT 0; -- units that Shopify reserves (transfers) and Odoo does not
ALTER TABLE stocksync.attempt ADD COLUMN raw double precision[];   -- of each entry; NULL: not known
ALTER TABLE stocksync.attempt ADD COLUMN missing integer[];        -- of each entry; NULL: wanted - quantity
ALTER TABLE stocksync.attempt ADD COLUMN reserved integer[];       -- of each entry; NULL: none
ALTER TABLE stocksync.attempt ADD COLUMN adjusts boolean NOT NULL DEFAULT false; -- by the difference quantity - change_from

-- Stores that sell for one company.
ALTER TABLE stocksync.warehouse ADD COLUMN company_id integer;     -- NULL: noted by an older producer

-- SKUs that several items share, and numbers that move with their product.
ALTER TABLE stocksync.item ADD COLUMN known boolean NOT NULL DEFAULT false; -- of several items with one text: it had it alone before
CREATE INDEX level_product ON stocksync.level (store, product_id);
CREATE TABLE stocksync.level_kept (               -- numbers of products whose item is another product's by now
    store text NOT NULL,
    product_id integer NOT NULL,
    location bigint NOT NULL,
    item bigint NOT NULL,                         -- where they were written, and the rest as in stocksync.level
    quantity integer NOT NULL,
    wanted integer,
    raw double precision,
    missing integer,
    reserved integer NOT NULL,
    revision bigint NOT NULL,
    until timestamptz[] NOT NULL,                 -- the level's rows of stocksync.in_flight
    units integer[] NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store, product_id, location)
);

-- The first contact with a store.
ALTER TABLE stocksync.guard ADD COLUMN first_load text;  -- waits: for a person; go: may be written; NULL: not known yet

-- Partitions whose next record cannot be read: one row for each, made by the lane that found the record.
CREATE TABLE stocksync.blocked_partition (
    store text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,                -- of the record; what follows it is not planned
    schema text NOT NULL,                         -- its fingerprint
    detail text NOT NULL,
    blocked_at timestamptz NOT NULL DEFAULT now(),
    skip_at timestamptz,                          -- an operator passes over the record; NULL: not decided
    PRIMARY KEY (store, topic, partition)
);

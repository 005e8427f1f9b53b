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

-- Verification: every level is compared with the store.
CREATE TABLE stocksync.verification (             -- each partition's products are compared in order of their ids
    store text NOT NULL,
    partition integer NOT NULL,
    began_at timestamptz NOT NULL,                -- of the pass under way
    product_id integer NOT NULL,                  -- it has compared all products up to this one
    done_at timestamptz,                          -- when the last complete pass began; NULL: none yet
    PRIMARY KEY (store, partition)
);
CREATE TABLE stocksync.drift (                    -- levels that the store held otherwise than we left them
    store text NOT NULL,
    item bigint NOT NULL,
    location bigint NOT NULL,
    product_id integer NOT NULL,
    kind text NOT NULL,
    expected integer,                             -- NULL: we never wrote it
    found integer,                                -- NULL: there is no level
    what text,                                    -- why it was not repaired
    first_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),   -- last
    repaired_at timestamptz,                      -- NULL: it remains
    request bigint                                -- the requested round that saw it last
);
CREATE UNIQUE INDEX drift_open ON stocksync.drift (store, item, location) WHERE repaired_at IS NULL;
CREATE INDEX drift_seen ON stocksync.drift (store, seen_at);
CREATE INDEX drift_request ON stocksync.drift (request) WHERE request IS NOT NULL;
CREATE TABLE stocksync.round_request (            -- a command asks the store's lanes to compare or push now
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    store text NOT NULL,
    push boolean NOT NULL,                        -- write, whatever is remembered
    repair boolean NOT NULL,
    product_id integer,                           -- NULL: every product
    requested_at timestamptz NOT NULL DEFAULT now(),
    waited_at timestamptz NOT NULL DEFAULT now(), -- the command has waited for it then
    ended_at timestamptz,                         -- complete or cancelled
    partitions integer                            -- how many must be done; NULL: no lane has taken it yet
);
CREATE INDEX round_request_open ON stocksync.round_request (store) WHERE ended_at IS NULL;
CREATE TABLE stocksync.round_part (               -- its progress in one partition
    request bigint NOT NULL REFERENCES stocksync.round_request ON DELETE CASCADE,
    partition integer NOT NULL,
    total integer NOT NULL,                       -- levels
    compared integer NOT NULL,
    waiting integer NOT NULL,                     -- differences that are looked at again or repaired
    done_at timestamptz,
    PRIMARY KEY (request, partition)
);
CREATE TABLE stocksync.round_level (              -- what a push did
    request bigint NOT NULL REFERENCES stocksync.round_request ON DELETE CASCADE,
    item bigint NOT NULL,
    location bigint NOT NULL,
    product_id integer NOT NULL,
    before integer,                               -- in the store; NULL: there was no level
    after integer,                                -- NULL: not written
    what text,                                    -- why
    PRIMARY KEY (request, item, location)
);

-- Rules that change take effect on restart.
CREATE TABLE stocksync.planned (                  -- which rules planned a partition of the topic to its end
    store text NOT NULL,
    partition integer NOT NULL,
    digest text NOT NULL,
    planned_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store, partition)
);

-- Streams: one unbroken history of one database in one topic. The present one has the greatest first_revision.
ALTER TABLE stocksync.owner DROP COLUMN system_identifier, DROP COLUMN timeline;
CREATE TABLE stocksync.stream (
    id uuid PRIMARY KEY,
    why text NOT NULL,                            -- it began: first, topic, partitions, timeline
    began_at timestamptz NOT NULL DEFAULT now(),
    first_revision bigint NOT NULL UNIQUE,        -- every record of it has a greater one; every earlier record a smaller one
    topic text NOT NULL,
    cluster text NOT NULL,                        -- Kafka's; '': it has none
    database text,                                -- Odoo's database.uuid; NULL: it has none
    system_identifier bigint NOT NULL,            -- of Odoo's server
    timeline integer NOT NULL,
    database_oid bigint NOT NULL,                 -- of Odoo's database in that server: a restored one has another
    settled bigint NOT NULL DEFAULT 0,            -- Odoo's database has held this revision in stocksync.settled
    marked_at timestamptz                         -- every product was marked; NULL: not yet
);
CREATE TABLE stocksync.stream_partition (
    stream uuid NOT NULL,
    partition integer NOT NULL,
    first_offset bigint NOT NULL,                 -- no record of the stream has a smaller one
    next_offset bigint NOT NULL,                  -- behind a settled record of the stream, half a minute ago or so
    PRIMARY KEY (stream, partition)
);
CREATE TABLE stocksync.store_stream (             -- to which stream a store's committed offsets belong
    store text NOT NULL,
    partition integer NOT NULL,
    stream uuid NOT NULL,
    PRIMARY KEY (store, partition)
);

-- The producer accepts another number of partitions only when 'install --partitions' has noted it.
ALTER TABLE stocksync.owner ADD COLUMN partitions integer; -- NULL: as many as the topic has when its first stream begins

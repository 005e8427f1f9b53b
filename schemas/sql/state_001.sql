-- State of both programs, version 1. Lives in the schema stocksync of the [state] database.
CREATE TABLE stocksync.owner (                    -- the leader: one row
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch bigint NOT NULL DEFAULT 0,              -- takeovers so far
    since timestamptz,
    host text,
    pid integer,
    revision_ceiling bigint NOT NULL DEFAULT 0,   -- no revision above it was ever issued
    system_identifier bigint,                     -- of Odoo's cluster
    timeline integer
);
INSERT INTO stocksync.owner DEFAULT VALUES;

CREATE TABLE stocksync.warehouse (                -- copy for the consumers: codes by id
    id integer PRIMARY KEY,
    code text NOT NULL,
    company text NOT NULL,
    active boolean NOT NULL
);

CREATE TABLE stocksync.parked_product (           -- products whose record cannot be published
    product_id integer PRIMARY KEY,
    reason text NOT NULL,
    detail text NOT NULL,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 1
);

CREATE TABLE stocksync.level (                    -- the quantity last written to Shopify
    store text NOT NULL,
    item bigint NOT NULL,
    location bigint NOT NULL,
    product_id integer NOT NULL,
    quantity integer NOT NULL,
    revision bigint NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store, item, location)
) WITH (fillfactor = 80);                         -- updates stay on their page

CREATE TABLE stocksync.attempt (                  -- every mutation, stored before it is sent: the journal
    key uuid PRIMARY KEY,
    store text NOT NULL,
    instance bigint NOT NULL,                     -- the sending process: holds the advisory lock of this number while it lives
    generation integer NOT NULL,
    variables text NOT NULL,                      -- as sent; emptied once the outcome is known
    item bigint[] NOT NULL,
    location bigint[] NOT NULL,
    product_id integer[] NOT NULL,
    quantity integer[] NOT NULL,
    change_from integer[] NOT NULL,
    revision bigint[] NOT NULL,
    changed_at timestamptz[] NOT NULL,
    sent_at timestamptz NOT NULL DEFAULT now(),
    answered_at timestamptz,
    outcome text,                                 -- NULL: not known yet
    request_id text
);
CREATE INDEX attempt_open ON stocksync.attempt (store) WHERE outcome IS NULL;
CREATE INDEX attempt_age ON stocksync.attempt (sent_at);

CREATE TABLE stocksync.product (                  -- how each store knows each product
    store text NOT NULL,
    product_id integer NOT NULL,
    match text,
    sellable boolean NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (store, product_id)
);

CREATE TABLE stocksync.parked (
    store text NOT NULL,
    subject text NOT NULL,                        -- product/ID, level/ITEM/LOCATION, record/TOPIC/PARTITION/OFFSET
    product_id integer,
    item bigint,
    location bigint,
    topic text,
    partition integer,
    record_offset bigint,
    revision bigint NOT NULL DEFAULT 0,
    quantity integer,
    reason text NOT NULL,
    code text,
    detail text NOT NULL,
    request_id text,
    record_key bytea,
    record_value bytea,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 1,
    PRIMARY KEY (store, subject)
);

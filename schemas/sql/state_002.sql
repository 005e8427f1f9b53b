-- State of both programs, version 2: units that Shopify has sold and Odoo does not know of yet.
ALTER TABLE stocksync.level ADD COLUMN wanted integer;       -- Odoo's number behind quantity; NULL: the same
ALTER TABLE stocksync.attempt ADD COLUMN wanted integer[];   -- of each entry; NULL: the same as quantity
CREATE TABLE stocksync.in_flight (                -- units seen missing in Shopify: held back until their grace ends
    store text NOT NULL,
    item bigint NOT NULL,
    location bigint NOT NULL,
    until timestamptz NOT NULL,
    units integer NOT NULL,
    wake_at timestamptz NOT NULL,                 -- when a lane looks at it next: first at its end
    PRIMARY KEY (store, item, location, until)
);
CREATE INDEX in_flight_wake ON stocksync.in_flight (store, wake_at);

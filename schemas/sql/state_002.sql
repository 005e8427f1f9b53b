-- State of both programs, version 2: unimported sales, that is units that Shopify has sold and Odoo
-- has not imported yet.
ALTER TABLE stocksync.level ADD COLUMN wanted integer;       -- the quantity in Odoo; NULL: the same
ALTER TABLE stocksync.attempt ADD COLUMN wanted integer[];   -- of each entry; NULL: the same as quantity
CREATE TABLE stocksync.in_flight (                -- units missing in Shopify, withheld until their grace ends
    store text NOT NULL,
    item bigint NOT NULL,
    location bigint NOT NULL,
    until timestamptz NOT NULL,
    units integer NOT NULL,
    wake_at timestamptz NOT NULL,                 -- when a lane reads it next: first at its end
    PRIMARY KEY (store, item, location, until)
);
CREATE INDEX in_flight_wake ON stocksync.in_flight (store, wake_at);

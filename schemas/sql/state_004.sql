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

-- State of both programs, version 3.
-- Parked rows are a working list: each says when it is tried again.
ALTER TABLE stocksync.parked ADD COLUMN retry_at timestamptz;    -- NULL: not before a consumer starts
UPDATE stocksync.parked SET retry_at = now() + random() * interval '5 minutes' WHERE reason <> 'undecodable';
CREATE INDEX parked_retry ON stocksync.parked (store, retry_at);
-- What one consumer of a store notes of a product, the others learn.
ALTER TABLE stocksync.product ADD COLUMN noted_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE stocksync.product ADD COLUMN noted_by bigint;        -- the noting process, as in attempt.instance
CREATE INDEX product_noted ON stocksync.product (store, noted_at);

-- State of both programs, version 3: the stores' catalogues.
CREATE TABLE stocksync.item (                     -- which inventory item carries which SKU or barcode
    store text NOT NULL,
    text text COLLATE "C" NOT NULL,               -- compared byte by byte
    item bigint NOT NULL,
    tracked boolean NOT NULL,
    bundle boolean NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),   -- when it was first seen, or seen to differ
    PRIMARY KEY (store, text, item)
);
CREATE TABLE stocksync.catalogue (                -- of which reading the rows above are
    store text PRIMARY KEY,
    match text NOT NULL,                          -- sku or barcode, and of which shop: rows of another are of no use
    domain text NOT NULL,
    read_at timestamptz NOT NULL,                 -- when the last whole reading began
    wanted_at timestamptz                         -- when a person last asked for another one
);
CREATE INDEX parked_level ON stocksync.parked (store, product_id) WHERE item IS NOT NULL;

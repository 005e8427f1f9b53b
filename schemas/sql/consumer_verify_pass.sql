-- $1 store, $2 partition, $3 began_at, $4 product_id, $5 done_at
INSERT INTO stocksync.verification AS v (store, partition, began_at, product_id, done_at)
VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (store, partition) DO UPDATE
   SET began_at = excluded.began_at, product_id = excluded.product_id, done_at = excluded.done_at

-- $1 store, $2 key, $3 instance, $4 generation, $5 variables, $6 item[], $7 location[],
-- $8 product_id[], $9 quantity[], $10 change_from[], $11 revision[], $12 changed_at[], $13 wanted[],
-- $14 raw[], $15 missing[], $16 reserved[], $17 adjusts
-- No row touched: another attempt used this key. Our own open attempt, stored before a connection
-- was lost, counts as stored.
INSERT INTO stocksync.attempt AS a (store, key, instance, generation, variables, item, location, product_id, quantity,
                                    change_from, revision, changed_at, wanted, raw, missing, reserved, adjusts)
VALUES ($1, $2::uuid, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    ON CONFLICT (key) DO UPDATE SET instance = excluded.instance
 WHERE a.outcome IS NULL AND a.store = excluded.store AND a.instance = excluded.instance AND a.variables = excluded.variables

-- $1 store
-- What was repaired long ago, and the oldest rows beyond a number that a person could still read.
-- A product that is not sold any more, or has another item now, has no difference at the old one.
WITH old AS (
    SELECT ctid FROM stocksync.drift WHERE store = $1 AND repaired_at < now() - interval '30 days'
    UNION ALL
    (SELECT ctid FROM stocksync.drift WHERE store = $1 ORDER BY seen_at DESC OFFSET 100000)
    UNION ALL
    SELECT d.ctid FROM stocksync.drift d JOIN stocksync.product p ON p.store = d.store AND p.product_id = d.product_id
     WHERE d.store = $1 AND d.repaired_at IS NULL
       AND (NOT p.sellable
            OR NOT EXISTS (SELECT FROM stocksync.item i WHERE i.store = $1 AND i.text = p.match AND i.item = d.item))
)
DELETE FROM stocksync.drift d USING old WHERE d.ctid = old.ctid

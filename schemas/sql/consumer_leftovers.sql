-- $1 store
-- Levels that hold the last number of a product which the store does not sell any more, or which has
-- another SKU, while no product that is sold claims the item. A renamed product changed after the
-- write; if not, the item was renamed in the store. A SKU that the store does not have may be on its
-- way there, so a renamed product waits a minute.
-- Last column: whether the level is parked.
WITH changed AS MATERIALIZED (
    SELECT l.product_id, l.item, l.location, l.quantity, p.match, p.sellable, p.revision, p.noted_at
      FROM stocksync.level l
      JOIN stocksync.product p ON p.store = $1 AND p.product_id = l.product_id
                           AND (NOT p.sellable OR p.revision > l.revision)
     WHERE l.store = $1 AND l.quantity > 0 AND EXISTS (SELECT FROM stocksync.catalogue c WHERE c.store = $1)
), claimed AS MATERIALIZED (
    SELECT i.item
      FROM stocksync.item i
      JOIN stocksync.product o ON o.store = $1 AND o.match = i.text AND o.sellable
     WHERE i.store = $1 AND i.item IN (SELECT item FROM changed)
)
SELECT c.product_id, c.match, c.item, c.location, c.quantity, c.revision,
       EXISTS (SELECT FROM stocksync.parked k WHERE k.store = $1 AND k.subject = 'level/' || c.item || '/' || c.location)
  FROM changed c
 WHERE NOT EXISTS (SELECT FROM claimed WHERE claimed.item = c.item)
   AND (NOT c.sellable OR c.noted_at < now() - interval '1 minute'
        OR EXISTS (SELECT FROM stocksync.item i WHERE i.store = $1 AND i.text = c.match))
 ORDER BY c.product_id, c.item, c.location

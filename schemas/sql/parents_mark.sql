-- One mark with cause 3 (parent) for each kit that one of the products is part of; need IS NULL: its stock does not count there.
-- $1 product_id[], $2 timestamptz[]: when each of them changed. Gives how many marks, the earliest change among them, and whether
-- there is any kit at all.
WITH kit AS (
    SELECT k.kit_id, min(e.changed_at) AS changed_at
      FROM unnest($1::integer[], $2::timestamptz[]) AS e (product_id, changed_at)
      JOIN stocksync.kit_component k ON k.component_id = e.product_id AND k.need IS NOT NULL
     GROUP BY k.kit_id
), mark AS (
    INSERT INTO public.stock_availability_dirty_shopify (product_id, cause, date_added)
    SELECT kit_id, 3, LEAST(changed_at, now()) FROM kit
    RETURNING 1
)
SELECT (SELECT count(*) FROM mark), (SELECT min(changed_at) FROM kit),
       EXISTS (SELECT FROM stocksync.kit_component)

-- $1 store, $2 product_id[], $3 partition[]
UPDATE stocksync.parked p SET partition = e.partition
  FROM unnest($2::integer[], $3::integer[]) AS e (product_id, partition)
 WHERE p.store = $1 AND p.product_id = e.product_id AND p.partition IS NULL

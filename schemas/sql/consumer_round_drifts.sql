-- $1 store, $2 request, $3 at most. Those that remain first.
SELECT d.kind, coalesce(p.match, ''), d.product_id, d.item, d.location, d.expected, d.found, d.repaired_at IS NOT NULL, d.what
  FROM stocksync.drift d
  LEFT JOIN stocksync.product p ON p.store = d.store AND p.product_id = d.product_id
 WHERE d.store = $1 AND d.request = $2
 ORDER BY d.repaired_at IS NOT NULL, row_number() OVER (PARTITION BY d.kind ORDER BY d.item, d.location), d.kind
 LIMIT $3

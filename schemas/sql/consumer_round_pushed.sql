-- $1 store, $2 request
SELECT l.product_id, l.item, l.location, l.before, l.after, l.what
  FROM stocksync.round_level l JOIN stocksync.round_request r ON r.id = l.request
 WHERE r.store = $1 AND l.request = $2 ORDER BY l.item, l.location

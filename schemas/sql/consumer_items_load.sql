-- $1 store, $2 and $3: last text and item of the page before
-- Large pages: soon after a first reading there are no statistics, and each page is a sort.
SELECT text, item, tracked, bundle, known
  FROM stocksync.item
 WHERE store = $1 AND (text, item) > ($2 COLLATE "C", $3)
 ORDER BY text, item
 LIMIT 100000

-- $1 store, $2 reason[]: none means all
SELECT subject
  FROM stocksync.parked
 WHERE store = $1 AND (cardinality($2::text[]) = 0 OR reason = ANY ($2::text[]))
 ORDER BY first_at, subject

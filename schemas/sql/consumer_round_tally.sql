-- $1 store, $2 request
SELECT kind, count(*)::bigint, count(repaired_at)::bigint
  FROM stocksync.drift WHERE store = $1 AND request = $2 GROUP BY kind ORDER BY 2 DESC, 1

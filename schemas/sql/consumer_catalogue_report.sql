-- $1 store
WITH shared AS MATERIALIZED (
    SELECT text, bool_or(known) AS known FROM stocksync.item WHERE store = $1 GROUP BY text HAVING count(*) > 1
), untracked AS MATERIALIZED (
    SELECT item, min(text) AS text FROM stocksync.item WHERE store = $1 AND NOT tracked GROUP BY item
), unmapped AS MATERIALIZED (
    SELECT product_id FROM stocksync.parked WHERE store = $1 AND reason = 'unmapped'
)
SELECT (SELECT read_at FROM stocksync.catalogue WHERE store = $1),
       (SELECT count(DISTINCT text) FROM stocksync.item WHERE store = $1),
       (SELECT count(*) FROM shared WHERE known),
       (SELECT string_agg(text, ', ') FROM (SELECT text FROM shared WHERE known ORDER BY text LIMIT 5) s),
       (SELECT count(*) FROM shared WHERE NOT known),
       (SELECT string_agg(text, ', ') FROM (SELECT text FROM shared WHERE NOT known ORDER BY text LIMIT 5) s),
       (SELECT count(*) FROM untracked),
       (SELECT string_agg(text, ', ') FROM (SELECT text FROM untracked ORDER BY text LIMIT 5) u),
       (SELECT count(*) FROM unmapped),
       (SELECT string_agg(coalesce(match, '?'), ', ')
          FROM (SELECT p.match FROM unmapped u LEFT JOIN stocksync.product p ON p.store = $1 AND p.product_id = u.product_id
                 ORDER BY u.product_id LIMIT 5) m)

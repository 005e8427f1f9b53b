-- $1 store, $2 text[], $3 item[]
DELETE FROM stocksync.item i
 USING unnest($2::text[], $3::bigint[]) AS e (text, item)
 WHERE i.store = $1 AND i.text = e.text COLLATE "C" AND i.item = e.item

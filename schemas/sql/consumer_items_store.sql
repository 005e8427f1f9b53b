-- $1 store, $2 text[], $3 item[], $4 tracked[], $5 bundle[] and $6 known[] (0 or 1)
-- Sorted, so that two processes never wait for each other.
INSERT INTO stocksync.item AS i (store, text, item, tracked, bundle, known)
SELECT $1, text, item, tracked <> 0, bundle <> 0, known <> 0
  FROM unnest($2::text[], $3::bigint[], $4::integer[], $5::integer[], $6::integer[])
       AS e (text, item, tracked, bundle, known)
 ORDER BY text COLLATE "C", item
    ON CONFLICT (store, text, item) DO UPDATE SET tracked = excluded.tracked, bundle = excluded.bundle, known = excluded.known,
       seen_at = excluded.seen_at

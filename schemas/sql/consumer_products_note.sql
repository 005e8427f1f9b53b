-- $1 store, $2 product_id[], $3 match[], $4 sellable[] (0 or 1), $5 revision[], $6 noting process
INSERT INTO stocksync.product AS p (store, product_id, match, sellable, revision, noted_by)
SELECT DISTINCT ON (product_id) $1, product_id, match, sellable <> 0, revision, $6
  FROM unnest($2::integer[], $3::text[], $4::integer[], $5::bigint[])
       WITH ORDINALITY AS e (product_id, match, sellable, revision, place)
 ORDER BY product_id, revision DESC, place DESC
    ON CONFLICT (store, product_id) DO UPDATE
   SET match = excluded.match, sellable = excluded.sellable, revision = excluded.revision, noted_at = excluded.noted_at,
       noted_by = excluded.noted_by
 WHERE p.revision <= excluded.revision

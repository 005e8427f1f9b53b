-- $1 store, $2 stream, $3 partition[]
-- Where the stream begins, and to which stream the store's committed offset belongs.
SELECT (k.place - 1)::integer, coalesce(p.first_offset, 0), s.stream::text
  FROM unnest($3::integer[]) WITH ORDINALITY AS k (partition, place)
  LEFT JOIN stocksync.stream_partition p ON p.stream = $2::text::uuid AND p.partition = k.partition
  LEFT JOIN stocksync.store_stream s ON s.store = $1 AND s.partition = k.partition

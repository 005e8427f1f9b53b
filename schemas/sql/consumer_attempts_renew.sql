-- $1 store, $2 our instance, $3 key, $4 now
-- No row touched: another process has given the attempt up meanwhile, and may have written its
-- levels. It must not be sent any more.
UPDATE stocksync.attempt SET sent_at = $4 WHERE store = $1 AND instance = $2 AND key = $3::uuid AND outcome IS NULL

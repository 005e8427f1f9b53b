-- $1 store, $2 our instance, $3 sent before
-- Attempts of other living processes that were not sent again for so long: their process is
-- stopped. When it wakes up, it finds that they are not open any more, and does not send them.
UPDATE stocksync.attempt SET outcome = 'abandoned', answered_at = now(), variables = ''
 WHERE store = $1 AND outcome IS NULL AND instance <> $2 AND sent_at < $3

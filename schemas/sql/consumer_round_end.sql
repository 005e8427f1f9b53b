-- $1 store, $2 request
UPDATE stocksync.round_request SET ended_at = now() WHERE id = $2 AND store = $1 AND ended_at IS NULL

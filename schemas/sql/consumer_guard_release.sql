-- $1 store, $2 our instance
UPDATE stocksync.guard
   SET holder = NULL, held_at = NULL, held_revision = NULL, reason = NULL, detail = NULL, examples = NULL
 WHERE store = $1 AND holder = $2

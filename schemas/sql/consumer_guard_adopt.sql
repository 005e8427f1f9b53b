-- $1 store, $2 our instance
-- A hold whose process is gone becomes ours. A process that obtains the advisory lock of an
-- instance knows that the instance's process is gone.
UPDATE stocksync.guard SET holder = $2
 WHERE store = $1 AND held_at IS NOT NULL AND holder <> $2
   AND CASE WHEN holder <> $2 THEN pg_try_advisory_xact_lock(holder) END

/**
 * level_store: the quantities that we last wrote to Shopify.
 */
#ifndef STOCKSYNC_STATE_LEVEL_STORE_H
#define STOCKSYNC_STATE_LEVEL_STORE_H

#include <stddef.h>

#include "consumer/plan/level_write.h"
#include "consumer/state/state.h"

/**
 * Reads levels by key.
 * @param now_us  wall clock: unimported sales whose grace ended before it do not count
 * @param known   [out] room for count entries; known[i] belongs to keys[i]
 */
NODISCARD enum status state_levels_read(struct state *s,
                                        const struct level_key *keys,
                                        size_t count,
                                        int64_t now_us,
                                        struct level_known *known,
                                        struct err *err);
/**
 * Notes values that need no request, because Shopify holds them already.
 * Upserts quantity, desired quantity and revision, and never lowers a revision. Deletes the parked
 * rows of those levels up to that revision.
 */
NODISCARD enum status
state_levels_note(struct state *s, const struct level_write *list, size_t count, struct err *err);

#endif

/**
 * unimported_store: units that Shopify has sold and Odoo has not imported, and until when they are
 * held back. plan/unimported explains why.
 */
#ifndef STOCKSYNC_STATE_UNIMPORTED_STORE_H
#define STOCKSYNC_STATE_UNIMPORTED_STORE_H

#include <stddef.h>

#include "consumer/plan/level_write.h"
#include "consumer/state/state.h"

#define STATE_UNIMPORTED_MAX 1000 /* levels given out at a time */

/** A level whose grace is over: bring it to Odoo's number behind the last write. */
struct state_unimported {
    struct level_key key;
    int32_t product_id;
    int32_t desired;
    double raw;       /* NAN: not known */
    int64_t revision; /* of the last write */
};

/**
 * Units are missing in Shopify: notes the quantity it holds now and the end of the grace.
 * Levels that moved meanwhile are left alone. A value that an open attempt asked for is recorded as
 * our own write. Read the levels again before deciding.
 */
NODISCARD enum status
state_unimported_see(struct state *s, struct level_seen *list, size_t count, struct err *err);
/**
 * Levels whose grace is over. A level that is not written within a minute is given out again.
 * @param is_ours  whether this process takes care of a product
 * @param list     [out] room for STATE_UNIMPORTED_MAX
 */
NODISCARD enum status state_unimported_due(struct state *s,
                                           int64_t now_us,
                                           bool (*is_ours)(void *arg, int32_t product_id),
                                           void *arg,
                                           struct state_unimported *list,
                                           size_t *count,
                                           struct err *err);
/**
 * @param wake_us  [out] wall clock at which the next level is due; INT64_MAX: none
 * @param levels   [out] levels with units held back, over all processes
 */
NODISCARD enum status
state_unimported_next(struct state *s, int64_t *wake_us, size_t *levels, struct err *err);

#endif

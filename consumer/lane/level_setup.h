/**
 * level_setup: makes levels writable: activates missing or inactive ones and switches tracking on,
 * each where an option of the store says so.
 *
 * Neither mutation is stored before it is sent. However often and late they are executed, they
 * overwrite no number (see shopify/levels.h), and a process that takes over reads the level first.
 */
#ifndef STOCKSYNC_LANE_LEVEL_SETUP_H
#define STOCKSYNC_LANE_LEVEL_SETUP_H

#include "consumer/lane/outcomes.h"
#include "consumer/lane/requests.h"

/* Items whose tracking was asked for last. */
#define LEVEL_SETUP_ITEMS 64

struct level_setup {
    const struct lane_context *c;
    struct requests *requests;
    int64_t sent_us; /* monotonic: last mutation */
    int64_t items[LEVEL_SETUP_ITEMS];
    size_t item_count; /* that were ever noted */
};

/**
 * After a read: whether the level must be set up first, and may be.
 * @return true: an outcome was added
 */
bool level_setup_needs(const struct lane_context *c,
                       struct level *level,
                       const struct level_read *read,
                       struct outcomes *out);
/** Why a level cannot be written as it was read. @return true: parked, an outcome was added */
bool level_setup_park_unwritable(struct level *level,
                                 const struct level_read *read,
                                 const struct answer *answer,
                                 struct outcomes *out);
/** Monotonic µs from which on a mutation may be sent; INT64_MAX: none waits. */
int64_t level_setup_deadline_us(const struct level_setup *s);
/**
 * Sends the next one through a free slot; one must wait. The slot stays free when the level shares
 * its SKU (it is parked), or when a request for its item does for it too: tracking belongs to the
 * item, so all its levels that wait share one request.
 */
NODISCARD enum status
level_setup_send(struct level_setup *s, struct request *r, struct outcomes *out, struct err *err);
/** What an answer to one of the two mutations means. */
void level_setup_judge(const struct lane_context *c,
                       const struct request *r,
                       const struct answer *answer,
                       struct outcomes *out);

#endif

/**
 * settle_one: the outcome of one attempt, where a test needs no more.
 */
#ifndef STOCKSYNC_UNIT_STATE_SETTLE_ONE_H
#define STOCKSYNC_UNIT_STATE_SETTLE_ONE_H

#include "consumer/state/state.h"

static inline enum status settle_one(struct state *s,
                                     const struct state_attempt *attempt,
                                     const char *outcome,
                                     const char *request_id,
                                     int64_t answered_at_us,
                                     struct err *err)
{
    const struct state_outcome one = {
        .attempt = attempt, .outcome = outcome, .request_id = request_id};
    return state_attempts_settle(s, &one, 1, answered_at_us, err);
}

#endif

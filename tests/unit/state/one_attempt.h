/**
 * one_attempt: begin and outcome of one attempt, where a test needs no more.
 */
#ifndef STOCKSYNC_UNIT_STATE_ONE_ATTEMPT_H
#define STOCKSYNC_UNIT_STATE_ONE_ATTEMPT_H

#include "consumer/state/attempt_store.h"

static inline enum status
begin_one(struct state *s, const struct state_attempt *attempt, struct err *err)
{
    return state_attempts_begin(s, &attempt, 1, err);
}

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

/**
 * dispatch: chooses what is sent next: probes and requests that wait, attempts of dead processes,
 * then levels that must be set up, changes, and reads.
 */
#ifndef STOCKSYNC_LANE_DISPATCH_H
#define STOCKSYNC_LANE_DISPATCH_H

#include "consumer/lane/brake_control.h"
#include "consumer/lane/catalogue.h"
#include "consumer/lane/level_setup.h"
#include "consumer/lane/replan.h"
#include "consumer/lane/unimported_sales.h"

/** All borrowed from the session. */
struct dispatch {
    const struct lane_context *c;
    struct requests *requests;
    struct outcomes *out;
    struct unimported_sales *sales;
    struct level_setup *setup;
    struct brake_control *brake;
    struct source_guard *guard;
    const struct catalogue *catalogue;
    const struct replan *replan;
    int64_t turned_us;     /* monotonic: of the last turn; 0: none yet */
    int64_t blocked_at_us; /* monotonic: when levels in BLOCKED are resolved again */
};

/**
 * Sends everything that may be sent now.
 * @param blocked  the lane's state allows probes only
 * @return STATUS_OK, STATUS_RENEW (see source_guard_compare), graphql_send's, pg_query's
 */
NODISCARD enum status dispatch_turn(struct dispatch *d, bool blocked, bool at_end, struct err *err);
/** Monotonic time at which a turn has something to send; INT64_MAX: none. */
int64_t dispatch_deadline_us(const struct dispatch *d, bool blocked);

#endif

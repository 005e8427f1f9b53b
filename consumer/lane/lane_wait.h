/**
 * lane_wait: how long a lane waits: for its next turn, and with --once for the end.
 */
#ifndef STOCKSYNC_LANE_LANE_WAIT_H
#define STOCKSYNC_LANE_LANE_WAIT_H

#include "consumer/lane/session.h"

/** Time until the next turn. @param blocked  the lane's state allows probes only
 *  @param busy  the last turn left records behind */
int lane_wait_ms(const struct session *s, bool blocked, bool busy);
/**
 * Whether a run with --once is over.
 * @param view  state, its reason and since when
 * @param done  [out] everything is finished
 * @return STATUS_OK; STATUS_STORE_MISCONFIGURED: held; STATUS_STORE_LOST: blocked for half a minute;
 *         blocked_partitions_check's
 */
NODISCARD enum status
lane_wait_once(const struct session *s, const struct lane_view *view, bool *done, struct err *err);

#endif

/**
 * reception: what an answer says about its request and about the store: costs, breaker, odd codes,
 * and whether the same bytes go out again. What it says about levels is for answers.c.
 */
#ifndef STOCKSYNC_LANE_RECEPTION_H
#define STOCKSYNC_LANE_RECEPTION_H

#include "consumer/lane/requests.h"

/**
 * Takes an answer: costs, breaker, codes.
 * @param signal  [out] what it says about the store
 * @return true: the request has ended, judge its answer; false: the same bytes go out again
 */
bool reception_take(struct requests *rq, const struct answer *answer, struct lane_signal *signal);

#endif

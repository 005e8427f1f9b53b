/**
 * parked_pace: how soon a parked row is retried, by its reason. Pure.
 *
 * state/parked_store doubles the wait with every failed try, up to six hours.
 */
#ifndef STOCKSYNC_PLAN_PARKED_PACE_H
#define STOCKSYNC_PLAN_PARKED_PACE_H

#include <stdint.h>

/** Seconds before the first retry. 0: not before the next start, for a record that only another
 * version of this program can decode, or that lacks the numbers of the store's basis. An unknown
 * reason is retried soon. */
int32_t parked_pace_s(const char *reason);

#endif

/**
 * parked_pace: how soon a parked row is tried again, by its reason. Pure.
 *
 * The store of parked rows doubles the wait with every failed try, up to six hours.
 */
#ifndef STOCKSYNC_PLAN_PARKED_PACE_H
#define STOCKSYNC_PLAN_PARKED_PACE_H

#include <stdint.h>

/** Seconds before the first retry; 0: not before the next start (a record that cannot be decoded:
 * only another version of this program can). An unknown reason is retried soon. */
int32_t parked_pace_s(const char *reason);

#endif

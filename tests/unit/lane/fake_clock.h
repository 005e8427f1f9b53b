/**
 * fake_clock: replaces common/core/clock in a test program. Time passes only when a test, or a wait
 * of the fakes, says so. Its object stands before the library, so the real clock is not linked.
 */
#ifndef STOCKSYNC_LANE_FAKE_CLOCK_H
#define STOCKSYNC_LANE_FAKE_CLOCK_H

#include "common/core/clock.h"

#define FAKE_SECOND INT64_C(1000000)

/** Back to the start of time: 1000 s on the monotonic clock. */
void fake_clock_reset(void);
void fake_clock_pass_us(int64_t us);
/** Time passes until then; never backwards. */
void fake_clock_pass_until_us(int64_t monotonic_us);

#endif

/**
 * clock: the two times. Pure modules take a time as a parameter and never include this.
 * Thread-safe.
 */
#ifndef STOCKSYNC_CORE_CLOCK_H
#define STOCKSYNC_CORE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/** Monotonic microseconds since some start: for delays and deadlines. */
int64_t clock_monotonic_us(void);
/** Wall-clock microseconds since the Unix epoch, UTC. */
int64_t clock_wall_us(void);
/** Milliseconds left until a monotonic deadline, rounded up, at least 0, at most INT_MAX. */
int clock_left_ms(int64_t deadline_us);

#define CLOCK_TEXT_SIZE 32
/** Writes a wall time as "2026-11-23T20:44:07.123Z". @return text */
char *clock_format_utc(int64_t wall_us, char text[CLOCK_TEXT_SIZE]);

#endif

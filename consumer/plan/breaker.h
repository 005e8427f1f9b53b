/**
 * breaker: whether requests may go to a store that may have stopped answering. Pure: the time is a
 * parameter (monotonic µs).
 *
 *     closed      requests go. Opens after 5 unknown outcomes in a row, or 10 among the last 20
 *     open        nothing goes until a wait is over: exponential with jitter, 0.5 s to 60 s, and at
 *                 least as long as the store asked for
 *     half open   one request, the probe, is on its way. Its failure opens the breaker again
 *
 * Any answer closes the breaker, even a refusal. But after a write without a usable answer, only
 * an answer to a write or to the probe counts: a store may answer reads and fail every write. Once
 * the breaker is open, failures of requests other than the probe change nothing.
 */
#ifndef STOCKSYNC_PLAN_BREAKER_H
#define STOCKSYNC_PLAN_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/backoff.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN };

struct breaker {
    enum breaker_state state;
    bool write_failed; /* and no write was answered since */
    unsigned in_a_row; /* unknown outcomes since the last answer that counts */
    uint32_t outcomes; /* the last ones, newest in bit 0; 1: unknown */
    int64_t until_us;  /* open: no probe before */
    const void *probe; /* half open: that request; compared only */
    struct backoff backoff;
};

/** @param seed as backoff_init's */
void breaker_init(struct breaker *b, uint64_t seed);
/** "closed", "half_open", "open"; static. */
const char *breaker_state_name(enum breaker_state state);
/** Open, and the wait is over: one request may be sent as the probe; then call breaker_probe. */
bool breaker_wants_probe(const struct breaker *b, int64_t now_us);
void breaker_probe(struct breaker *b, const void *request);
/** When breaker_wants_probe becomes true; INT64_MAX: never by time alone. */
int64_t breaker_next_us(const struct breaker *b);
/** The store answered. @return true: the breaker was not closed, and is now */
bool breaker_answered(struct breaker *b, const void *request, bool writes);
/**
 * A request ended without a usable answer.
 * @param least_ms  wait that the store asked for
 * @return true: the breaker was closed, and is open now
 */
bool breaker_failed(
    struct breaker *b, const void *request, bool writes, int64_t least_ms, int64_t now_us);
/** A person has acted: the next probe need not wait. */
void breaker_probe_now(struct breaker *b);

#endif

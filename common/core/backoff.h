/**
 * backoff: capped exponential delay with full jitter, random(0, min(cap, base * 2^n)).
 *
 * Pure: the seed is the only state. One owner.
 */
#ifndef STOCKSYNC_CORE_BACKOFF_H
#define STOCKSYNC_CORE_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t base_ms;
    int64_t cap_ms;
    unsigned attempt; /* failures in a row */
    uint64_t seed;    /* state of the generator */
};

/** @param seed any number; two processes should not share it (clock and pid will do) */
void backoff_init(struct backoff *b, int64_t base_ms, int64_t cap_ms, uint64_t seed);
/** Counts a failure. @return ms before the next try, at least minimum_ms (the wait that a peer asked
 * for) */
int64_t backoff_next_ms(struct backoff *b, int64_t minimum_ms);
/** A success. */
void backoff_reset(struct backoff *b);

#endif

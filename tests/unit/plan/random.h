/**
 * random: seeded numbers for model tests: the same run each time.
 */
#ifndef STOCKSYNC_UNIT_PLAN_RANDOM_H
#define STOCKSYNC_UNIT_PLAN_RANDOM_H

#include <stdint.h>

/** xorshift64; *state is not 0. A number below `below`. */
static inline uint32_t random_below(uint64_t *state, uint32_t below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)((*state >> 32) % below);
}

#endif

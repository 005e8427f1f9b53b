/**
 * hot_levels: levels that sell so fast that a compare-and-set comes too late: between the read and
 * the set another unit is gone. Pure; one lane owns it; times are monotonic µs.
 *
 * A level is hot for a minute after its last stale answer. The newest HOT_LEVELS_MAX are kept: one
 * that is forgotten is read and compared once more.
 */
#ifndef STOCKSYNC_PLAN_HOT_LEVELS_H
#define STOCKSYNC_PLAN_HOT_LEVELS_H

#include <stdbool.h>
#include <stddef.h>

#include "consumer/plan/level_write.h"

#define HOT_LEVELS_MAX 256

/** Zero is empty. */
struct hot_levels {
    struct hot_level {
        struct level_key key;
        int64_t until_us;
    } list[HOT_LEVELS_MAX];
    size_t next; /* the place that is overwritten next */
};

void hot_levels_add(struct hot_levels *h, struct level_key key, int64_t now_us);
bool hot_levels_has(const struct hot_levels *h, struct level_key key, int64_t now_us);

#endif

/**
 * brake: has so much of a store's stock changed, or is about to, that a person should look first?
 *
 * Two sets of levels are looked at together, each level counting once: those written within the
 * window, and those that would be written next. A level *falls* when it was above zero before the
 * window's first write, or since, and is not any more; it *changes* when its number is another one
 * than before that write. More than
 * zero_percent of the store's levels fallen, or more than change_percent changed, and at least
 * `least` of them: the brake is on.
 *
 * A level that was never written by us changes nothing of ours, so it does not count as changed; it
 * counts as fallen once the first load is over, since then it is the shop's own number that would
 * vanish (a location line with a wrong warehouse).
 *
 * Between two exact counts the figures are kept up by brake_expect and brake_write and may be too
 * high, never too low for what was told: when brake_judge says something, count again before acting
 * on it. Memory follows the levels written within the window: bounded by the catalogue. Pure: the
 * time is a parameter (wall clock, so that it outlives a restart). One lane owns it.
 */
#ifndef STOCKSYNC_PLAN_BRAKE_H
#define STOCKSYNC_PLAN_BRAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/core/attributes.h"
#include "consumer/plan/level_write.h"

struct brake_limits {
    int64_t window_us;
    int64_t zero_percent;   /* 100: off */
    int64_t change_percent; /* 100: off */
    int64_t least;          /* levels: fewer never matter */
};

/** One level that would be written, or is. */
struct brake_change {
    struct level_key key;
    int32_t from; /* what Shopify holds */
    int32_t to;
    int64_t revision;
    bool first; /* never written by us */
};

enum brake_verdict { BRAKE_OFF, BRAKE_ZERO, BRAKE_CHANGE };

struct brake_figures {
    size_t levels; /* of the store, as far as this lane answers for them */
    size_t fallen; /* to zero */
    size_t changed;
};

struct brake;

NODISCARD struct brake *brake_new(const struct brake_limits *limits);
void brake_free(struct brake *b);
/** Pairs of the store that this lane answers for; those written for the first time are added by
 * brake itself until it is told again. */
void brake_set_levels(struct brake *b, size_t levels);
/** The first load is over. */
void brake_set_loaded(struct brake *b);
/** A person has accepted everything up to this revision: it does not count any more. */
void brake_accept(struct brake *b, int64_t revision);
/** This level would be written next. @return how it counts by itself: BRAKE_ZERO also changes */
enum brake_verdict brake_expect(struct brake *b, const struct brake_change *change);
/** It is written now; it was expected before. */
void brake_write(struct brake *b, const struct brake_change *change, int64_t now_us);
/** Forgets what is older than the window and what was expected: expect all levels that wait anew,
 * and the figures are exact. */
void brake_recount(struct brake *b, int64_t now_us);
enum brake_verdict brake_judge(const struct brake *b);
struct brake_figures brake_figures(const struct brake *b);

#endif

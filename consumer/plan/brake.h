/**
 * brake: whether so much of a store's stock has changed, or is about to, that a person should look
 * first.
 *
 * Two sets of levels count together, each level once: those written within the window, and those
 * that would be written next.
 *
 *     fallen    above zero before the window's first write, or since, and not any more
 *     changed   the quantity differs from the one before the window's first write
 *
 * The brake is on when more than zero_percent of the store's levels have fallen, or more than
 * change_percent have changed, and at least `least` of them.
 *
 * A level that we never wrote does not count as changed, since it changes no number of ours. It
 * counts as fallen once the first load is over, since the shop's own number would vanish then (a
 * location line with a wrong warehouse).
 *
 * brake_expect and brake_write keep the figures between two exact counts. They may be too high, but
 * are never too low for the changes passed in. When brake_judge gives a verdict, recount before you
 * act on it.
 *
 * Memory follows the levels written within the window; the catalogue bounds it. Pure: the time is a
 * parameter (wall clock, so that it outlives a restart). One owner: the lane.
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

/** The write of one level, expected or done. */
struct brake_change {
    struct level_key key;
    int32_t from; /* Shopify's quantity */
    int32_t to;
    int64_t revision;
    bool first; /* never written by us */
};

enum brake_verdict { BRAKE_OFF, BRAKE_ZERO, BRAKE_CHANGE };

struct brake_figures {
    size_t levels; /* of the store that this lane serves */
    size_t fallen; /* to zero */
    size_t changed;
};

struct brake;

NODISCARD struct brake *brake_new(const struct brake_limits *limits);
void brake_free(struct brake *b);
/** Levels of the store that this lane serves. The brake adds each first write until the next call.
 */
void brake_set_levels(struct brake *b, size_t levels);
/** The first load is over. */
void brake_set_loaded(struct brake *b);
/** A person has accepted all changes up to this revision: they no longer count. */
void brake_accept(struct brake *b, int64_t revision);
/** This level would be written next. @return how it counts: BRAKE_ZERO: fallen and changed */
enum brake_verdict brake_expect(struct brake *b, const struct brake_change *change);
/** It is written now; it was expected before. */
void brake_write(struct brake *b, const struct brake_change *change, int64_t now_us);
/** Forgets expected changes and everything older than the window. After that, expect all waiting
 * levels again, and the figures are exact. */
void brake_recount(struct brake *b, int64_t now_us);
enum brake_verdict brake_judge(const struct brake *b);
struct brake_figures brake_figures(const struct brake *b);

#endif

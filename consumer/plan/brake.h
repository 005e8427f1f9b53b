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
 * Each has the moment at which Odoo's number changed. A figure is the greatest number of levels
 * whose moments lie within one window, wherever that window lies. So trade of hours that arrives at
 * once counts as it happened, and a mistake of one moment counts as a whole however late it comes.
 *
 * The brake is on when more than zero_percent of the store's levels have fallen, or more than
 * change_percent have changed, and at least `least` of them.
 *
 * A waiting level is certain when the store was asked what it holds. Only then a fall is known to be
 * ours: the store may have sold the item out before. Written levels are certain.
 *
 * A level that we never wrote does not count as changed, since it changes no number of ours. It
 * counts as fallen once the first load is over, since the shop's own number would vanish then (a
 * location line with a wrong warehouse).
 *
 * Figures are exact after brake_count_end. Until the next count, brake_expect only adds to them: they
 * may be too high, but are not too low for the changes passed in. (A change back to an older number
 * counts from the moment when the write that it takes back has left the window.) When brake_judge
 * gives a verdict, count before you act on it.
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
    int64_t at_us; /* when Odoo's number changed to this, wall clock */
    bool first;    /* never written by us */
    bool certain;  /* `from` was read in the store for this change */
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
/** Levels of the store that this lane serves, as the state knows them. */
void brake_set_levels(struct brake *b, size_t levels);
/** The first load is over. */
void brake_set_loaded(struct brake *b);
/** A person has accepted all changes up to this revision: they no longer count. */
void brake_accept(struct brake *b, int64_t revision);

/** This level would be written next. @return how it counts: BRAKE_ZERO: fallen and changed */
enum brake_verdict brake_expect(struct brake *b, const struct brake_change *change);
/** How it counts, without counting it. */
enum brake_verdict brake_effect(const struct brake *b, const struct brake_change *change);
/** It is written now; it was expected before. */
void brake_write(struct brake *b, const struct brake_change *change, int64_t now_us);
/** The store refused what brake_write has counted. */
void brake_unwrite(struct brake *b, const struct level_write *list, size_t count);

/** Begins an exact count: forgets what was expected and what is older than the window. Then expect
 * every waiting level, and end the count. */
void brake_count_begin(struct brake *b, int64_t now_us);
/** While counting: a level that waits in any other way and that we never wrote. It belongs to the
 * levels of the store. */
void brake_count_unwritten(struct brake *b);
void brake_count_end(struct brake *b);

enum brake_verdict brake_judge(const struct brake *b);
struct brake_figures brake_figures(const struct brake *b);
/** The verdict of the last count over certain levels alone. */
enum brake_verdict brake_judge_certain(const struct brake *b);

#endif

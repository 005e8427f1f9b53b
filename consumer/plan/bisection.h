/**
 * bisection: numbers of entries in groups, each of which is taken alone.
 *
 * A request that was refused without naming an entry is halved until its poison entries are alone;
 * the halves wait here. The newest group is taken first, so that one request is searched to its end
 * before another, and no more entries wait than the refused requests held.
 *
 *     k poison among n entries   at most 2 k ceil(log2 n) more requests
 *     all n entries poison       2 n - 2
 *
 * Pure; one owner; zero-initialised is empty.
 */
#ifndef STOCKSYNC_PLAN_BISECTION_H
#define STOCKSYNC_PLAN_BISECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bisection {
    uint32_t *numbers; /* of the groups, one after the other */
    size_t count;      /* numbers in all groups */
    size_t capacity;
    size_t *sizes; /* of the groups */
    size_t group_count;
    size_t group_capacity;
};

void bisection_release(struct bisection *s);
/** Begins a group; bisection_add fills it. An empty group disappears. */
void bisection_begin(struct bisection *s);
void bisection_add(struct bisection *s, uint32_t number);
/** Numbers in the group that is taken next; 0: there is none. */
size_t bisection_next_size(const struct bisection *s);
/** Takes the next group, in the order in which its numbers were added.
 * @param numbers  [out] room for bisection_next_size */
void bisection_take(struct bisection *s, uint32_t *numbers);
/** Removes every number for which drop returns true, and keeps the groups of the rest. */
void bisection_drop(struct bisection *s, bool (*drop)(void *arg, uint32_t number), void *arg);

#endif

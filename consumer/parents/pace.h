/**
 * pace: how long to wait after a statement that marked kits before the next one.
 *
 * The first statement after a quiet time never waits. Afterwards marks come at PACE_MARKS_PER_S at
 * most on average, and statements at 200 a second: what arrives meanwhile is merged. Pure; the
 * caller brings the clock. One owner.
 */
#ifndef STOCKSYNC_PARENTS_PACE_H
#define STOCKSYNC_PARENTS_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A third of what the producer drains into the topic: a component in thousands of kits that
 * changes all the time must not fill Odoo's database faster than it is emptied. */
#define PACE_MARKS_PER_S 20000
/* A statement is a transaction with a flush of its own, whatever it inserts. */
#define PACE_STATEMENT_US INT64_C(5000)
/* Without any kit there is nothing to be quick about. */
#define PACE_NO_KITS_US INT64_C(100000)
/* Far below max.poll.interval.ms, for a full batch is not polled for. */
#define PACE_MAX_US INT64_C(10000000)

/** Zero-initialise. */
struct pace {
    int64_t ready_us; /* monotonic */
};

/** A statement ended now: marks inserted; any_kits false: there is no kit at all. */
void pace_note(struct pace *pace, size_t marks, bool any_kits, int64_t now_us);
/** Time left until the next statement may run; 0: now. */
int64_t pace_left_us(const struct pace *pace, int64_t now_us);

#endif

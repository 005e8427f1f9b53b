/**
 * pace: how long to wait after a statement that marked kits before the next one.
 *
 * The first statement after a quiet time never waits. Those that follow insert at most
 * PACE_MARKS_PER_S marks on average, at most 200 statements a second. Records that arrive meanwhile
 * are merged. Pure: the caller passes the time. One owner.
 */
#ifndef STOCKSYNC_PARENTS_PACE_H
#define STOCKSYNC_PARENTS_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A third of the producer's rate. A component of thousands of kits that changes all the time must
 * not fill Odoo's database faster than the producer empties it. */
#define PACE_MARKS_PER_S 20000
/* Each statement is a transaction, and its commit waits for the disk. */
#define PACE_STATEMENT_US INT64_C(5000)
/* Without any kit nobody waits for marks. */
#define PACE_NO_KITS_US INT64_C(100000)
/* Far below max.poll.interval.ms: with a full batch, Kafka is not polled. */
#define PACE_MAX_US INT64_C(10000000)

/** Zero-initialise. */
struct pace {
    int64_t ready_us; /* monotonic */
};

/** A statement ended now. @param marks  inserted  @param any_kits  false: there is no kit at all */
void pace_note(struct pace *pace, size_t marks, bool any_kits, int64_t now_us);
/** Time left until the next statement may run; 0: now. */
int64_t pace_left_us(const struct pace *pace, int64_t now_us);

#endif

/**
 * settlement: knows which marks the open Kafka transaction covers, and when to settle it.
 *
 * Calling sequence:
 *
 *   settlement_init
 *   settlement_covers    for every mark read; one that is published and not settled is skipped
 *   settlement_add       when its record is acknowledged
 *   settlement_is_due    then commit the transaction, delete settlement_ids, settlement_clear
 *   settlement_clear     alone after an abort: the marks are read again
 *   settlement_release
 *
 * Pure: no I/O, no clock. Thread: one.
 */
#ifndef STOCKSYNC_PUBLISH_SETTLEMENT_H
#define STOCKSYNC_PUBLISH_SETTLEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTLEMENT_EVERY_US  INT64_C(1000000)
#define SETTLEMENT_MAX_MARKS 50000

struct settlement {
    size_t max_marks; /* due when this many marks wait */
    int64_t every_us; /* due this long after the first of them */
    int64_t begun_us; /* when the first one came; monotonic */
    int64_t *ids;     /* in order of arrival */
    size_t count;
    size_t cap;
    int64_t *slots;    /* open addressing; 0: empty */
    size_t slot_count; /* a power of two, or 0 */
};

void settlement_init(struct settlement *s, size_t max_marks, int64_t every_us);
/** Frees; s may be zero. */
void settlement_release(struct settlement *s);
/** Adds marks (ids > 0) whose records are acknowledged. Ignores ids that are already there. */
void settlement_add(struct settlement *s, const int64_t *ids, size_t count, int64_t now_us);
/** True when the mark is published and not settled: do not publish it again. */
bool settlement_covers(const struct settlement *s, int64_t id);
/** @param idle  no mark waits to be published: settle at once */
bool settlement_is_due(const struct settlement *s, int64_t now_us, bool idle);
/** Latest time at which it becomes due (monotonic); INT64_MAX when no mark waits. */
int64_t settlement_deadline_us(const struct settlement *s);
/** Borrowed until the next add, clear or release. */
const int64_t *settlement_ids(const struct settlement *s, size_t *count);
/** After a commit or an abort. Keeps the memory of a normal batch. */
void settlement_clear(struct settlement *s);

#endif

/**
 * settlement: which marks the open Kafka transaction covers, and when to settle it.
 *
 * Calling sequence: settlement_init; _covers for every mark read (one that is published and not
 * settled yet is skipped); _add when its record is acknowledged; when _is_due: commit the
 * transaction, delete settlement_ids, _clear. On abort: _clear alone, the marks are read again.
 * Pure: no I/O, no clock. One owner.
 */
#ifndef STOCKSYNC_PUBLISH_SETTLEMENT_H
#define STOCKSYNC_PUBLISH_SETTLEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTLEMENT_EVERY_US  INT64_C(1000000)
#define SETTLEMENT_MAX_MARKS 50000

struct settlement {
    size_t max_marks; /* due when that many wait */
    int64_t every_us; /* due that long after the first of them */
    int64_t begun_us; /* monotonic, of the first one */
    int64_t *ids;     /* in order of arrival */
    size_t count;
    size_t cap;
    int64_t *slots;    /* open addressing; 0: empty */
    size_t slot_count; /* a power of two, or 0 */
};

void settlement_init(struct settlement *s, size_t max_marks, int64_t every_us);
/** Frees; s may be zero. */
void settlement_release(struct settlement *s);
/** The records of these marks (ids > 0) are acknowledged. An id that is there already is ignored.
 */
void settlement_add(struct settlement *s, const int64_t *ids, size_t count, int64_t now_us);
/** Published and not settled: its record must not be made again. */
bool settlement_covers(const struct settlement *s, int64_t id);
/** @param idle  nothing else waits to be published: settle at once */
bool settlement_is_due(const struct settlement *s, int64_t now_us, bool idle);
/** When it becomes due at the latest (monotonic); INT64_MAX when nothing waits. */
int64_t settlement_deadline_us(const struct settlement *s);
/** Borrowed until the next add, clear or release. */
const int64_t *settlement_ids(const struct settlement *s, size_t *count);
/** Settled, or aborted. Keeps the memory. */
void settlement_clear(struct settlement *s);

#endif

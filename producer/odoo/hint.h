/**
 * hint: where the next read of the marks begins, and how soon.
 *
 * Ids are taken before commit and become visible out of order; the hint is therefore only a hint.
 * Reads begin at 0 again after a short batch, after any failure, and under steady load when a sweep
 * is due: max(200 ms, 10 × what the last sweep took), at most 5 s. While many marks are published
 * and not settled, a read from 0 would walk over all of them: then only a sweep begins there. Pure:
 * times are parameters, monotonic µs. One owner.
 */
#ifndef STOCKSYNC_ODOO_HINT_H
#define STOCKSYNC_ODOO_HINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A read from 0 that walks over this many unsettled marks costs about 1 ms. */
#define HINT_RESCAN_MARKS 2000
#define HINT_SWEEP_MIN_US INT64_C(200000)
#define HINT_SWEEP_MAX_US INT64_C(5000000)
#define HINT_SWEEP_FACTOR 10
#define HINT_PACE_BUSY_US INT64_C(2000)
#define HINT_PACE_IDLE_US INT64_C(100000)

struct hint {
    int64_t after_id;     /* greatest id that the last read saw */
    int64_t sweep_due_us; /* the next read at or after this begins at 0 */
    int64_t pace_us;      /* wait before the next read */
    bool full;            /* the last read was full */
};

/** What a read found. */
struct hint_read {
    int64_t started_after; /* what hint_start gave */
    int64_t last_id;       /* greatest id seen, skipped ones included */
    size_t count;          /* marks that are new */
    bool full;             /* the limit was reached */
    int64_t took_us;
};

/** At start and at take-over: the first read begins at 0, at once. */
void hint_init(struct hint *hint);
/** After any failure: begin at 0; the pace is the caller's backoff. */
void hint_fail(struct hint *hint);
/** @param unsettled  marks published and not yet settled. @return the id to read after; 0: from the
 * start */
int64_t hint_start(const struct hint *hint, int64_t now_us, size_t unsettled);
/** Notes a finished read. */
void hint_note(struct hint *hint, const struct hint_read *read, int64_t now_us);
/** Something woke us: read at the busy pace again. */
void hint_wake(struct hint *hint);
/** µs to wait before the next read; 0 after a full one. */
int64_t hint_pace_us(const struct hint *hint);

#endif

/**
 * hint: where the next read of the marks begins, and how soon.
 *
 * Ids are taken before commit and become visible out of order; the hint is therefore only a hint.
 * Reads begin at the start again after a short batch, after any failure, and under steady load when
 * a sweep is due: max(200 ms, 10 × what the last sweep took), at most 5 s. While many marks are
 * published and not settled, a read from the start would walk over all of them: then only a sweep
 * begins there.
 *
 * Dead rows that vacuum may not take away yet (somebody holds an old snapshot) are walked over by
 * every look. When even the quickest looks of late take more than 5 ms, so much time is left
 * between two of them that looking takes a fifth of a core of the database at most.
 *
 * Pure: times are parameters, monotonic µs. One owner.
 */
#ifndef STOCKSYNC_ODOO_READ_CURSOR_H
#define STOCKSYNC_ODOO_READ_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "producer/odoo/marks.h"

/** A read from the start that walks over this many unsettled marks costs about 1 ms. */
#define HINT_RESCAN_MARKS 2000
#define HINT_SWEEP_MIN_US INT64_C(200000)
#define HINT_SWEEP_MAX_US INT64_C(5000000)
#define HINT_SWEEP_FACTOR 10
#define HINT_PACE_BUSY_US INT64_C(2000)
#define HINT_PACE_IDLE_US INT64_C(100000)
#define HINT_SLOW_LOOK_US INT64_C(5000)
#define HINT_LOOK_PAUSE   4 /* times what a slow look takes */

struct read_cursor {
    struct mark_place after; /* where the last read ended */
    int64_t sweep_due_us;    /* the next read at or after this begins at the start */
    int64_t pace_us;         /* wait before the next read */
    int64_t look_us; /* what looking at the tables takes at least; noise lets it rise slowly */
    bool full;       /* the last read was full */
};

/** What a read found. */
struct read_cursor_read {
    struct mark_place from; /* what read_cursor_start gave */
    struct mark_place end;  /* where one that goes on begins */
    size_t count;           /* marks that are new */
    bool full;              /* the limit was reached */
    int64_t look_us;        /* for the marks alone */
    int64_t took_us;
};

/** At start and at take-over: the first read begins at the start, at once. */
void read_cursor_init(struct read_cursor *hint);
/** After any failure: begin at the start; the pace is the caller's backoff. */
void read_cursor_fail(struct read_cursor *hint);
/** @param unsettled  marks published and not yet settled. @return zero: the start */
struct mark_place
read_cursor_start(const struct read_cursor *hint, int64_t now_us, size_t unsettled);
/** Notes a finished read. */
void read_cursor_note(struct read_cursor *hint,
                      const struct read_cursor_read *read,
                      int64_t now_us);
/** Something woke us: read at the busy pace again. */
void read_cursor_wake(struct read_cursor *hint);
/** µs to wait before the next read; 0 after a full one. @param idle_us  at most, when looks are
 * not slow */
int64_t read_cursor_pace_us(const struct read_cursor *hint, int64_t idle_us);

#endif

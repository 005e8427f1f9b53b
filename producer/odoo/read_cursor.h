/**
 * read_cursor: decides where the next read of the marks begins, and when.
 *
 * Ids are taken before commit and become visible out of order, so the cursor is only a hint. A read
 * begins at the start of both tables (a rescan)
 *
 *   - after a short batch,
 *   - after any failure,
 *   - under steady load once a rescan is due: 10 times the duration of the last one has passed, at
 *     least 200 ms and at most 5 s.
 *
 * While many marks are published but not settled, a rescan would walk over all of them. Then a
 * short batch causes none.
 *
 * Every scan also walks over dead rows that vacuum may not remove yet because a session holds an
 * old snapshot. When even the quickest recent scans take more than 5 ms, the pauses between them
 * grow, so that scanning costs at most a fifth of one database core.
 *
 * Pure: times are parameters, monotonic µs. Thread: one.
 */
#ifndef STOCKSYNC_ODOO_READ_CURSOR_H
#define STOCKSYNC_ODOO_READ_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "producer/odoo/marks.h"

/** A rescan over this many unsettled marks costs about 1 ms. */
#define READ_CURSOR_RESCAN_MARKS  2000
#define READ_CURSOR_RESCAN_MIN_US INT64_C(200000)
#define READ_CURSOR_RESCAN_MAX_US INT64_C(5000000)
#define READ_CURSOR_RESCAN_FACTOR 10
#define READ_CURSOR_PACE_BUSY_US  INT64_C(2000)
#define READ_CURSOR_PACE_IDLE_US  INT64_C(100000)
#define READ_CURSOR_SLOW_SCAN_US  INT64_C(5000)
#define READ_CURSOR_SCAN_PAUSE    4 /* times the duration of a slow scan */

struct read_cursor {
    struct mark_place after; /* where the last read ended */
    int64_t rescan_due_us;   /* a read at or after this time begins at the start */
    int64_t pace_us;         /* wait before the next read */
    int64_t scan_us;         /* least duration of a scan; noise lets it rise slowly */
    bool full;               /* the last read was full */
};

/** What a read found. */
struct read_cursor_read {
    struct mark_place from; /* from read_cursor_start */
    struct mark_place end;  /* where a read that continues begins */
    size_t count;           /* new marks */
    bool full;              /* the limit was reached */
    int64_t look_us;        /* duration of the scan of both tables */
    int64_t took_us;        /* duration of the whole read */
};

/** At start and at takeover: the first read begins at the start, at once. */
void read_cursor_init(struct read_cursor *cursor);
/** After any failure: begin at the start; the pace is the caller's backoff. */
void read_cursor_fail(struct read_cursor *cursor);
/** @param unsettled  marks published and not yet settled. @return zero: the start */
struct mark_place
read_cursor_start(const struct read_cursor *cursor, int64_t now_us, size_t unsettled);
/** Notes a finished read. */
void read_cursor_note(struct read_cursor *cursor,
                      const struct read_cursor_read *read,
                      int64_t now_us);
/** After a wake-up: read at the busy pace. */
void read_cursor_wake(struct read_cursor *cursor);
/**
 * µs to wait before the next read; 0 after a full one.
 * @param idle_us  maximum while scans are not slow
 */
int64_t read_cursor_pace_us(const struct read_cursor *cursor, int64_t idle_us);

#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/odoo/read_cursor.h"

#define MS   INT64_C(1000)
#define IDLE (100 * MS)

/* A place whose transaction and row follow from the id. */
static struct mark_place at(int64_t id)
{
    return (struct mark_place){
        .id = id, .xid = (uint32_t)id * 3, .quant = {.block = (uint32_t)id * 5}};
}

static struct read_cursor_read
found(int64_t after, int64_t last, size_t count, bool full, int64_t took_us)
{
    return (struct read_cursor_read){
        .from = at(after), .end = at(last), .count = count, .full = full, .took_us = took_us};
}

static int64_t start(const struct read_cursor *cursor, int64_t now_us, size_t unsettled)
{
    struct mark_place place = read_cursor_start(cursor, now_us, unsettled);
    assert_int_equal(place.xid, place.id * 3);
    assert_int_equal(place.quant.block, place.id * 5);
    return place.id;
}

static void read_cursor_begins_at_the_start_and_at_once(void **state)
{
    (void)state;
    struct read_cursor cursor;
    read_cursor_init(&cursor);
    assert_int_equal(start(&cursor, 5, 0), 0);
    assert_int_equal(read_cursor_pace_us(&cursor, IDLE), 0);
}

/* Where the read after one that began at 0 at time 1 s begins. */
static const struct {
    const char *name;
    int64_t last_id;
    size_t count;
    bool full;
    int64_t took_us;
    int64_t later_us;
    size_t unsettled;
    int64_t start;
} STARTS[] = {
    {"after a full batch: behind it", 500, 100, true, 1 * MS, 1 * MS, 100, 500},
    {"after a short batch: from the start", 500, 20, false, 1 * MS, 1 * MS, 20, 0},
    {"after an empty read: from the start", 0, 0, false, 1 * MS, 1 * MS, 0, 0},
    {"short, many unsettled: behind them", 9000, 20, false, 1 * MS, 1 * MS, 2001, 9000},
    {"short, just few enough unsettled", 9000, 20, false, 1 * MS, 1 * MS, 2000, 0},
    {"full, rescan not due", 500, 100, true, 1 * MS, 199 * MS, 100, 500},
    {"full, rescan due after 200 ms", 500, 100, true, 1 * MS, 200 * MS, 100, 0},
    {"slow rescan: due after ten times as long", 500, 100, true, 100 * MS, 999 * MS, 100, 500},
    {"slow rescan is due", 500, 100, true, 100 * MS, 1000 * MS, 100, 0},
    {"very slow rescan: 5 s at most", 500, 100, true, 9000 * MS, 4999 * MS, 100, 500},
    {"very slow rescan is due", 500, 100, true, 9000 * MS, 5000 * MS, 100, 0},
};

static void read_cursor_start_follows_the_rule(void **state)
{
    (void)state;
    const int64_t now_us = 1000 * MS;
    for (size_t i = 0; i < sizeof STARTS / sizeof STARTS[0]; i++) {
        struct read_cursor cursor;
        read_cursor_init(&cursor);
        struct read_cursor_read read =
            found(0, STARTS[i].last_id, STARTS[i].count, STARTS[i].full, STARTS[i].took_us);
        read_cursor_note(&cursor, &read, now_us);
        int64_t got = start(&cursor, now_us + STARTS[i].later_us, STARTS[i].unsettled);
        if (got != STARTS[i].start) {
            fail_msg("%s: %lld", STARTS[i].name, (long long)got);
        }
    }
}

static void read_cursor_later_reads_do_not_postpone_the_rescan(void **state)
{
    (void)state;
    struct read_cursor cursor;
    read_cursor_init(&cursor);
    struct read_cursor_read read = found(0, 100, 100, true, 1 * MS);
    read_cursor_note(&cursor, &read, 0);
    for (int64_t t = 10 * MS; t < 200 * MS; t += 10 * MS) {
        int64_t began = start(&cursor, t, 100);
        assert_int_equal(began, cursor.after.id);
        read = found(began, began + 100, 100, true, 1 * MS);
        read_cursor_note(&cursor, &read, t);
    }
    assert_int_equal(start(&cursor, 200 * MS, 100), 0);
}

static void read_cursor_failure_reads_from_the_start(void **state)
{
    (void)state;
    struct read_cursor cursor;
    read_cursor_init(&cursor);
    struct read_cursor_read read = found(0, 100, 100, true, 1 * MS);
    read_cursor_note(&cursor, &read, 0);
    assert_int_equal(start(&cursor, 1 * MS, 5000), 100);
    read_cursor_fail(&cursor);
    assert_int_equal(start(&cursor, 1 * MS, 5000), 0);
}

static void read_cursor_pace_doubles_when_idle_and_is_short_when_busy(void **state)
{
    (void)state;
    struct read_cursor cursor;
    read_cursor_init(&cursor);
    const int64_t idle[] = {2, 4, 8, 16, 32, 64, 100, 100};
    struct read_cursor_read empty = found(0, 0, 0, false, 1 * MS);
    for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++) {
        read_cursor_note(&cursor, &empty, 0);
        assert_int_equal(read_cursor_pace_us(&cursor, IDLE), idle[i] * MS);
    }
    struct read_cursor_read one = found(0, 7, 1, false, 1 * MS);
    read_cursor_note(&cursor, &one, 0);
    assert_int_equal(read_cursor_pace_us(&cursor, IDLE), 2 * MS);
    struct read_cursor_read full = found(0, 9, 100, true, 1 * MS);
    read_cursor_note(&cursor, &full, 0);
    assert_int_equal(read_cursor_pace_us(&cursor, IDLE), 0);
    for (int i = 0; i < 9; i++) {
        read_cursor_note(&cursor, &empty, 0);
    }
    read_cursor_wake(&cursor);
    assert_int_equal(read_cursor_pace_us(&cursor, IDLE), 2 * MS);
}

/* The pause after `reads` scans of that duration, each with one new mark. */
static int64_t pause_after(struct read_cursor *cursor, int reads, int64_t scan_us, bool full)
{
    for (int i = 0; i < reads; i++) {
        struct read_cursor_read read = found(0, 7, 1, full, scan_us);
        read.look_us = scan_us;
        read_cursor_note(cursor, &read, 0);
    }
    return read_cursor_pace_us(cursor, IDLE);
}

static void read_cursor_pauses_between_scans_that_are_always_slow(void **state)
{
    (void)state;
    struct read_cursor cursor;
    read_cursor_init(&cursor);
    assert_int_equal(pause_after(&cursor, 100, 5 * MS, false), 2 * MS);
    assert_int_equal(pause_after(&cursor, 100, 12 * MS, false), 48 * MS);
    assert_int_equal(pause_after(&cursor, 100, 200 * MS, false), 800 * MS);
    assert_int_equal(pause_after(&cursor, 1, 200 * MS, true), 0);
    assert_int_equal(pause_after(&cursor, 1, 1 * MS, false), 2 * MS);
}

static void read_cursor_ignores_one_slow_scan(void **state)
{
    (void)state;
    struct read_cursor cursor;
    read_cursor_init(&cursor);
    assert_int_equal(pause_after(&cursor, 100, 1 * MS, false), 2 * MS);
    assert_int_equal(pause_after(&cursor, 5, 3000 * MS, false), 2 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_cursor_begins_at_the_start_and_at_once),
        cmocka_unit_test(read_cursor_start_follows_the_rule),
        cmocka_unit_test(read_cursor_later_reads_do_not_postpone_the_rescan),
        cmocka_unit_test(read_cursor_failure_reads_from_the_start),
        cmocka_unit_test(read_cursor_pace_doubles_when_idle_and_is_short_when_busy),
        cmocka_unit_test(read_cursor_pauses_between_scans_that_are_always_slow),
        cmocka_unit_test(read_cursor_ignores_one_slow_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

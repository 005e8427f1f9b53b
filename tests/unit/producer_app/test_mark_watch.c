#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "producer/app/mark_watch.h"

static struct {
    enum status open, oldest, count;
    atomic_int opens, counts, notes;
    atomic_llong waiting, oldest_us;
} fake;

static enum status end_with(enum status rc, struct err *err)
{
    return rc == STATUS_OK ? rc : err_set(err, rc, "fails");
}

static enum status open_conn(struct pg_conn *conn, struct err *err)
{
    (void)conn;
    atomic_fetch_add(&fake.opens, 1);
    return end_with(fake.open, err);
}

static enum status oldest(struct pg_conn *conn, int64_t *added_us, struct err *err)
{
    (void)conn;
    *added_us = 77;
    return end_with(fake.oldest, err);
}

static enum status count(struct pg_conn *conn, struct marks_summary *summary, struct err *err)
{
    (void)conn;
    *summary = (struct marks_summary){.count = 5, .oldest_us = 70};
    atomic_fetch_add(&fake.counts, 1);
    return end_with(fake.count, err);
}

static void note(void *taker, int64_t waiting, int64_t oldest_us)
{
    assert_ptr_equal(taker, &fake);
    atomic_store(&fake.waiting, waiting);
    atomic_store(&fake.oldest_us, oldest_us);
    atomic_fetch_add(&fake.notes, 1);
}

/* One look, then the end. */
static void look_once(atomic_int *until)
{
    const struct timespec moment = {.tv_nsec = 100000};
    const int64_t deadline = clock_monotonic_us() + 5000000;
    const struct mark_watch_port port = {
        .open = open_conn, .oldest = oldest, .count = count, .note = note, .taker = &fake};
    struct mark_watch *watch = NULL;
    struct err err;
    assert_int_equal(mark_watch_start(&port, &watch, &err), STATUS_OK);
    while (atomic_load(until) == 0 && clock_monotonic_us() < deadline) {
        (void)nanosleep(&moment, NULL);
    }
    mark_watch_stop(watch);
}

static int start(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    return 0;
}

static void mark_watch_notes_count_and_age(void **state)
{
    (void)state;
    look_once(&fake.notes);
    assert_int_equal(atomic_load(&fake.waiting), 5);
    assert_int_equal(atomic_load(&fake.oldest_us), 77);
}

static void mark_watch_that_cannot_read_notes_nothing(void **state)
{
    (void)state;
    fake.open = STATUS_SOURCE_LOST;
    look_once(&fake.opens);
    fake.open = STATUS_OK;
    fake.oldest = STATUS_PERMISSION;
    look_once(&fake.opens);
    assert_int_equal(atomic_load(&fake.notes), 0);
    assert_int_equal(atomic_load(&fake.counts), 0);
}

static void mark_watch_that_cannot_count_still_notes_the_age(void **state)
{
    (void)state;
    fake.count = STATUS_SOURCE_BUSY;
    look_once(&fake.notes);
    assert_int_equal(atomic_load(&fake.waiting), -1);
    assert_int_equal(atomic_load(&fake.oldest_us), 77);
}

static void mark_watch_that_was_never_started_stops(void **state)
{
    (void)state;
    mark_watch_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, start)
        TEST(mark_watch_notes_count_and_age),
        TEST(mark_watch_that_cannot_read_notes_nothing),
        TEST(mark_watch_that_cannot_count_still_notes_the_age),
        TEST(mark_watch_that_was_never_started_stops),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

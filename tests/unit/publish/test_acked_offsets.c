#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "producer/publish/acked_offsets.h"

static struct acked_offsets offsets;
static struct err err;

static int start(void **state)
{
    (void)state;
    acked_offsets_init(&offsets);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    acked_offsets_release(&offsets);
    return 0;
}

static void acked_offsets_know_each_partition_alone(void **state)
{
    (void)state;
    assert_int_equal(offsets.count, 0);
    acked_offsets_note(&offsets, 3, 100);
    acked_offsets_note(&offsets, 1, 0);
    acked_offsets_note(&offsets, 3, 101);
    assert_int_equal(offsets.count, 4);
    const int64_t wanted[] = {-1, 1, -1, 102};
    assert_memory_equal(offsets.next, wanted, sizeof wanted);
    acked_offsets_note(&offsets, 11, 5);
    assert_int_equal(offsets.count, 12);
    assert_int_equal(offsets.next[10], -1);
    assert_int_equal(offsets.next[11], 6);
    assert_int_equal(offsets.next[3], 102);
    assert_int_equal(acked_offsets_check(&offsets, "stock", &err), STATUS_OK);
}

/* Markers lie between; an implicit acknowledgement has no offset (-1001). */
static void acked_offsets_take_gaps_and_reports_without_an_offset(void **state)
{
    (void)state;
    acked_offsets_note(&offsets, 0, 10);
    acked_offsets_note(&offsets, 0, 12);
    acked_offsets_note(&offsets, 0, -1);
    acked_offsets_note(&offsets, 0, -1001);
    acked_offsets_note(&offsets, -1, 5);
    assert_int_equal(offsets.next[0], 13);
    assert_int_equal(acked_offsets_check(&offsets, "stock", &err), STATUS_OK);
}

static void step_back(int64_t to)
{
    acked_offsets_note(&offsets, 0, 2000);
    acked_offsets_note(&offsets, 2, 1000);
    acked_offsets_note(&offsets, 2, to);
}

static void acked_offsets_that_go_back_end_the_stream(void **state)
{
    (void)state;
    step_back(7);
    assert_int_equal(acked_offsets_check(&offsets, "stock", &err), STATUS_STREAM_ENDED);
    assert_string_equal(err.msg, "topic 'stock' was replaced: partition 2 acknowledged offset 7 "
                                 "after offset 1000");
    /* From then on, and the end of the former topic is kept. */
    acked_offsets_note(&offsets, 2, 5000);
    acked_offsets_note(&offsets, 0, 5000);
    assert_int_equal(acked_offsets_check(&offsets, "stock", &err), STATUS_STREAM_ENDED);
    assert_int_equal(offsets.next[2], 1001);
    assert_int_equal(offsets.next[0], 2001);
}

static void acked_offset_that_returns_ends_the_stream(void **state)
{
    (void)state;
    step_back(1000);
    assert_int_equal(acked_offsets_check(&offsets, "stock", &err), STATUS_STREAM_ENDED);
}

int main(void)
{
#define OFFSET_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        OFFSET_TEST(acked_offsets_know_each_partition_alone),
        OFFSET_TEST(acked_offsets_take_gaps_and_reports_without_an_offset),
        OFFSET_TEST(acked_offsets_that_go_back_end_the_stream),
        OFFSET_TEST(acked_offset_that_returns_ends_the_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/parking.h"
#include "tests/unit/lane/bench.h"

static int value(const struct metric *m)
{
    return (int)metric_value(m);
}

static struct state_parked row(const char *reason)
{
    return (struct state_parked){.subject = "product/1", .reason = reason, .detail = "why"};
}

static void rows_get_the_pace_of_their_reason(void **state)
{
    (void)state;
    struct err err;
    struct state_parked rows[] = {row("unmapped"), row("refused"), row("undecodable")};
    assert_int_equal(parking_store(&bench.c, rows, 3, &err), STATUS_OK);
    assert_int_equal(bench.parked.rows[0].row.wait_s, 900);
    assert_int_equal(bench.parked.rows[1].row.wait_s, 60);
    assert_int_equal(bench.parked.rows[2].row.wait_s, 0);
}

static void a_row_counts_as_parked_once_and_then_as_parked_again(void **state)
{
    (void)state;
    struct err err;
    struct state_parked rows[] = {row("unmapped")};
    assert_int_equal(parking_store(&bench.c, rows, 1, &err), STATUS_OK);
    assert_true(rows[0].first);
    bench.parked.known = true;
    assert_int_equal(parking_store(&bench.c, rows, 1, &err), STATUS_OK);
    assert_int_equal(value(bench.metrics.parked.parked), 1);
    assert_int_equal(value(bench.metrics.parked.again), 1);
}

static void no_rows_store_nothing_and_a_failure_counts_nothing(void **state)
{
    (void)state;
    struct err err;
    struct state_parked rows[] = {row("unmapped")};
    assert_int_equal(parking_store(&bench.c, NULL, 0, &err), STATUS_OK);
    assert_string_equal(bench.calls, "");
    bench.fails = "park";
    assert_int_equal(parking_store(&bench.c, rows, 1, &err), STATUS_SOURCE_LOST);
    assert_int_equal(value(bench.metrics.parked.parked) + value(bench.metrics.parked.again), 0);
}

static void a_row_names_the_record_or_the_partition_of_the_row_before(void **state)
{
    (void)state;
    struct state_parked parked;
    struct level *level = bench_level(41, 1, 5, 10);
    level->desired.at.offset = 12;
    parking_describe_level(&bench.c, level, &parked);
    assert_string_equal(parked.subject, "level/41/70");
    assert_string_equal(parked.topic, "stock");
    assert_int_equal(parked.partition, 0);
    assert_int_equal(parked.offset, 12);
    assert_int_equal(parked.product_id, 1);
    assert_int_equal(parked.quantity, 5);
    assert_int_equal(parked.revision, 10);
    level->desired.at.partition = OFFSET_LEDGER_RETRY;
    level->desired.row_partition = 3;
    parking_describe_level(&bench.c, level, &parked);
    assert_int_equal(parked.partition, 3);
    assert_int_equal(parked.offset, -1);
}

static void fixed_rows_are_counted_beyond_those_that_are_named(void **state)
{
    (void)state;
    const char *subjects[13];
    for (size_t i = 0; i < 13; i++) {
        subjects[i] = "product/1";
    }
    parking_report_fixed(&bench.c, subjects, 0);
    assert_int_equal(value(bench.metrics.parked.fixed), 0);
    parking_report_fixed(&bench.c, subjects, 13);
    assert_int_equal(value(bench.metrics.parked.fixed), 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(rows_get_the_pace_of_their_reason),
        BENCH_TEST(a_row_counts_as_parked_once_and_then_as_parked_again),
        BENCH_TEST(no_rows_store_nothing_and_a_failure_counts_nothing),
        BENCH_TEST(a_row_names_the_record_or_the_partition_of_the_row_before),
        BENCH_TEST(fixed_rows_are_counted_beyond_those_that_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

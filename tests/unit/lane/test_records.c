#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/records.h"
#include "tests/unit/lane/bench.h"
#include "tests/unit/lane/bench_records.h"

static struct source_guard guard;
static struct brake_control brake;
static struct catalogue_search search;
static struct planner planner;
static struct replan replan;
static struct records records;
static struct source_event events[LANE_TURN_RECORDS + 10];
static size_t event_count;

static int open_records(void **state)
{
    struct err err;
    (void)bench_open(state);
    const struct state_guard row = {.database = "one"};
    source_guard_open(&guard, &bench.c, &bench.streams.known, &row);
    brake = (struct brake_control){.c = &bench.c, .guard = &guard};
    catalogue_search_open(&search);
    assert_int_equal(planner_open(&planner, &bench.c, &guard, &brake, &search, &err), STATUS_OK);
    replan_open(&replan, &bench.c, &bench.streams.known);
    records_open(&records, &bench.c, &planner, &replan);
    bench_product(1, "A", 41);
    event_count = 0;
    bench.input.events = events;
    return 0;
}

static int close_records(void **state)
{
    records_close(&records);
    replan_close(&replan);
    planner_close(&planner);
    source_guard_close(&guard);
    catalogue_search_release(&search);
    return bench_close(state);
}

#define RECORDS_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, open_records, close_records)

static void record(int64_t offset)
{
    struct source_event *event = &events[event_count++];
    *event = bench_event(
        &(struct bench_stock){.product_id = 1, .sku = "A", .free = 5, .revision = 20 + offset});
    event->offset = offset;
    bench.input.event_count = event_count;
}

static void happens(enum source_event_type type, int32_t partition)
{
    events[event_count++] = (struct source_event){.type = type, .partition = partition};
    bench.input.event_count = event_count;
}

static enum source_event_type take(bool expected_busy)
{
    struct err err = {0};
    struct source_event event;
    bool busy = !expected_busy;
    assert_int_equal(records_take(&records, &busy, &event, &err), STATUS_OK);
    assert_int_equal(busy, expected_busy);
    return event.type;
}

static int value(const struct metric *m)
{
    return (int)metric_value(m);
}

static void records_are_planned_and_the_turn_is_stored(void **state)
{
    (void)state;
    record(0);
    record(1);
    assert_int_equal(take(false), SOURCE_NOTHING);
    assert_int_equal(value(bench.metrics.record.read), 2);
    assert_int_equal(coalescer_total(bench.c.coalescer), 1);
    assert_int_equal(bench_unfinished(), 1); /* the older was replaced, the turn let both go */
    assert_int_equal(planner_held(&planner), 0);
}

static void a_record_that_comes_twice_is_skipped(void **state)
{
    (void)state;
    record(5);
    record(5);
    record(4);
    assert_int_equal(take(false), SOURCE_NOTHING);
    assert_int_equal(value(bench.metrics.record.read), 1);
}

static void a_record_of_a_partition_that_left_is_skipped(void **state)
{
    (void)state;
    record(5);
    events[0].partition = 3;
    assert_int_equal(take(false), SOURCE_NOTHING);
    assert_int_equal(value(bench.metrics.record.read), 0);
    assert_int_equal(coalescer_total(bench.c.coalescer), 0);
}

/* Written by a newer producer. */
static void newer_record(int64_t offset)
{
    static const unsigned char newer[] = {0xc3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    record(offset);
    events[event_count - 1].value = bytes_of(newer, sizeof newer);
}

static void a_record_that_cannot_be_read_blocks_its_partition(void **state)
{
    (void)state;
    bench.input.assigned = 1;
    newer_record(5);
    assert_int_equal(take(false), SOURCE_NOTHING);
    assert_string_equal(bench.input.paused, "+0 ");
    assert_int_equal(bench_unfinished(), 1);
    assert_true(records_at_end(&records)); /* no more than that can be read */
    records_drop(&records, 0);
    assert_false(records_at_end(&records));
}

static void a_paused_partition_that_delivers_ends_the_session(void **state)
{
    (void)state;
    struct err err = {0};
    struct source_event event;
    bool busy = false;
    newer_record(5);
    record(6);
    assert_int_equal(records_take(&records, &busy, &event, &err), STATUS_CLIENT_BROKEN);
    assert_int_equal(coalescer_total(bench.c.coalescer), 0);
}

static void a_foreign_record_is_read_and_not_planned(void **state)
{
    (void)state;
    record(5);
    events[0].header_database = bytes_text("two");
    assert_int_equal(take(false), SOURCE_NOTHING);
    assert_int_equal(value(bench.metrics.record.read), 1);
    assert_int_equal(coalescer_total(bench.c.coalescer), 0);
    assert_int_equal(bench_unfinished(), 1); /* the guard holds it */
}

/* The turn is stored before the assignment changes. */
static void an_assignment_ends_the_turn(void **state)
{
    (void)state;
    static const enum source_event_type types[] = {SOURCE_ASSIGNED, SOURCE_REVOKED, SOURCE_LOST};
    for (size_t i = 0; i < 3; i++) {
        event_count = bench.input.next = 0;
        record(10 * (int64_t)i);
        happens(types[i], 0);
        record(10 * (int64_t)i + 1);
        assert_int_equal(take(true), types[i]);
        assert_int_equal(value(bench.metrics.record.read), 2 * (int)i + 1);
        assert_int_equal(planner_held(&planner), 0);
        assert_int_equal(take(false), SOURCE_NOTHING);
    }
}

static void a_lost_broker_ends_the_turn_without_a_failure(void **state)
{
    (void)state;
    record(0);
    record(1);
    bench.input.lost_at = 1;
    assert_int_equal(take(false), SOURCE_NOTHING);
    assert_int_equal(value(bench.metrics.record.read), 1);
    assert_int_equal(take(false), SOURCE_NOTHING);
    assert_int_equal(value(bench.metrics.record.read), 2);
}

static void failures_of_source_and_state_are_returned(void **state)
{
    (void)state;
    static const char *const steps[] = {"poll", "products_note"};
    for (size_t i = 0; i < 2; i++) {
        struct err err;
        struct source_event event;
        bool busy = false;
        record(10 * (int64_t)i);
        (void)sku_claims_note(bench.c.claims, 1, "B", true, 15);
        bench.fails = steps[i];
        assert_int_equal(records_take(&records, &busy, &event, &err), STATUS_SOURCE_LOST);
    }
    assert_true(bench_unfinished() > 0);
}

static void a_turn_has_a_limit(void **state)
{
    (void)state;
    for (int64_t i = 0; i < LANE_TURN_RECORDS + 1; i++) {
        happens(SOURCE_RECORD, 0);
        events[i].offset = i;
        events[i].key = bytes_text("9"); /* a tombstone */
        events[i].header_revision = i + 1;
    }
    assert_int_equal(take(true), SOURCE_NOTHING);
    assert_int_equal(value(bench.metrics.record.read), LANE_TURN_RECORDS);
    assert_int_equal(bench_unfinished(), 0);
    assert_int_equal(take(false), SOURCE_NOTHING);
    assert_int_equal(value(bench.metrics.record.read), LANE_TURN_RECORDS + 1);
}

static void the_end_is_reached_when_each_assigned_partition_says_so(void **state)
{
    (void)state;
    offset_ledger_open(bench.c.ledger, 20);
    bench.input.assigned = 2;
    assert_false(records_at_end(&records));
    happens(SOURCE_AT_END, 0);
    (void)take(false);
    assert_false(records_at_end(&records));
    happens(SOURCE_AT_END, 20);
    (void)take(false);
    assert_true(records_at_end(&records));
    record(3);
    (void)take(false);
    assert_false(records_at_end(&records));
    happens(SOURCE_AT_END, 0);
    (void)take(false);
    assert_true(records_at_end(&records));
    records_note_assigned(&records, 20);
    assert_false(records_at_end(&records));
}

static void a_closed_partition_has_no_end_and_nothing_assigned_is_no_end(void **state)
{
    (void)state;
    happens(SOURCE_AT_END, 0);
    (void)take(false);
    assert_true(records_at_end(&records));
    offset_ledger_close(bench.c.ledger, 0);
    assert_false(records_at_end(&records));
    bench.input.assigned = 0;
    assert_false(records_at_end(&records));
}

/* --- a log that goes back --- */

static enum status take_failing(struct err *err)
{
    struct source_event event;
    bool busy = false;
    return records_take(&records, &busy, &event, err);
}

static void a_partition_that_went_back_before_its_first_record_is_read_on(void **state)
{
    (void)state;
    record(3);
    events[0].gone_back_from = 500;
    assert_int_equal(take(false), SOURCE_NOTHING);
    assert_string_equal(bench.input.committed, "0@3 ");
    assert_int_equal(offset_ledger_last(bench.c.ledger, 0), 3);
}

static void a_partition_that_goes_back_later_renews_the_session(void **state)
{
    (void)state;
    struct err err = {0};
    record(3);
    record(0);
    events[1].gone_back_from = 4;
    assert_int_equal(take_failing(&err), STATUS_RENEW);
    assert_string_equal(err.msg, "partition 0 went back from offset 4 to 0");
    assert_string_equal(bench.input.committed, "0@0 ");
}

static void an_empty_log_takes_the_group_along(void **state)
{
    (void)state;
    struct err err = {0};
    happens(SOURCE_AT_END, 0);
    events[0].gone_back_from = 500;
    assert_int_equal(take(false), SOURCE_NOTHING);
    assert_string_equal(bench.input.committed, "0@0 ");
    happens(SOURCE_AT_END, 0);
    events[1].gone_back_from = 500;
    bench.fails = "commit_wait";
    assert_int_equal(take_failing(&err), STATUS_SOURCE_LOST);
}

static void a_dry_run_commits_nothing_when_the_log_went_back(void **state)
{
    (void)state;
    bench.sink.writes = false;
    record(0);
    events[0].gone_back_from = 500;
    assert_int_equal(take(false), SOURCE_NOTHING);
    assert_string_equal(bench.input.committed, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECORDS_TEST(records_are_planned_and_the_turn_is_stored),
        RECORDS_TEST(a_record_that_comes_twice_is_skipped),
        RECORDS_TEST(a_record_of_a_partition_that_left_is_skipped),
        RECORDS_TEST(a_record_that_cannot_be_read_blocks_its_partition),
        RECORDS_TEST(a_paused_partition_that_delivers_ends_the_session),
        RECORDS_TEST(a_foreign_record_is_read_and_not_planned),
        RECORDS_TEST(an_assignment_ends_the_turn),
        RECORDS_TEST(a_lost_broker_ends_the_turn_without_a_failure),
        RECORDS_TEST(failures_of_source_and_state_are_returned),
        RECORDS_TEST(a_turn_has_a_limit),
        RECORDS_TEST(the_end_is_reached_when_each_assigned_partition_says_so),
        RECORDS_TEST(a_closed_partition_has_no_end_and_nothing_assigned_is_no_end),
        RECORDS_TEST(a_partition_that_went_back_before_its_first_record_is_read_on),
        RECORDS_TEST(a_partition_that_goes_back_later_renews_the_session),
        RECORDS_TEST(an_empty_log_takes_the_group_along),
        RECORDS_TEST(a_dry_run_commits_nothing_when_the_log_went_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

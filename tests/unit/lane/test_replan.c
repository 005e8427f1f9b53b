#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/replan.h"
#include "tests/unit/lane/bench.h"

static struct replan replan;

static int open_replan(void **state)
{
    (void)bench_open(state);
    replan_open(&replan, &bench.c, &bench.streams.known);
    return 0;
}

static int close_replan(void **state)
{
    replan_close(&replan);
    return bench_close(state);
}

#define REPLAN_TEST(function) cmocka_unit_test_setup_teardown(function, open_replan, close_replan)

static void assigned(const int32_t *partitions, size_t count)
{
    struct err err = {0};
    assert_int_equal(replan_note_assigned(&replan, partitions, count, &err), STATUS_OK);
}

static void assigned_0(void)
{
    static const int32_t first = 0;
    assigned(&first, 1);
}

static void store(void)
{
    struct err err = {0};
    assert_int_equal(replan_store(&replan, &err), STATUS_OK);
}

static void planned_with(int32_t partition, const char *digest)
{
    (void)snprintf(bench.planned.digests[partition], STATE_DIGEST_SIZE, "%s", digest);
}

static void the_same_rules_read_on_from_the_committed_offset(void **state)
{
    (void)state;
    planned_with(0, replan.digest);
    bench.planned.has_levels = true;
    assigned_0();
    assert_string_equal(bench.input.from_start, "");
    assert_false(replan_is_reading(&replan));
    assert_int_equal(replan_count(&replan), 0);
    assert_true(replan_may_commit(&replan, 0));
    bench_forget();
    store();
    assert_string_equal(bench.calls, "");
}

static void a_new_store_notes_its_rules_at_the_end_of_the_topic(void **state)
{
    (void)state;
    assigned_0();
    assert_string_equal(bench.input.from_start, "");
    assert_false(replan_is_reading(&replan));
    assert_int_equal(replan_count(&replan), 0);
    assert_true(replan_may_commit(&replan, 0));
    store();
    assert_string_equal(bench.planned.digests[0], "");
    replan_note_end(&replan, 0);
    store();
    assert_string_equal(bench.planned.digests[0], replan.digest);
}

static void other_rules_read_the_partition_from_its_beginning(void **state)
{
    static const int32_t partitions[] = {0, 3, 5};
    (void)state;
    planned_with(0, "other");
    planned_with(5, replan.digest);
    bench.planned.has_levels = true; /* of rules that are not known, in partition 3 */
    assigned(partitions, 3);
    assert_string_equal(bench.input.from_start, "0 3 ");
    assert_true(replan_is_reading(&replan));
    assert_int_equal(replan_count(&replan), 2);
    assert_false(replan_may_commit(&replan, 0));
    assert_false(replan_may_commit(&replan, 3));
    assert_true(replan_may_commit(&replan, 5));
    assert_true(replan_may_commit(&replan, 9)); /* never assigned */
}

/* What is before belongs to earlier streams. */
static void other_rules_read_the_present_stream_from_its_beginning(void **state)
{
    static const int32_t partitions[] = {0, 3};
    (void)state;
    struct err err = {0};
    planned_with(0, "other");
    planned_with(3, "other");
    bench.streams.list[0] = (struct state_stream){.id = "s-1", .first_revision = 5};
    bench.streams.count = 1;
    bench.streams.first_offsets[3] = 40;
    (void)snprintf(bench.streams.positions[0], STATE_STREAM_SIZE, "s-1");
    (void)snprintf(bench.streams.positions[3], STATE_STREAM_SIZE, "s-1");
    assert_int_equal(streams_open(&bench.streams.known, &bench.c, &err), STATUS_OK);
    assert_int_equal(streams_note_assigned(&bench.streams.known, partitions, 2, &err), STATUS_OK);
    assigned(partitions, 2);
    assert_string_equal(bench.input.from_start, "0 3@40 ");
}

/* A crash before that plans again: the committed offset is behind the records that are pending. */
static void rules_are_stored_when_every_level_of_the_history_is_complete(void **state)
{
    (void)state;
    planned_with(0, "other");
    assigned_0();
    struct level *first = bench_level(41, 1, 5, 10);
    struct level *last = bench_level(42, 2, 5, 11);
    replan_note_end(&replan, 0);
    assert_false(replan_is_reading(&replan));
    struct level *later = bench_level(43, 3, 5, 12);
    coalescer_finish(bench.c.coalescer, last, NULL);
    store();
    assert_false(replan_may_commit(&replan, 0));
    assert_int_equal(replan_count(&replan), 1);
    coalescer_finish(bench.c.coalescer, first, NULL);
    store();
    assert_true(replan_may_commit(&replan, 0));
    assert_int_equal(replan_count(&replan), 0);
    assert_string_equal(bench.planned.digests[0], replan.digest);
    coalescer_finish(bench.c.coalescer, later, NULL);
}

static void an_empty_partition_is_finished_at_its_end(void **state)
{
    (void)state;
    planned_with(0, "other");
    assigned_0();
    replan_note_end(&replan, 0);
    store();
    assert_string_equal(bench.planned.digests[0], replan.digest);
}

static void a_partition_that_leaves_is_left_to_its_next_owner(void **state)
{
    (void)state;
    planned_with(0, "other");
    assigned_0();
    replan_drop_partition(&replan, 0);
    replan_drop_partition(&replan, 9);
    assert_false(replan_is_reading(&replan));
    replan_note_end(&replan, 0);
    store();
    assert_string_equal(bench.planned.digests[0], "other");
}

static void a_failure_to_store_is_repeated(void **state)
{
    struct err err = {0};
    (void)state;
    planned_with(0, "other");
    assigned_0();
    replan_note_end(&replan, 0);
    bench.fails = "planned_store";
    assert_int_equal(replan_store(&replan, &err), STATUS_SOURCE_LOST);
    bench.fails = NULL;
    store();
    assert_string_equal(bench.planned.digests[0], replan.digest);
}

static void a_failure_to_compare_ends_the_session(void **state)
{
    static const int32_t first = 0;
    struct err err = {0};
    (void)state;
    bench.fails = "planned_read";
    assert_int_equal(replan_note_assigned(&replan, &first, 1, &err), STATUS_SOURCE_LOST);
}

/* Other partitions do not wait for a record that cannot be read. */
static void a_blocked_partition_holds_only_itself(void **state)
{
    static const int32_t partitions[] = {0, 3};
    (void)state;
    planned_with(0, "other");
    planned_with(3, "other");
    assigned(partitions, 2);
    replan_note_blocked(&replan, 0);
    assert_true(replan_is_reading(&replan));
    replan_note_end(&replan, 3);
    assert_false(replan_is_reading(&replan));
    assert_false(replan_may_commit(&replan, 0));
    assert_int_equal(replan_count(&replan), 2);
    assigned_0();
    assert_true(replan_is_reading(&replan));
}

static void a_dry_run_reads_history_and_stores_nothing(void **state)
{
    (void)state;
    bench.sink.writes = false;
    bench_forget();
    assigned_0();
    assert_true(replan_is_reading(&replan));
    assert_string_equal(bench.calls, "");
    replan_note_end(&replan, 0);
    assert_false(replan_is_reading(&replan));
    store();
    assert_string_equal(bench.calls, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REPLAN_TEST(the_same_rules_read_on_from_the_committed_offset),
        REPLAN_TEST(a_new_store_notes_its_rules_at_the_end_of_the_topic),
        REPLAN_TEST(other_rules_read_the_partition_from_its_beginning),
        REPLAN_TEST(other_rules_read_the_present_stream_from_its_beginning),
        REPLAN_TEST(rules_are_stored_when_every_level_of_the_history_is_complete),
        REPLAN_TEST(an_empty_partition_is_finished_at_its_end),
        REPLAN_TEST(a_partition_that_leaves_is_left_to_its_next_owner),
        REPLAN_TEST(a_failure_to_store_is_repeated),
        REPLAN_TEST(a_failure_to_compare_ends_the_session),
        REPLAN_TEST(a_blocked_partition_holds_only_itself),
        REPLAN_TEST(a_dry_run_reads_history_and_stores_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

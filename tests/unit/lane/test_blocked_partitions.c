#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/blocked_partitions.h"
#include "tests/unit/lane/bench.h"
#include "tests/unit/lane/bench_records.h"

static const unsigned char NEWER[] = {0xc3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 9};

static struct source_guard guard;
static struct brake_control brake;
static struct catalogue_search search;
static struct planner planner;
static struct blocked_partitions blocked;

static int open_blocked(void **state)
{
    struct err err;
    (void)bench_open(state);
    const struct state_guard row = {.database = "one"};
    source_guard_open(&guard, &bench.c, &bench.streams.known, &row);
    brake = (struct brake_control){.c = &bench.c, .guard = &guard};
    catalogue_search_open(&search);
    assert_int_equal(planner_open(&planner, &bench.c, &guard, &brake, &search, &err), STATUS_OK);
    blocked_partitions_open(&blocked, &bench.c, &planner);
    bench_product(1, "A", 41);
    return 0;
}

static int close_blocked(void **state)
{
    blocked_partitions_close(&blocked);
    planner_close(&planner);
    source_guard_close(&guard);
    catalogue_search_release(&search);
    return bench_close(state);
}

#define BLOCKED_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, open_blocked, close_blocked)

/* Blocks partition 0 with a record that has a hold. */
static struct record_position block(void)
{
    struct record_position at = bench_record();
    struct source_event event = {.type = SOURCE_RECORD,
                                 .partition = at.partition,
                                 .offset = at.offset,
                                 .key = bytes_text("1"),
                                 .value = bytes_of(NEWER, sizeof NEWER)};
    struct err why = {0};
    planner_begin(&planner);
    planner_hold(&planner, at);
    assert_int_equal(planner_plan(&planner, &event, at, &why), STATUS_SCHEMA_UNKNOWN);
    blocked_partitions_add(&blocked, &event, at, &why);
    assert_int_equal(planner_store(&planner, &why), STATUS_OK);
    return at;
}

static enum status look(void)
{
    struct err err = {0};
    planner_begin(&planner);
    enum status rc = blocked_partitions_turn(&blocked, &err);
    rc = rc == STATUS_OK ? planner_store(&planner, &err) : rc;
    return rc == STATUS_OK ? blocked_partitions_settle(&blocked, &err) : rc;
}

static void the_record_is_held_until_it_can_be_read(void **state)
{
    (void)state;
    struct err err = {0};
    struct record_position at = block();
    assert_true(blocked_partitions_has(&blocked, at.partition));
    assert_string_equal(bench.input.paused, "+0 ");
    assert_int_equal(blocked_partitions_check(&blocked, &err), STATUS_OK); /* not noted yet */
    assert_int_equal(look(), STATUS_OK);
    assert_int_equal(bench.blocked.noted_count, 1);
    assert_int_equal(bench.blocked.noted[0].offset, at.offset);
    assert_string_equal(bench.blocked.noted[0].schema, "0807060504030201");
    assert_int_equal(blocked_partitions_check(&blocked, &err), STATUS_SCHEMA_UNKNOWN);
    assert_int_equal(bench_unfinished(), 1);
    /* What a registry would bring: the same bytes can be read now. */
    const struct bench_stock stock = {.product_id = 1, .sku = "A", .free = 5, .revision = 20};
    blocked.list[0].event.value = bench_value(&stock);
    bench_forget();
    assert_int_equal(look(), STATUS_OK); /* too early */
    assert_string_equal(bench.calls, "");
    bench_pass_s(1);
    assert_int_equal(look(), STATUS_OK);
    assert_false(blocked_partitions_has(&blocked, at.partition));
    assert_string_equal(bench.input.paused, "+0 -0 ");
    assert_string_equal(bench.blocked.ended, "0 ");
    assert_int_equal(coalescer_total(bench.c.coalescer), 1);
    assert_int_equal(bench_unfinished(), 1); /* its level */
    assert_int_equal(blocked_partitions_check(&blocked, &err), STATUS_OK);
}

static void a_record_that_an_operator_passes_over_is_parked(void **state)
{
    (void)state;
    (void)block();
    bench.blocked.skip = true;
    assert_int_equal(look(), STATUS_OK);
    assert_int_equal(bench.parked.count, 1);
    assert_string_equal(bench.parked.rows[0].reason, "skipped_by_operator");
    assert_true(bench.parked.rows[0].has_record);
    assert_int_equal(bench_unfinished(), 0);
    assert_string_equal(bench.input.paused, "+0 -0 ");
    assert_string_equal(bench.blocked.ended, "0 ");
}

static void failures_of_the_state_are_returned(void **state)
{
    (void)state;
    (void)block();
    bench.fails = "blocked_note";
    assert_int_equal(look(), STATUS_SOURCE_LOST);
    bench_pass_s(1);
    bench.fails = "blocked_list";
    blocked_partitions_note_assigned(&blocked);
    assert_int_equal(look(), STATUS_SOURCE_LOST);
    bench_pass_s(1);
    bench.blocked.skip = true;
    bench.fails = "blocked_end";
    assert_int_equal(look(), STATUS_SOURCE_LOST);
    assert_int_equal(bench.parked.count, 1);
    bench.fails = NULL;
    assert_int_equal(look(), STATUS_OK); /* what ended is not forgotten */
    assert_string_equal(bench.blocked.ended, "0 0 ");
}

static void the_view_shows_what_is_blocked(void **state)
{
    (void)state;
    struct blocked_view view = {0};
    struct record_position at = block();
    blocked_partitions_fill_view(&blocked, &view);
    assert_int_equal(view.count, 1);
    assert_int_equal(view.shown[0].offset, at.offset);
    assert_true(view.shown[0].blocked_us == bench.wall_us);
    blocked_partitions_drop(&blocked, at.partition);
    blocked_partitions_drop(&blocked, 5);
    blocked_partitions_fill_view(&blocked, &view);
    assert_int_equal(view.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BLOCKED_TEST(the_record_is_held_until_it_can_be_read),
        BLOCKED_TEST(a_record_that_an_operator_passes_over_is_parked),
        BLOCKED_TEST(failures_of_the_state_are_returned),
        BLOCKED_TEST(the_view_shows_what_is_blocked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

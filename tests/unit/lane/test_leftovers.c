#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/leftovers.h"
#include "tests/unit/lane/bench.h"

static struct source_guard guard;
static struct brake_control brake;
static struct catalogue_search search;
static struct planner planner;
static struct leftovers leftovers;

static const struct state_leftover ROWS[] = {
    {.product_id = 1,
     .text = "A",
     .key = {.item = 41, .location = BENCH_LOCATION},
     .quantity = 5,
     .revision = 30,
     .parked = false},
    {.product_id = 1,
     .text = "A",
     .key = {.item = 41, .location = BENCH_LOCATION + 1}, /* the store does not use it any more */
     .quantity = 2,
     .revision = 30,
     .parked = false},
    {.product_id = 2,
     .key = {.item = 42, .location = BENCH_LOCATION},
     .quantity = 7,
     .revision = 31,
     .parked = true},
    {.product_id = BENCH_OTHERS,
     .text = "O",
     .key = {.item = 43, .location = BENCH_LOCATION},
     .quantity = 7,
     .revision = 32},
};

static int open_leftovers(void **state)
{
    struct err err;
    const struct state_guard row = {0};
    (void)bench_open(state);
    source_guard_open(&guard, &bench.c, &bench.streams.known, &row);
    brake = (struct brake_control){.c = &bench.c, .guard = &guard};
    catalogue_search_open(&search);
    assert_int_equal(planner_open(&planner, &bench.c, &guard, &brake, &search, &err), STATUS_OK);
    leftovers_open(&leftovers, &bench.c, &planner);
    bench.planned.leftovers = ROWS;
    bench.planned.leftover_count = 4;
    return 0;
}

static int close_leftovers(void **state)
{
    planner_close(&planner);
    source_guard_close(&guard);
    catalogue_search_release(&search);
    return bench_close(state);
}

#define LEFTOVERS_TEST(function)                                                                   \
    cmocka_unit_test_setup_teardown(function, open_leftovers, close_leftovers)

/* @return whether the state was asked */
static bool turn(bool at_end)
{
    struct err err = {0};
    bench_forget();
    assert_int_equal(leftovers_turn(&leftovers, at_end, &err), STATUS_OK);
    return strstr(bench.calls, "leftovers") != NULL;
}

static void kept_numbers_are_counted_by_product(void **state)
{
    (void)state;
    assert_true(turn(true));
    assert_int_equal(leftovers.view.products, 3);
    assert_int_equal(leftovers.view.levels, 4);
    assert_string_equal(leftovers.view.examples[0], "A");
    assert_string_equal(leftovers.view.examples[1], "product 2");
    assert_int_equal(coalescer_total(bench.c.coalescer), 0);
}

static void the_state_is_asked_at_the_end_and_after_changes(void **state)
{
    (void)state;
    assert_false(turn(false)); /* a record may bring the product back */
    assert_true(turn(true));
    bench_pass_s(100);
    assert_false(turn(true));
    planner.changes++;
    assert_true(turn(true));
    planner.changes++;
    assert_false(turn(true)); /* too soon */
    bench_pass_s(31);
    assert_true(turn(true));
    bench_pass_s(31);
    assert_true(turn(true)); /* a write of before was settled since */
    bench_pass_s(31);
    assert_false(turn(true));
    leftovers_note_assigned(&leftovers);
    assert_true(turn(true));
}

static void zero_is_offered_once_with_the_revision_that_excluded(void **state)
{
    (void)state;
    struct level *levels[4];
    bench.conf.policy.excluded = LAST_NUMBER_ZERO;
    assert_true(turn(true));
    assert_int_equal(coalescer_take(bench.c.coalescer, LEVEL_UNRESOLVED, levels, 4), 1);
    assert_int_equal(levels[0]->key.item, 41);
    assert_int_equal(levels[0]->key.location, BENCH_LOCATION);
    assert_int_equal(levels[0]->desired.quantity, 0);
    assert_true(levels[0]->desired.raw == 0);
    assert_int_equal(levels[0]->desired.revision, 30);
    assert_int_equal(levels[0]->desired.product_id, 1);
    assert_int_equal(bench_unfinished(), 0); /* no record waits for it */
    bench_pass_s(6);
    assert_false(turn(true));
    bench_pass_s(30);
    bench.planned.leftover_count = 0; /* written */
    assert_true(turn(true));
    assert_int_equal(leftovers.view.products, 0);
    bench_pass_s(100);
    assert_false(turn(true));
    coalescer_finish(bench.c.coalescer, levels[0], NULL);
}

/* The old item's row of a renamed product moves away when the new item is resolved. */
static void a_change_is_looked_at_at_once_with_zero(void **state)
{
    (void)state;
    bench.conf.policy.excluded = LAST_NUMBER_ZERO;
    assert_false(turn(false));
    planner.changes++;
    assert_true(turn(false));
    assert_false(turn(false));
    planner.changes++;
    assert_true(turn(false));
    assert_int_equal(coalescer_total(bench.c.coalescer), 1);
}

/* Records of the product were read since it was excluded; they change nothing. */
static void zero_has_the_newest_revision_of_the_product(void **state)
{
    (void)state;
    struct level *level = NULL;
    bench.conf.policy.excluded = LAST_NUMBER_ZERO;
    (void)sku_claims_note(bench.c.claims, 1, "A", false, 44);
    assert_true(turn(true));
    assert_int_equal(coalescer_take(bench.c.coalescer, LEVEL_UNRESOLVED, &level, 1), 1);
    assert_int_equal(level->desired.revision, 44);
    coalescer_finish(bench.c.coalescer, level, NULL);
}

static void a_failure_ends_the_session(void **state)
{
    struct err err = {0};
    (void)state;
    bench.fails = "leftovers";
    assert_int_equal(leftovers_turn(&leftovers, true, &err), STATUS_SOURCE_LOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEFTOVERS_TEST(kept_numbers_are_counted_by_product),
        LEFTOVERS_TEST(the_state_is_asked_at_the_end_and_after_changes),
        LEFTOVERS_TEST(zero_is_offered_once_with_the_revision_that_excluded),
        LEFTOVERS_TEST(a_change_is_looked_at_at_once_with_zero),
        LEFTOVERS_TEST(zero_has_the_newest_revision_of_the_product),
        LEFTOVERS_TEST(a_failure_ends_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Rounds and pushes that a command asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/lane/fake_lane.h"

static void fill_shop(int count)
{
    char sku[16];
    for (int i = 1; i <= count; i++) {
        (void)snprintf(sku, sizeof sku, "S%d", i);
        (void)fake_shop_add(sku, 0);
        (void)fake_lane_publish(i, sku, 10);
    }
    fake_lane_run_ok(fake_lane_is_quiet);
}

static const struct fake_round *the_round(void)
{
    return &fake_state.rounds.list[0];
}

static bool is_round_done(void)
{
    return the_round()->round.done[0] != '\0';
}

static int64_t until_us;

static bool is_later(void)
{
    return clock_monotonic_us() >= until_us;
}

static void run_for_s(int64_t seconds)
{
    until_us = clock_monotonic_us() + seconds * FAKE_SECOND;
    fake_lane_run_ok(is_later);
}

static void a_report_names_differences_and_writes_nothing(void **state)
{
    (void)state;
    fill_shop(600);
    size_t sets = fake_shop.sets;
    fake_shop.list[3].available = 25;
    fake_shop.list[599].active = false;
    fake_state_request(&(struct state_round){.id = 5});
    int64_t from_us = clock_monotonic_us();
    fake_lane_run_ok(is_round_done);
    assert_true(clock_monotonic_us() - from_us < 15 * FAKE_SECOND);
    assert_int_equal(fake_state.drifts.count, 2);
    assert_string_equal(fake_state_drift(fake_shop.list[3].item)->kind, "raised");
    assert_int_equal(fake_state_drift(fake_shop.list[3].item)->request, 5);
    assert_string_equal(fake_state_drift(fake_shop.list[599].item)->kind, "inactive");
    assert_int_equal(fake_shop.sets, sets);
    assert_int_equal(the_round()->total, 600);
    assert_int_equal(the_round()->compared, 600);
    assert_int_equal(the_round()->partitions, 1);
}

static void a_repair_is_done_when_the_store_has_confirmed(void **state)
{
    (void)state;
    fill_shop(30);
    for (int i = 0; i < 10; i++) {
        fake_shop.list[i].available = 25 + i;
    }
    fake_state_request(&(struct state_round){.id = 5, .repair = true});
    fake_lane_run_ok(is_round_done);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(fake_shop.list[i].available, 10);
        assert_int_equal(fake_shop.list[i].sets, i < 10 ? 2 : 1);
    }
    assert_int_equal(fake_state.drifts.count, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_true(fake_state.drifts.list[i].repaired_us > 0);
    }
}

/* A set would succeed there, and change nothing. */
static void an_untracked_item_is_read_before_it_is_confirmed(void **state)
{
    (void)state;
    fake_lane.conf.track_items = fake_lane.conf.activate_levels = true;
    fill_shop(3);
    fake_shop.list[0].tracked = false;
    fake_state_request(&(struct state_round){.id = 5, .repair = true});
    fake_lane_run_ok(is_round_done);
    assert_true(fake_shop.list[0].tracked);
    assert_int_equal(fake_shop.trackings, 1);
    assert_int_equal(fake_shop.list[0].sets, 1);
    assert_true(fake_state_drift(fake_shop.list[0].item)->repaired_us > 0);
}

static void a_repair_that_is_refused_says_why(void **state)
{
    (void)state;
    fill_shop(3);
    fake_shop.list[0].active = false;
    fake_state_request(&(struct state_round){.id = 5, .repair = true});
    fake_lane_run_ok(is_round_done);
    const struct fake_drift *d = fake_state_drift(fake_shop.list[0].item);
    assert_int_equal(d->repaired_us, 0);
    assert_non_null(strstr(d->what, "level_inactive: "));
}

static void one_product_is_compared_alone(void **state)
{
    (void)state;
    fake_source.partitions = 2;
    fill_shop(10);
    fake_shop.list[6].available = 1;
    fake_shop.list[7].available = 1;
    fake_state_request(&(struct state_round){.id = 5, .product_id = 7});
    fake_lane_run_ok(is_round_done);
    assert_string_equal(the_round()->round.done, "1");
    assert_int_equal(the_round()->total, 1);
    assert_int_equal(fake_state.drifts.count, 1);
    assert_non_null(fake_state_drift(fake_shop.list[6].item));
}

static bool has_begun(void)
{
    return the_round()->total > 0;
}

static void a_round_that_nobody_waits_for_ends(void **state)
{
    (void)state;
    fill_shop(10);
    fake_shop.list[6].available = 25;
    fake_state_request(&(struct state_round){.id = 5, .repair = true});
    fake_lane_run_ok(has_begun);
    fake_state.rounds.list[0].ended = true;
    run_for_s(30);
    assert_false(is_round_done());
    assert_int_equal(fake_shop.list[6].available, 25);
}

static void a_round_over_everything_counts_as_a_pass(void **state)
{
    (void)state;
    fake_source.partitions = 2;
    fake_lane.conf.verify.every_ms = 3600000;
    fill_shop(10);
    int64_t from_us = clock_wall_us();
    fake_state_request(&(struct state_round){.id = 5});
    fake_lane_run_ok(is_round_done);
    assert_int_equal(fake_state.passes.count, 2);
    assert_true(fake_state.passes.list[0].done_us >= from_us);
    assert_true(fake_state.passes.list[1].done_us >= from_us);
}

static void a_push_writes_levels_that_seem_right(void **state)
{
    (void)state;
    fill_shop(3);
    struct fake_level *level = &fake_shop.list[1];
    level->available = 33;
    unsigned sets = level->sets;
    fake_state_request(&(struct state_round){.id = 5, .push = true, .product_id = 2});
    fake_lane_run_ok(is_round_done);
    assert_int_equal(level->available, 10);
    assert_int_equal(level->sets, sets + 1);
    assert_int_equal(fake_state.pushed.count, 1);
    assert_int_equal(fake_state.pushed.list[0].before, 33);
    assert_int_equal(fake_state.pushed.list[0].after, 10);
    assert_string_equal(fake_state.pushed.list[0].what, "");
    assert_int_equal(fake_state.drifts.count, 0);
}

static void a_push_holds_no_unimported_sales_back(void **state)
{
    (void)state;
    fill_shop(3);
    struct fake_level *level = &fake_shop.list[1];
    level->available = 4;
    fake_state_request(&(struct state_round){.id = 5, .repair = true, .product_id = 2});
    fake_lane_run_ok(is_round_done);
    assert_int_equal(level->available, 4); /* it may have been sold */
    fake_state.rounds.count = 0;
    fake_state_request(&(struct state_round){.id = 6, .push = true, .product_id = 2});
    fake_lane_run_ok(is_round_done);
    assert_int_equal(level->available, 10);
    assert_int_equal(fake_state.pushed.list[0].before, 4);
    assert_int_equal(fake_state.pushed.list[0].after, 10);
    run_for_s(2000); /* nothing of it comes back when the grace is over */
    assert_int_equal(level->available, 10);
}

static void a_push_that_is_refused_says_why(void **state)
{
    (void)state;
    fill_shop(3);
    fake_shop.list[1].connected = false;
    fake_state_request(&(struct state_round){.id = 5, .push = true, .product_id = 2});
    fake_lane_run_ok(is_round_done);
    assert_int_equal(fake_state.pushed.list[0].before, STATE_NO_NUMBER);
    assert_int_equal(fake_state.pushed.list[0].after, STATE_NO_NUMBER);
    assert_non_null(strstr(fake_state.pushed.list[0].what, "level_missing"));
}

static void a_run_with_once_does_the_rounds(void **state)
{
    (void)state;
    fill_shop(300);
    fake_shop.list[0].available = 25;
    fake_state_request(&(struct state_round){.id = 5, .repair = true});
    fake_lane.options.once = true;
    fake_lane_run_ok(NULL);
    assert_true(is_round_done());
    assert_int_equal(fake_shop.list[0].available, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(a_report_names_differences_and_writes_nothing),
        LANE_TEST(a_repair_is_done_when_the_store_has_confirmed),
        LANE_TEST(an_untracked_item_is_read_before_it_is_confirmed),
        LANE_TEST(a_repair_that_is_refused_says_why),
        LANE_TEST(one_product_is_compared_alone),
        LANE_TEST(a_round_that_nobody_waits_for_ends),
        LANE_TEST(a_round_over_everything_counts_as_a_pass),
        LANE_TEST(a_push_writes_levels_that_seem_right),
        LANE_TEST(a_push_holds_no_unimported_sales_back),
        LANE_TEST(a_push_that_is_refused_says_why),
        LANE_TEST(a_run_with_once_does_the_rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

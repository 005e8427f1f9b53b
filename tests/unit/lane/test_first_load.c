/* The first contact with a store: a person approves it, and the topic is read to its end before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/lane/fake_lane.h"

#define LEVELS 20

static int64_t began_us;

/* The shop holds other numbers than Odoo's first records: five fall to zero, five rise. */
static void open_shop(enum first_load_choice choice)
{
    fake_lane.conf.policy.first_load = (int)choice;
    for (int i = 0; i < LEVELS; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", i);
        (void)fake_shop_add(sku, 7);
        (void)fake_lane_publish(i + 1, sku, i < 5 ? 0 : i < 10 ? 9 : 7);
    }
    began_us = clock_monotonic_us();
}

static bool ten_seconds_passed(void)
{
    return clock_monotonic_us() - began_us > 10 * FAKE_SECOND;
}

static void run_ten_seconds(void)
{
    began_us = clock_monotonic_us();
    fake_lane_run_ok(ten_seconds_passed);
}

static size_t mutations(void)
{
    return fake_store_sent(OP_STOCK_SET) + fake_store_sent(OP_STOCK_ADJUST) +
           fake_store_sent(OP_ITEM_TRACK) + fake_store_sent(OP_LEVEL_ACTIVATE);
}

static size_t count_holding(int32_t number)
{
    size_t count = 0;
    for (size_t i = 0; i < fake_shop.count; i++) {
        count += fake_shop.list[i].available == number;
    }
    return count;
}

/* As state_guard_resume does it. */
static void approve(void)
{
    struct state_guard *row = &fake_state.guard.row;
    row->held_at_us = 0;
    row->accepted_revision = fake_state.guard.held_revision;
    row->first_load_waits = false;
    fake_state.guard.first_load_go = true;
}

static bool approve_when_held(void)
{
    if (fake_state.guard.row.held_at_us != 0 && ten_seconds_passed()) {
        assert_int_equal(mutations(), 0);
        approve();
    }
    return fake_lane_is_quiet();
}

static void nothing_is_written_before_a_person_approves(void **state)
{
    (void)state;
    open_shop(FIRST_LOAD_HOLD);
    fake_lane_run_ok(approve_when_held);
    assert_true(fake_lane_was("held"));
    assert_int_equal(count_holding(0), 5);
    assert_int_equal(count_holding(9), 5);
    /* it is known from now on */
    uint64_t holds = fake_lane_counter("holds");
    (void)fake_lane_publish(1, "S0", 4);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_shop_available("S0"), 4);
    assert_int_equal(fake_lane_counter("holds"), holds);
}

static void the_hold_shows_the_real_numbers_of_the_store(void **state)
{
    (void)state;
    open_shop(FIRST_LOAD_HOLD);
    run_ten_seconds();
    assert_true(fake_lane_shows("\"reason\":\"first_load\""));
    assert_true(fake_lane_shows("\"levels\":20,\"fallen\":5,\"changed\":10,\"risen\":5"));
    assert_true(fake_lane_shows("\"sku\":\"S0\""));
    assert_true(fake_lane_shows("\"from\":7,\"to\":0"));
    assert_true(fake_lane_shows("\"from\":7,\"to\":9"));
    assert_non_null(strstr(fake_state.guard.row.detail, "10 of 20 levels would change"));
    assert_non_null(strstr(fake_state.guard.row.examples, "7 -> 0"));
    assert_int_equal(mutations(), 0);
    assert_true(fake_lane.ready);
}

static void a_restart_does_not_approve(void **state)
{
    (void)state;
    open_shop(FIRST_LOAD_HOLD);
    run_ten_seconds();
    assert_true(fake_state.levels.count > 0); /* those that are equal are known */
    run_ten_seconds();
    assert_true(fake_lane_was("held"));
    fake_state.guard.row.held_at_us = 0; /* nor does a process that lets its hold go */
    strbuf_reset(&fake_lane.states);
    run_ten_seconds();
    assert_true(fake_lane_was("held"));
    assert_int_equal(mutations(), 0);
}

/* Neither calm, nor other numbers in Odoo: only a person. */
static void it_is_not_released_as_calm(void **state)
{
    (void)state;
    open_shop(FIRST_LOAD_HOLD);
    run_ten_seconds();
    for (int i = 0; i < LEVELS - 1; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", i);
        (void)fake_lane_publish(i + 1, sku, 7);
    }
    (void)fake_lane_publish(LEVELS, "S19", 8);
    run_ten_seconds();
    run_ten_seconds();
    assert_non_null(strstr(fake_state.guard.row.detail, "1 of 20 levels would change"));
    assert_int_equal(mutations(), 0);
}

static void nothing_is_activated_or_tracked_either(void **state)
{
    (void)state;
    fake_lane.conf.activate_levels = fake_lane.conf.track_items = true;
    open_shop(FIRST_LOAD_HOLD);
    fake_shop.list[0].active = false;
    fake_shop.list[1].tracked = false;
    run_ten_seconds();
    assert_non_null(strstr(fake_state.guard.row.detail, "2 must be activated or tracked"));
    assert_int_equal(mutations(), 0);
    began_us = clock_monotonic_us();
    fake_lane_run_ok(approve_when_held);
    assert_int_equal(fake_shop.activations, 1);
    assert_int_equal(fake_shop.trackings, 1);
}

static void another_process_of_the_store_waits_too(void **state)
{
    (void)state;
    open_shop(FIRST_LOAD_HOLD);
    fake_state.guard.row.held_at_us = 1;
    fake_state.guard.holder = FAKE_OTHER_PROCESS;
    (void)snprintf(fake_state.guard.row.reason, sizeof fake_state.guard.row.reason, "first_load");
    fake_lane_run_ok(approve_when_held);
    assert_int_equal(fake_state.guard.holder, FAKE_OTHER_PROCESS);
    assert_int_equal(count_holding(9), 5);
}

static void a_store_that_has_levels_is_not_held(void **state)
{
    (void)state;
    open_shop(FIRST_LOAD_HOLD);
    fake_state_know(4000, 1, 7, 500);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_false(fake_lane_was("held"));
    assert_int_equal(count_holding(9), 5);
}

static void a_topic_without_records_holds_nothing(void **state)
{
    (void)state;
    fake_lane.conf.policy.first_load = FIRST_LOAD_HOLD;
    run_ten_seconds();
    assert_false(fake_lane_was("held"));
    (void)fake_shop_add("A", 3);
    fake_state.catalogue.wanted = true;
    (void)fake_lane_publish(1, "A", 5);
    run_ten_seconds();
    assert_true(fake_lane_was("held"));
    assert_int_equal(mutations(), 0);
}

static void a_run_once_ends_with_the_reason(void **state)
{
    (void)state;
    open_shop(FIRST_LOAD_HOLD);
    fake_lane.options.once = true;
    assert_int_equal(fake_lane_run(NULL), STATUS_STORE_MISCONFIGURED);
    assert_non_null(strstr(fake_lane.err.msg, "held: first contact: 10 of 20 levels"));
    assert_int_equal(mutations(), 0);
    fake_lane_failed(STATUS_STORE_MISCONFIGURED);
}

static void a_dry_run_is_not_held(void **state)
{
    (void)state;
    open_shop(FIRST_LOAD_HOLD);
    fake_lane.conf.dry_run = true;
    fake_lane.options.once = true;
    fake_lane_run_ok(NULL);
    assert_non_null(strstr(fake_lane.lines.ptr, "would write 10 of 20 levels"));
    assert_false(fake_state.guard.row.first_load_waits);
}

/* Held before the option was changed. */
static void first_load_go_ends_the_hold(void **state)
{
    (void)state;
    open_shop(FIRST_LOAD_HOLD);
    run_ten_seconds();
    fake_lane.conf.policy.first_load = FIRST_LOAD_GO;
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_state.guard.row.held_at_us, 0);
    assert_int_equal(count_holding(9), 5);
}

/* Kafka pauses in the middle of the topic: what was read so far is overtaken by what follows. */
static void without_approval_nothing_is_written_before_the_end_of_the_topic(void **state)
{
    (void)state;
    open_shop(FIRST_LOAD_GO);
    fake_source.slow_from = LEVELS;
    fake_source.slow_until_us = began_us + 30 * FAKE_SECOND;
    for (int i = 0; i < LEVELS; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", i);
        (void)fake_lane_publish(i + 1, sku, 3);
    }
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(count_holding(3), LEVELS);
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 1);
    assert_true(fake_store_request(OP_STOCK_SET, 0)->sent_us >= fake_source.slow_until_us);
    assert_false(fake_lane_was("held"));
}

/* A store that is known goes on at once. */
static void a_known_store_does_not_wait_for_the_end_of_the_topic(void **state)
{
    (void)state;
    open_shop(FIRST_LOAD_HOLD);
    fake_state_know(4000, 1, 7, 500);
    fake_source.slow_from = LEVELS;
    fake_source.slow_until_us = began_us + 30 * FAKE_SECOND;
    (void)fake_lane_publish(1, "S0", 3);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_true(fake_store_request(OP_STOCK_SET, 0)->sent_us < fake_source.slow_until_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(nothing_is_written_before_a_person_approves),
        LANE_TEST(the_hold_shows_the_real_numbers_of_the_store),
        LANE_TEST(a_restart_does_not_approve),
        LANE_TEST(it_is_not_released_as_calm),
        LANE_TEST(nothing_is_activated_or_tracked_either),
        LANE_TEST(another_process_of_the_store_waits_too),
        LANE_TEST(a_store_that_has_levels_is_not_held),
        LANE_TEST(a_topic_without_records_holds_nothing),
        LANE_TEST(a_run_once_ends_with_the_reason),
        LANE_TEST(a_dry_run_is_not_held),
        LANE_TEST(first_load_go_ends_the_hold),
        LANE_TEST(without_approval_nothing_is_written_before_the_end_of_the_topic),
        LANE_TEST(a_known_store_does_not_wait_for_the_end_of_the_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

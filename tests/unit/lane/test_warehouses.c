/* Warehouses that change while a lane runs: what the store's options mean then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "tests/unit/lane/fake_lane.h"

static char other_code[] = "OTHER";
static char code[] = "WH";

static bool is_done(void)
{
    return fake_lane_is_quiet() && fake_lane_is_running();
}

static void work_once(void)
{
    (void)fake_shop_add("A", 1);
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(is_done);
    assert_int_equal(fake_shop_available("A"), 5);
}

static bool is_outdated(void)
{
    return fake_lane_shows("\"options_outdated\":\"[store.shop] warehouse 'WH' does not exist");
}

static enum { BEFORE, LOST, WORKING, BACK } step;

/* The warehouse is lost while the lane runs, a record comes, the warehouse comes back. */
static bool lose_and_find_the_warehouse(void)
{
    if (!is_done()) {
        return false;
    }
    switch (step) {
    case BEFORE:
        assert_false(is_outdated());
        fake_state.warehouse.active = false;
        step = LOST;
        return false;
    case LOST:
        if (is_outdated()) {
            (void)fake_lane_publish(1, "A", 7);
            step = WORKING;
        }
        return false;
    case WORKING:
        if (fake_shop_available("A") == 7) {
            assert_true(is_outdated());
            fake_state.warehouse.active = true;
            step = BACK;
        }
        return false;
    case BACK:
        break;
    }
    return !is_outdated();
}

static void an_archived_warehouse_is_shown_and_keeps_its_rule(void **state)
{
    (void)state;
    work_once();
    step = BEFORE;
    fake_lane_run_ok(lose_and_find_the_warehouse);
    assert_int_equal(step, BACK);
    assert_int_equal(fake_lane_was("misconfigured"), false);
}

static bool give_the_code_to_another_warehouse(void)
{
    if (is_done()) {
        fake_state.warehouse.id = 2;
    }
    return false;
}

static void a_code_that_moves_plans_the_topic_again(void **state)
{
    (void)state;
    work_once();
    assert_int_equal(fake_lane_run(give_the_code_to_another_warehouse), STATUS_RENEW);
    fake_lane_run_ok(is_done);
    assert_int_equal(fake_shop_available("A"), 0); /* its record has nothing in warehouse 2 */
}

static int64_t began_us;

static bool a_minute_passed(void)
{
    return clock_monotonic_us() - began_us > 60 * FAKE_SECOND;
}

static void a_change_without_meaning_renews_nothing(void **state)
{
    (void)state;
    static char company[] = "Acme Ltd";
    work_once();
    fake_state.warehouse.company = company;
    began_us = clock_monotonic_us();
    fake_lane_run_ok(a_minute_passed);
    assert_false(is_outdated());
}

static void a_warehouse_that_appears_mends_the_store(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 1);
    (void)fake_lane_publish(1, "A", 5);
    fake_state.warehouse.code = other_code;
    assert_int_equal(fake_lane_run(NULL), STATUS_STORE_MISCONFIGURED);
    fake_lane_failed(STATUS_STORE_MISCONFIGURED);
    assert_string_equal(fake_lane.state, "misconfigured");
    fake_state.warehouse.code = code;
    fake_lane_run_ok(is_done);
    assert_int_equal(fake_shop_available("A"), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(an_archived_warehouse_is_shown_and_keeps_its_rule),
        LANE_TEST(a_code_that_moves_plans_the_topic_again),
        LANE_TEST(a_change_without_meaning_renews_nothing),
        LANE_TEST(a_warehouse_that_appears_mends_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

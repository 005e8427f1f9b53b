/* Items that need more than a number: levels and tracking set up, and items that change owners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/lane/fake_lane.h"

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

static void read_again(void)
{
    fake_state.catalogue.wanted = true;
    run_for_s(10);
    assert_false(fake_state.catalogue.wanted);
}

static const char *reason_of(const char *subject)
{
    const struct fake_parked *row = fake_state_parked(subject);
    return row != NULL ? row->reason : "not parked";
}

static bool nothing_is_parked(void)
{
    return fake_state.parked.count == 0 && fake_lane_is_quiet();
}

/* --- levels --- */

static void an_activation_without_an_answer_is_made_once(void **state)
{
    (void)state;
    static const struct fake_fault FAULTS[] = {
        {.op = OP_LEVEL_ACTIVATE, .times = 1, .cut = true},
        {.op = OP_LEVEL_ACTIVATE, .times = 1, .cut = true, .executed = true},
        {.op = OP_LEVEL_ACTIVATE, .times = 1, .code = "INTERNAL_SERVER_ERROR", .executed = true},
        {.op = OP_LEVEL_ACTIVATE, .times = 1, .code = "THROTTLED"},
    };
    for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++) {
        fake_lane_close();
        fake_lane_open();
        struct fake_level *level = fake_shop_add("A", 0);
        level->connected = false;
        fake_lane.conf.activate_levels = true;
        (void)fake_lane_publish(1, "A", 5);
        fake_store_fault(&FAULTS[i]);
        fake_lane_run_ok(fake_lane_is_quiet);
        assert_int_equal(fake_shop.activations, 1);
        assert_int_equal(fake_state.parked.count, 0);
        assert_int_equal(level->available, 5);
        assert_int_equal(fake_state_level(level->item)->quantity, 5);
    }
}

static void a_level_that_was_deactivated_later_is_noticed(void **state)
{
    (void)state;
    for (int activate = 0; activate < 2; activate++) {
        fake_lane_close();
        fake_lane_open();
        struct fake_level *level = fake_shop_add("A", 11);
        level->active = false;
        fake_state_know(level->item, 1, 10, 500);
        fake_lane.conf.activate_levels = activate == 1;
        (void)fake_lane_publish(1, "A", 15);
        fake_lane_run_ok(fake_lane_is_quiet);
        assert_string_equal(reason_of("level/4000/7001"),
                            activate == 1 ? "not parked" : "level_inactive");
        assert_int_equal(level->available, activate == 1 ? 15 : 11);
        assert_int_equal(fake_shop.activations, activate);
    }
}

/* --- items --- */

static void an_item_that_can_be_tracked_at_last_is_written(void **state)
{
    (void)state;
    struct fake_level *level = fake_shop_add("A", 0);
    level->tracked = false;
    level->locked = true;
    fake_lane.conf.track_items = true;
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_string_equal(reason_of("level/4000/7001"), "tracking_locked");
    assert_non_null(strstr(fake_state_parked("level/4000/7001")->detail, "an app manages it"));
    level->tracked = true;
    level->locked = false;
    read_again();
    fake_lane_run_ok(nothing_is_parked);
    assert_int_equal(level->available, 5);
}

static void an_item_that_is_no_longer_tracked_is_tracked_again(void **state)
{
    (void)state;
    struct fake_level *level = fake_shop_add("A", 3);
    fake_lane.conf.track_items = true;
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    level->tracked = false;
    read_again();
    (void)fake_lane_publish(1, "A", 6);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_shop.trackings, 1);
    assert_int_equal(level->available, 6);
}

static void a_bundle_is_parked_and_written_once_it_is_none(void **state)
{
    (void)state;
    struct fake_level *level = fake_shop_add("A", 3);
    level->bundle = true;
    fake_lane.conf.activate_levels = fake_lane.conf.track_items = true;
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_string_equal(reason_of("product/1"), "bundle");
    assert_int_equal(level->sets, 0);
    level->bundle = false;
    read_again();
    fake_lane_run_ok(nothing_is_parked);
    assert_int_equal(level->available, 5);
}

/* --- SKUs --- */

static bool exchange_is_written(void)
{
    return fake_shop.list[0].available == 9 && fake_shop.list[1].available == 5 &&
           nothing_is_parked();
}

/* What was written for the one product says nothing about the other, whatever the revisions. */
static void two_items_exchange_their_skus(void **state)
{
    (void)state;
    struct fake_level *first = fake_shop_add("A", 3);
    struct fake_level *second = fake_shop_add("B", 3);
    (void)fake_lane_publish(1, "A", 5);
    (void)fake_lane_publish(2, "B", 9);
    fake_lane_run_ok(fake_lane_is_quiet);
    first->sku[0] = 'B';
    second->sku[0] = 'A';
    fake_state.catalogue.wanted = true;
    fake_lane_run_ok(exchange_is_written);
    (void)fake_lane_publish(2, "B", 10);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(first->available, 10);
    assert_int_equal(second->available, 5);
}

/* The item is gone, the product is taken off the store, and the SKU comes back. */
static void a_product_that_is_not_sold_any_more_is_not_written(void **state)
{
    (void)state;
    struct warehouse_stock place;
    (void)fake_shop_add("A", 3);
    fake_lane_run_ok(fake_lane_is_running);
    fake_shop.list[0].gone = true;
    (void)fake_lane_publish(1, "A", 5);
    run_for_s(30);
    assert_int_equal(fake_state.parked.count, 1);
    struct product_stock disabled = fake_lane_stock(1, "A", 5, &place);
    disabled.shopify_enabled = false;
    (void)fake_source_append(0, &disabled, FAKE_DATABASE);
    fake_lane_run_ok(fake_lane_is_quiet);
    const struct fake_level *level = fake_shop_add("A", 1);
    read_again();
    run_for_s(120);
    assert_int_equal(level->sets, 0);
    (void)fake_lane_publish(1, "A", 8);
    fake_lane_run_ok(nothing_is_parked);
    assert_int_equal(level->available, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(an_activation_without_an_answer_is_made_once),
        LANE_TEST(a_level_that_was_deactivated_later_is_noticed),
        LANE_TEST(an_item_that_can_be_tracked_at_last_is_written),
        LANE_TEST(an_item_that_is_no_longer_tracked_is_tracked_again),
        LANE_TEST(a_bundle_is_parked_and_written_once_it_is_none),
        LANE_TEST(two_items_exchange_their_skus),
        LANE_TEST(a_product_that_is_not_sold_any_more_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

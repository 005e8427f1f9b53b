/* Products that are archived, not enabled, deleted or renamed while their number waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/context.h"
#include "tests/unit/lane/fake_lane.h"

enum change { ARCHIVED, DISABLED, DELETED, RENAMED, CHANGES };

static enum change change;
static int64_t began_us;
static bool did_change;

static void publish_change(void)
{
    struct warehouse_stock place;
    struct product_stock stock = fake_lane_stock(1, change == RENAMED ? "A-X" : "A", 9, &place);
    stock.active = change != ARCHIVED;
    stock.shopify_enabled = change != DISABLED;
    if (change == DELETED) {
        (void)fake_source_append_tombstone(0, 1, stock.revision);
    } else {
        (void)fake_source_append(0, &stock, FAKE_DATABASE);
    }
}

static bool a_minute_passed(void)
{
    return clock_monotonic_us() - began_us > 60 * FAKE_SECOND;
}

/* A number of another product waits for the store; then ours; then ours changes; a person sets the
 * level; the store is back. */
static bool changes_while_it_waits(void)
{
    int64_t passed_us = clock_monotonic_us() - began_us;
    if (!did_change && passed_us > 60 * FAKE_SECOND) {
        did_change = true;
        publish_change();
        fake_shop_find("A")->available = 100;
    }
    if (passed_us > 90 * FAKE_SECOND) {
        fake_store_clear_faults();
    }
    return did_change && fake_lane_is_quiet() && fake_shop_available("B") == 7;
}

static bool is_broken(void)
{
    if (strcmp(fake_lane.state, "broken") != 0) {
        return false;
    }
    (void)fake_lane_publish(1, "A", 4);
    return true;
}

static bool first_is_broken_then_changes(void)
{
    static bool published;
    if (!did_change && began_us == 0) {
        published = false;
        began_us = clock_monotonic_us();
    }
    published = published || is_broken();
    return published && changes_while_it_waits();
}

static void waiting_numbers_of_a_product_that_changed_are_dropped(void **state)
{
    (void)state;
    for (int i = 0; i < CHANGES; i++) {
        change = (enum change)i;
        fake_lane_close();
        fake_lane_open();
        (void)fake_shop_add("A", 9);
        (void)fake_shop_add("B", 3);
        (void)fake_lane_publish(1, "A", 9);
        (void)fake_lane_publish(2, "B", 3);
        fake_lane_run_ok(fake_lane_is_quiet);
        (void)fake_lane_publish(2, "B", 7);
        fake_store_fault(&(struct fake_fault){.op = OP_STOCK_SET, .times = 100000, .status = 503});
        began_us = 0;
        did_change = false;
        uint64_t before = fake_lane_counter("excluded_levels");
        fake_lane_run_ok(first_is_broken_then_changes);
        assert_int_equal(fake_shop_available("A"), 100);
        assert_int_equal(fake_lane_counter("excluded_levels"), before + 1);
    }
}

/* A new store must not show a number between that a newer record has overtaken. */
static void history_that_was_overtaken_is_never_written(void **state)
{
    (void)state;
    for (int i = 0; i < CHANGES; i++) {
        change = (enum change)i;
        fake_lane_close();
        fake_lane_open();
        (void)fake_shop_add("A", 3);
        (void)fake_lane_publish(1, "A", 9);
        for (int32_t id = 10; id < 10 + LANE_TURN_RECORDS; id++) { /* fills a turn */
            (void)fake_lane_publish(id, NULL, 1);
        }
        publish_change();
        fake_lane_run_ok(fake_lane_is_quiet);
        assert_int_equal(fake_shop_available("A"), 3);
        assert_int_equal(fake_store_sent(OP_STOCK_SET), 0);
    }
}

/* --- the last number --- */

static void sell_and_exclude(void)
{
    (void)fake_shop_add("A", 1);
    (void)fake_shop_add("B", 1);
    (void)fake_lane_publish(1, "A", 9);
    (void)fake_lane_publish(2, "B", 4);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_shop_available("A"), 9);
    publish_change();
    began_us = clock_monotonic_us();
    fake_lane_run_ok(a_minute_passed);
}

static void kept_numbers_are_shown(void **state)
{
    (void)state;
    change = ARCHIVED;
    sell_and_exclude();
    assert_int_equal(fake_shop_available("A"), 9);
    assert_true(
        fake_lane_shows("\"leftover_products\":1,\"leftover_levels\":1,\"leftovers\":[\"A"));
    (void)fake_lane_publish(1, "A", 8);
    began_us = clock_monotonic_us();
    fake_lane_run_ok(a_minute_passed);
    assert_int_equal(fake_shop_available("A"), 8);
    assert_true(fake_lane_shows("\"leftover_products\":0"));
}

static void zero_is_written_once(void **state)
{
    (void)state;
    for (int i = 0; i < RENAMED; i++) {
        change = (enum change)i;
        fake_lane_close();
        fake_lane_open();
        fake_lane.conf.policy.excluded = LAST_NUMBER_ZERO;
        sell_and_exclude();
        assert_int_equal(fake_shop_available("A"), 0);
        assert_int_equal(fake_shop_available("B"), 4);
        fake_shop_find("A")->available = 6; /* a person, who knows why */
        began_us = clock_monotonic_us();
        fake_lane_run_ok(a_minute_passed);
        assert_int_equal(fake_shop_available("A"), 6);
        fake_shop_find("A")->available = 0;
        (void)fake_lane_publish(1, "A", 8);
        began_us = clock_monotonic_us();
        fake_lane_run_ok(a_minute_passed);
        assert_int_equal(fake_shop_available("A"), 8);
    }
}

static void the_old_item_of_a_renamed_product_becomes_zero(void **state)
{
    (void)state;
    change = RENAMED;
    fake_lane.conf.policy.excluded = LAST_NUMBER_ZERO;
    (void)fake_shop_add("A-X", 2);
    sell_and_exclude();
    assert_int_equal(fake_shop_available("A"), 0);
    assert_int_equal(fake_shop_available("A-X"), 9);
}

static bool renamed_in_time(void)
{
    if (!did_change && fake_lane_is_running() && fake_lane_is_quiet()) {
        did_change = true;
        began_us = clock_monotonic_us();
        publish_change();
    }
    return did_change && a_minute_passed();
}

/* In one session: the row of the old item moves to the new one within the turn. */
static void the_old_item_becomes_zero_while_the_lane_runs(void **state)
{
    (void)state;
    change = RENAMED;
    did_change = false;
    fake_lane.conf.policy.excluded = LAST_NUMBER_ZERO;
    (void)fake_shop_add("A", 1);
    (void)fake_shop_add("A-X", 2);
    (void)fake_lane_publish(1, "A", 9);
    fake_lane_run_ok(renamed_in_time);
    assert_int_equal(fake_shop_available("A"), 0);
    assert_int_equal(fake_shop_available("A-X"), 9);
}

static void an_item_that_another_product_claims_keeps_its_number(void **state)
{
    (void)state;
    fake_lane.conf.policy.excluded = LAST_NUMBER_ZERO;
    change = ARCHIVED;
    (void)fake_shop_add("A", 1);
    (void)fake_lane_publish(1, "A", 9);
    fake_lane_run_ok(fake_lane_is_quiet);
    publish_change();
    (void)fake_lane_publish(3, "A", 5);
    began_us = clock_monotonic_us();
    fake_lane_run_ok(a_minute_passed);
    assert_int_equal(fake_shop_available("A"), 5);
}

static void zero_survives_a_crash(void **state)
{
    (void)state;
    change = ARCHIVED;
    fake_lane.conf.policy.excluded = LAST_NUMBER_ZERO;
    (void)fake_shop_add("A", 1);
    (void)fake_lane_publish(1, "A", 9);
    fake_lane_run_ok(fake_lane_is_quiet);
    publish_change();
    fake_state.failing = "attempts_begin";
    assert_int_equal(fake_lane_run(NULL), STATUS_SOURCE_LOST);
    fake_lane_failed(STATUS_SOURCE_LOST);
    assert_int_equal(fake_shop_available("A"), 9);
    began_us = clock_monotonic_us();
    fake_lane_run_ok(a_minute_passed);
    assert_int_equal(fake_shop_available("A"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(waiting_numbers_of_a_product_that_changed_are_dropped),
        LANE_TEST(history_that_was_overtaken_is_never_written),
        LANE_TEST(kept_numbers_are_shown),
        LANE_TEST(zero_is_written_once),
        LANE_TEST(the_old_item_of_a_renamed_product_becomes_zero),
        LANE_TEST(the_old_item_becomes_zero_while_the_lane_runs),
        LANE_TEST(an_item_that_another_product_claims_keeps_its_number),
        LANE_TEST(zero_survives_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Parked rows: why something is parked, and what brings it to its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "tests/unit/lane/fake_lane.h"

static const char *reason_of(const char *subject)
{
    const struct fake_parked *row = fake_state_parked(subject);
    return row != NULL ? row->reason : "not parked";
}

static bool nothing_is_parked(void)
{
    return fake_state.parked.count == 0 && fake_lane_is_quiet();
}

/* Until so much time has passed. */
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

/* --- reasons of records --- */

static void products_that_cannot_be_matched_are_parked(void **state)
{
    (void)state;
    struct warehouse_stock place;
    (void)fake_shop_add("twice", 1);
    (void)fake_shop_add("twice", 1);
    fake_shop_add("bundle", 1)->bundle = true;
    (void)fake_lane_publish(1, NULL, 5);
    (void)fake_lane_publish(2, "missing", 5);
    (void)fake_lane_publish(3, "twice", 5);
    (void)fake_lane_publish(4, "bundle", 5);
    struct product_stock kit = fake_lane_stock(5, "bundle", 5, &place);
    kit.is_kit = true;
    kit.warehouse_count = 0;
    (void)fake_source_append(0, &kit, FAKE_DATABASE);
    (void)fake_source_append_bytes(0, bytes_text("6"), bytes_text("no record"));
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_string_equal(reason_of("product/1"), "no_sku");
    assert_string_equal(reason_of("product/2"), "unmapped");
    assert_string_equal(reason_of("product/3"), "sku_shared_in_shopify");
    assert_string_equal(reason_of("product/5"), "kit_without_number");
    assert_string_equal(reason_of("record/stock/0/5"), "undecodable");
    assert_int_equal(fake_source.partition[0].committed, 6);
    assert_int_equal(fake_shop.sets, 0);
}

static void a_record_without_the_basis_of_the_store_is_parked(void **state)
{
    (void)state;
    struct warehouse_stock place;
    (void)fake_shop_add("A", 1);
    (void)fake_shop_add("B", 1);
    fake_lane.conf.basis = BASIS_FORECAST;
    (void)fake_lane_publish(1, "A", 5);
    struct product_stock other = fake_lane_stock(2, "B", 5, &place);
    place.has_forecast = true;
    place.forecast = 4;
    (void)fake_source_append(0, &other, FAKE_DATABASE);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_false(fake_lane_was("misconfigured"));
    assert_string_equal(reason_of("product/1"), "basis_missing");
    assert_int_equal(fake_state_parked("product/1")->retry_us, 0);
    assert_int_equal(fake_source.partition[0].committed, 2);
    assert_int_equal(fake_shop_available("B"), 4);

    other = fake_lane_stock(1, "A", 5, &place);
    place.has_forecast = true;
    place.forecast = 3;
    (void)fake_source_append(0, &other, FAKE_DATABASE);
    fake_lane_run_ok(nothing_is_parked);
    assert_int_equal(fake_shop_available("A"), 3);
}

static void a_record_without_free_confirmed_is_parked_until_it_has_it(void **state)
{
    (void)state;
    struct warehouse_stock place;
    (void)fake_shop_add("A", 1);
    fake_lane.conf.basis = BASIS_FREE_CONFIRMED;
    struct product_stock stock = fake_lane_stock(1, "A", 5, &place);
    place.has_forecast = true; /* by a producer that did not know the number */
    (void)fake_source_append(0, &stock, FAKE_DATABASE);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_string_equal(reason_of("product/1"), "basis_missing");
    assert_int_equal(fake_source.partition[0].committed, 1);
    stock = fake_lane_stock(1, "A", 5, &place);
    place.has_free_confirmed = true;
    place.free_confirmed = 3;
    (void)fake_source_append(0, &stock, FAKE_DATABASE);
    fake_lane_run_ok(nothing_is_parked);
    assert_int_equal(fake_shop_available("A"), 3);
}

static void what_is_not_sold_is_excluded(void **state)
{
    (void)state;
    struct warehouse_stock place;
    (void)fake_shop_add("A", 3);
    struct product_stock inactive = fake_lane_stock(1, "A", 5, &place);
    inactive.active = false;
    (void)fake_source_append(0, &inactive, FAKE_DATABASE);
    struct product_stock disabled = fake_lane_stock(2, "A", 6, &place);
    disabled.shopify_enabled = false;
    (void)fake_source_append(0, &disabled, FAKE_DATABASE);
    (void)fake_source_append_tombstone(0, 3, ++fake_lane.revision);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_shop_available("A"), 3);
    assert_int_equal(fake_state.parked.count, 0);
    assert_int_equal(fake_state.products.count, 3);
    assert_int_equal(fake_source.partition[0].committed, 3);
}

/* --- later records --- */

static void a_later_record_settles_a_parked_product(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "missing", 5);
    (void)fake_lane_publish(2, "missing too", 5);
    (void)fake_lane_publish(3, "missing three", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_state.parked.count, 3);
    (void)fake_lane_publish(1, "A", 6);
    (void)fake_source_append_tombstone(0, 2, ++fake_lane.revision);
    (void)fake_lane_publish(3, "missing three", 7);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_state.parked.count, 1);
    assert_int_equal(fake_shop_available("A"), 6);
}

static void an_older_record_never_undoes_a_newer_one(void **state)
{
    (void)state;
    struct warehouse_stock place;
    const struct fake_level *level = fake_shop_add("A", 3);
    const struct product_stock old = fake_lane_stock(1, "A", 5, &place);
    (void)fake_lane_publish(1, "A", 9);
    (void)fake_lane_publish(1, "A", 8);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(level->sets, 1); /* the one in between is superseded */
    place.free = place.on_hand = 5;
    (void)fake_source_append(0, &old, FAKE_DATABASE);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(level->available, 8);
    assert_int_equal(level->sets, 1);
    assert_int_equal(fake_source.partition[0].committed, 3);
}

static void a_number_that_is_known_is_confirmed_by_the_store(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 5);
    fake_state_know(level->item, 1, 5, 500);
    int64_t revision = fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_store.request_count, 1);
    assert_int_equal(level->available, 5);
    assert_int_equal(fake_state_level(level->item)->revision, revision);
}

static bool publish_while_in_flight(void)
{
    if (fake_lane.revision == 1001 && fake_store_sent(OP_STOCK_SET) == 1) {
        (void)fake_lane_publish(1, "A", 7);
    }
    return fake_lane.revision > 1001 && fake_lane_is_quiet();
}

static void a_record_that_comes_during_a_request_waits_for_it(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_store_fault(
        &(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .delay_us = 2 * FAKE_SECOND});
    fake_lane_run_ok(publish_while_in_flight);
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 2);
    assert_true(fake_store_request(OP_STOCK_SET, 1)->sent_us >=
                fake_store_request(OP_STOCK_SET, 0)->sent_us + 2 * FAKE_SECOND);
    assert_int_equal(fake_store_sent(OP_LEVELS_READ), 1);
    assert_int_equal(level->available, 7);
}

/* --- retries --- */

static bool allow_after_a_minute(void)
{
    if (is_later()) {
        fake_shop.list[0].refusal = NULL;
    }
    return nothing_is_parked();
}

static void a_refused_level_is_tried_again_when_it_is_due(void **state)
{
    (void)state;
    struct fake_level *level = fake_shop_add("A", 3);
    level->refusal = "INVALID_QUANTITY_TOO_HIGH";
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    int64_t began_us = clock_monotonic_us();
    int64_t retry_us = fake_state_parked("level/4000/7001")->retry_us;
    assert_true(retry_us > clock_wall_us());
    until_us = began_us + 60 * FAKE_SECOND;
    fake_lane_run_ok(allow_after_a_minute);
    assert_int_equal(level->available, 5);
}

static void a_refusal_that_stays_is_tried_more_and_more_seldom(void **state)
{
    (void)state;
    fake_shop_add("A", 3)->refusal = "INVALID_QUANTITY_TOO_HIGH";
    (void)fake_lane_publish(1, "A", 5);
    uint64_t parked = fake_lane_counter("parked");
    uint64_t again = fake_lane_counter("parked_again");
    run_for_s(3500);
    const struct fake_parked *row = fake_state_parked("level/4000/7001");
    assert_true(row->attempts >= 2);
    assert_int_equal(row->partition, 0);
    assert_int_equal(fake_store_sent(OP_STOCK_SET), (size_t)row->attempts);
    assert_int_equal(fake_lane_counter("parked"), parked + 1);
    assert_int_equal(fake_lane_counter("parked_again"), again + (uint64_t)row->attempts - 1);
}

static void a_start_tries_every_row(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_shop.list[0].refusal = "INVALID_QUANTITY_TOO_HIGH";
    fake_lane_run_ok(fake_lane_is_quiet);
    fake_shop.list[0].refusal = NULL;
    fake_clock_pass_us(FAKE_SECOND);
    int64_t began_us = clock_monotonic_us();
    fake_lane_run_ok(nothing_is_parked);
    assert_true(clock_monotonic_us() - began_us < 10 * FAKE_SECOND);
    assert_int_equal(fake_shop_available("A"), 5);
}

static void a_row_whose_product_has_a_newer_record_is_dropped(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 3);
    fake_shop.list[0].refusal = "INVALID_QUANTITY_TOO_HIGH";
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    fake_shop.list[0].refusal = NULL;
    (void)fake_lane_publish(1, "A", 4);
    fake_clock_pass_us(FAKE_SECOND);
    fake_lane_run_ok(nothing_is_parked);
    assert_int_equal(level->available, 4);
    assert_int_equal(level->sets, 1);
}

static void a_row_older_than_its_level_is_dropped(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    const struct fake_parked row = {.subject = "level/4000/7001",
                                    .reason = "refused",
                                    .product_id = 1,
                                    .quantity = 2,
                                    .attempts = 1,
                                    .key = {.item = 4000, .location = FAKE_LOCATION},
                                    .offset = -1,
                                    .revision = fake_lane.revision - 1,
                                    .retry_us = clock_wall_us()};
    MEM_ADD(&fake_state.parked, list, count, room, &row);
    fake_clock_pass_us(FAKE_SECOND);
    fake_lane_run_ok(nothing_is_parked);
    assert_int_equal(level->available, 5);
    assert_int_equal(level->sets, 1);
}

static void a_row_of_a_product_that_is_not_sold_any_more_is_dropped(void **state)
{
    (void)state;
    struct warehouse_stock place;
    struct fake_level *level = fake_shop_add("A", 3);
    level->refusal = "INVALID_LOCATION";
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_string_equal(reason_of("level/4000/7001"), "refused");
    level->refusal = NULL;
    struct product_stock disabled = fake_lane_stock(1, "A", 5, &place);
    disabled.shopify_enabled = false;
    (void)fake_source_append(0, &disabled, FAKE_DATABASE);
    fake_clock_pass_us(FAKE_SECOND);
    fake_lane_run_ok(nothing_is_parked);
    run_for_s(120);
    assert_int_equal(level->sets, 0);
}

/* --- shared SKUs --- */

static void a_sku_of_two_products_is_written_for_neither(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    (void)fake_lane_publish(2, "A", 6);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(level->sets, 0);
    assert_string_equal(reason_of("product/1"), "sku_shared_in_odoo");
    assert_string_equal(reason_of("product/2"), "sku_shared_in_odoo");
    (void)fake_shop_add("B", 3);
    fake_state.catalogue.read_us = 0; /* another catalogue */
    (void)fake_lane_publish(2, "B", 7);
    fake_clock_pass_us(FAKE_SECOND);
    fake_lane_run_ok(nothing_is_parked);
    assert_int_equal(level->available, 5);
    assert_int_equal(fake_shop_available("B"), 7);
}

static void other_processes_also_claim_skus(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    const struct fake_product other = {.product_id = 2,
                                       .sellable = true,
                                       .text = "A",
                                       .revision = fake_lane.revision + 1,
                                       .noted_us = clock_wall_us() + FAKE_SECOND,
                                       .by_other = true};
    MEM_ADD(&fake_state.products, list, count, room, &other);
    fake_lane.revision++;
    (void)fake_lane_publish(1, "A", 6);
    run_for_s(20);
    assert_int_equal(level->available, 5);
    assert_string_equal(reason_of("product/1"), "sku_shared_in_odoo");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(products_that_cannot_be_matched_are_parked),
        LANE_TEST(a_record_without_the_basis_of_the_store_is_parked),
        LANE_TEST(a_record_without_free_confirmed_is_parked_until_it_has_it),
        LANE_TEST(what_is_not_sold_is_excluded),
        LANE_TEST(a_later_record_settles_a_parked_product),
        LANE_TEST(an_older_record_never_undoes_a_newer_one),
        LANE_TEST(a_number_that_is_known_is_confirmed_by_the_store),
        LANE_TEST(a_record_that_comes_during_a_request_waits_for_it),
        LANE_TEST(a_refused_level_is_tried_again_when_it_is_due),
        LANE_TEST(a_refusal_that_stays_is_tried_more_and_more_seldom),
        LANE_TEST(a_start_tries_every_row),
        LANE_TEST(a_row_whose_product_has_a_newer_record_is_dropped),
        LANE_TEST(a_row_older_than_its_level_is_dropped),
        LANE_TEST(a_row_of_a_product_that_is_not_sold_any_more_is_dropped),
        LANE_TEST(a_sku_of_two_products_is_written_for_neither),
        LANE_TEST(other_processes_also_claim_skus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

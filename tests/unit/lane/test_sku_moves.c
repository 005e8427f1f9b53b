/* SKUs that are shared, missing or elsewhere for a while: nothing is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/lane/fake_lane.h"

#define FILLERS 12 /* other SKUs, so that the loss of one is not suspect */

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

static void fill_shop(void)
{
    for (int i = 0; i < FILLERS; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "filler%d", i);
        (void)fake_shop_add(sku, 1);
    }
}

static void publish(int32_t product_id, const char *sku, double free)
{
    (void)fake_lane_publish(product_id, sku, free);
    fake_lane_run_ok(fake_lane_is_quiet);
}

/* Product 1 has 61 units in Odoo. Of the 60 before, 40 are sold in the shop and not imported. */
static struct fake_level *sell_forty(void)
{
    struct fake_level *level = fake_shop_add("A", 3);
    fill_shop();
    publish(1, "A", 60);
    assert_int_equal(level->available, 60);
    level->available -= 40;
    publish(1, "A", 61);
    assert_int_equal(level->available, 21);
    return level;
}

static void rename_sku(struct fake_level *level, const char *sku)
{
    (void)snprintf(level->sku, sizeof level->sku, "%s", sku);
}

/* --- shared SKUs --- */

static void the_known_item_keeps_its_numbers_while_a_copy_exists(void **state)
{
    (void)state;
    const struct fake_level *level = sell_forty();
    struct fake_level *copy = fake_shop_add("A", 3);
    read_again();
    assert_true(fake_lane_shows("\"skus_shared\":1"));
    assert_true(fake_lane_shows("\"skus_ambiguous\":0"));
    const struct fake_parked *row = fake_state_parked("item/4013");
    assert_non_null(row);
    assert_string_equal(row->reason, "sku_shared_in_shopify");
    assert_non_null(strstr(row->detail, "4013"));
    assert_non_null(strstr(row->detail, "4000"));
    assert_int_equal(fake_state.parked.count, 1);
    publish(1, "A", 11); /* 50 are gone: 40 imported, and 10 more */
    assert_int_equal(level->available, 11);
    publish(1, "A", 12); /* another process, which loads the rows */
    assert_int_equal(level->available, 12);
    assert_int_equal(copy->sets, 0);
    assert_string_equal(reason_of("item/4013"), "sku_shared_in_shopify");
    copy->gone = true;
    read_again();
    assert_int_equal(fake_state.parked.count, 0);
    assert_int_equal(level->available, 12);
}

static void a_copy_forgets_no_unimported_sales(void **state)
{
    (void)state;
    const struct fake_level *level = sell_forty();
    struct fake_level *copy = fake_shop_add("A", 3);
    read_again();
    assert_int_equal(level->available, 21);
    copy->gone = true;
    read_again();
    publish(1, "A", 62);
    assert_int_equal(level->available, 22);
    assert_int_equal(fake_state.unimported.count, 1);
}

static bool copy_has_number(void)
{
    return fake_shop.list[fake_shop.count - 1].available == 21 && fake_state.parked.count == 0;
}

static void the_copy_takes_over_when_the_known_item_goes(void **state)
{
    (void)state;
    struct fake_level *level = sell_forty();
    (void)fake_shop_add("A", 3);
    read_again();
    level->gone = true;
    fake_state.catalogue.wanted = true;
    fake_lane_run_ok(copy_has_number);
}

static bool copy_has_its_next_number(void)
{
    return fake_shop.list[fake_shop.count - 1].available == 22 && fake_state.parked.count == 0;
}

/* An answer says so, before any reading. */
static void the_copy_takes_over_when_the_known_item_is_found_gone(void **state)
{
    (void)state;
    struct fake_level *level = sell_forty();
    (void)fake_shop_add("A", 3);
    read_again();
    size_t searches = fake_store_sent(OP_VARIANTS_SEARCH);
    level->gone = true;
    (void)fake_lane_publish(1, "A", 62);
    fake_lane_run_ok(copy_has_its_next_number);
    assert_int_equal(fake_store_sent(OP_VARIANTS_SEARCH), searches);
}

static void a_sku_that_was_never_alone_is_parked(void **state)
{
    (void)state;
    struct fake_level *first = fake_shop_add("A", 3);
    struct fake_level *second = fake_shop_add("A", 1);
    publish(1, "A", 5);
    assert_true(fake_lane_shows("\"skus_ambiguous\":1"));
    assert_string_equal(reason_of("product/1"), "sku_shared_in_shopify");
    assert_int_equal(fake_state.parked.count, 1);
    first->gone = true;
    read_again();
    assert_int_equal(second->available, 5);
    assert_int_equal(fake_state.parked.count, 0);
}

static void a_newcomer_matters_only_while_a_product_has_its_sku(void **state)
{
    (void)state;
    fill_shop();
    (void)fake_shop_add("A", 3);
    publish(1, "A", 5);
    (void)fake_shop_add("A", 3);
    (void)fake_shop_add("filler1", 3);
    read_again();
    assert_int_equal(fake_state.parked.count, 1);
    publish(1, "B", 5);
    run_for_s(10); /* a start tries parked rows again */
    assert_null(fake_state_parked("item/4013"));
}

/* --- missing SKUs, and SKUs elsewhere --- */

static bool second_has_number(void)
{
    return fake_shop.list[1].available == 21 && fake_state.parked.count == 0;
}

static void unimported_sales_move_with_the_sku(void **state)
{
    (void)state;
    struct fake_level *level = sell_forty();
    rename_sku(level, "old");
    rename_sku(&fake_shop.list[1], "A");
    fake_shop.list[1].available = 70;
    fake_state.catalogue.wanted = true;
    fake_lane_run_ok(second_has_number);
    assert_null(fake_state_level(level->item));
    assert_int_equal(fake_state.unimported.count, 1);
    assert_int_equal(fake_state.unimported.list[0].key.item, fake_shop.list[1].item);
    publish(1, "A", 62);
    assert_int_equal(fake_shop.list[1].available, 22);
    publish(1, "A", 22); /* the import */
    assert_int_equal(fake_shop.list[1].available, 22);
    run_for_s(1000); /* the grace ends */
    assert_int_equal(fake_shop.list[1].available, 22);
    assert_int_equal(level->available, 21);
}

/* The number that moved was made from Odoo's 61: a fall since then is the import. */
static void an_import_after_the_move_is_noticed(void **state)
{
    (void)state;
    struct fake_level *level = sell_forty();
    rename_sku(level, "old");
    rename_sku(&fake_shop.list[1], "A");
    fake_state.catalogue.wanted = true;
    fake_lane_run_ok(second_has_number);
    publish(1, "A", 21);
    assert_int_equal(fake_shop.list[1].available, 21);
}

static void a_missing_sku_comes_back_to_what_it_was(void **state)
{
    (void)state;
    struct fake_level *level = sell_forty();
    rename_sku(level, "mistyped");
    read_again();
    assert_string_equal(reason_of("level/4000/7001"), "unmapped");
    assert_int_equal(fake_state_level(level->item)->desired, 61);
    size_t sets = fake_shop.sets;
    rename_sku(level, "A");
    run_for_s(30); /* found by search */
    assert_int_equal(fake_state.parked.count, 0);
    assert_int_equal(level->available, 21);
    assert_in_range(fake_shop.sets - sets, 0, 1); /* the number may be confirmed */
    publish(1, "A", 62);
    assert_int_equal(level->available, 22);
}

/* The units are held back no longer, but there is no item that may have them. */
static void a_grace_that_ends_without_an_item_writes_nothing(void **state)
{
    (void)state;
    struct fake_level *level = sell_forty();
    rename_sku(level, "mistyped");
    read_again();
    run_for_s(1200);
    assert_int_equal(level->available, 21);
    rename_sku(level, "A");
    read_again();
    run_for_s(100);
    assert_int_equal(level->available, 61);
}

static bool third_has_number(void)
{
    return fake_shop.list[2].available == 21 && fake_state.parked.count == 0;
}

static void the_next_product_of_an_item_inherits_nothing(void **state)
{
    (void)state;
    struct fake_level *level = sell_forty();
    rename_sku(level, "mistyped");
    read_again();
    rename_sku(level, "B");
    publish(2, "B", 90);
    run_for_s(20);
    assert_int_equal(level->available, 90);
    publish(2, "B", 91);
    assert_int_equal(level->available, 91);
    /* and the first product has lost nothing */
    rename_sku(&fake_shop.list[2], "A");
    fake_state.catalogue.wanted = true;
    fake_lane_run_ok(third_has_number);
    assert_int_equal(level->available, 91);
}

/* Only Odoo has another SKU for it: its sales are still under way. */
static void unimported_sales_move_with_a_product_that_gets_another_sku(void **state)
{
    (void)state;
    struct fake_level *level = sell_forty();
    publish(1, "filler3", 61);
    assert_int_equal(fake_shop_available("filler3"), 21);
    assert_int_equal(level->available, 21);
}

static void failures_while_numbers_move_lose_nothing(void **state)
{
    (void)state;
    static const char *const STEPS[] = {"levels_orphan", "levels_follow", "items_store", "park"};
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
        fake_lane_close();
        fake_lane_open();
        struct fake_level *level = sell_forty();
        rename_sku(level, "old");
        rename_sku(&fake_shop.list[1], "A");
        fake_state.catalogue.wanted = true;
        fake_state.failing = STEPS[i];
        (void)fake_lane_run(second_has_number);
        fake_state.failing = NULL;
        fake_lane_run_ok(second_has_number);
    }
}

/* --- readings that lose too much --- */

#define EMPTY                                                                                      \
    "{\"data\":{\"productVariants\":{\"nodes\":[],\"pageInfo\":{\"hasNextPage\":false,"            \
    "\"endCursor\":null}}}}"

static void answer_empty(unsigned times)
{
    fake_store_fault(&(struct fake_fault){.op = OP_VARIANTS_PAGE, .times = times, .body = EMPTY});
}

static void an_empty_reading_is_not_believed_at_once(void **state)
{
    (void)state;
    const struct fake_level *level = sell_forty();
    answer_empty(1);
    uint64_t suspect = fake_lane_counter("catalogue_suspect");
    fake_state.catalogue.wanted = true;
    run_for_s(30);
    assert_int_equal(fake_store_sent(OP_VARIANTS_PAGE), 1);
    assert_true(fake_lane_shows("\"catalogue_suspect_skus\":13"));
    assert_int_equal(fake_lane_counter("catalogue_suspect"), suspect + 1);
    assert_int_equal(fake_state.items.count, 13);
    assert_int_equal(fake_state.parked.count, 0);
    assert_false(fake_state.catalogue.locked);
    (void)level;
}

static bool publish_while_suspect(void)
{
    if (fake_lane_shows("\"catalogue_suspect_skus\":13") && fake_lane.revision == 1002) {
        (void)fake_lane_publish(1, "A", 62);
    }
    return !fake_state.catalogue.wanted && fake_lane.revision > 1002 && is_later() &&
           fake_lane_is_quiet();
}

static void a_second_reading_that_disagrees_ends_it(void **state)
{
    (void)state;
    const struct fake_level *level = sell_forty();
    assert_int_equal(fake_lane.revision, 1002);
    answer_empty(1);
    int64_t began_us = clock_monotonic_us();
    fake_state.catalogue.wanted = true;
    until_us = began_us + 50 * FAKE_SECOND;
    fake_lane_run_ok(publish_while_suspect);
    assert_int_equal(fake_store_sent(OP_VARIANTS_PAGE), 2);
    assert_in_range(fake_store_request(OP_VARIANTS_PAGE, 1)->sent_us -
                        fake_store_request(OP_VARIANTS_PAGE, 0)->sent_us,
                    60 * FAKE_SECOND, 70 * FAKE_SECOND);
    assert_int_equal(level->available, 22);
    assert_false(fake_lane_shows("catalogue_suspect_skus"));
    assert_int_equal(fake_state.parked.count, 0);
}

static void a_second_reading_that_agrees_is_believed(void **state)
{
    (void)state;
    struct fake_level *level = sell_forty();
    for (int i = 0; i < FILLERS; i++) {
        fake_shop.list[i].gone = true;
    }
    (void)level;
    fake_state.catalogue.wanted = true;
    run_for_s(50);
    assert_int_equal(fake_state.items.count, 13);
    fake_state.catalogue.wanted = true;
    run_for_s(100);
    assert_int_equal(fake_state.items.count, 1);
    assert_string_equal(reason_of("level/4000/7001"), "unmapped");
    assert_int_equal(fake_state_level(4000)->desired, 61);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(the_known_item_keeps_its_numbers_while_a_copy_exists),
        LANE_TEST(a_copy_forgets_no_unimported_sales),
        LANE_TEST(the_copy_takes_over_when_the_known_item_goes),
        LANE_TEST(the_copy_takes_over_when_the_known_item_is_found_gone),
        LANE_TEST(a_sku_that_was_never_alone_is_parked),
        LANE_TEST(a_newcomer_matters_only_while_a_product_has_its_sku),
        LANE_TEST(unimported_sales_move_with_the_sku),
        LANE_TEST(an_import_after_the_move_is_noticed),
        LANE_TEST(a_missing_sku_comes_back_to_what_it_was),
        LANE_TEST(a_grace_that_ends_without_an_item_writes_nothing),
        LANE_TEST(the_next_product_of_an_item_inherits_nothing),
        LANE_TEST(unimported_sales_move_with_a_product_that_gets_another_sku),
        LANE_TEST(failures_while_numbers_move_lose_nothing),
        LANE_TEST(an_empty_reading_is_not_believed_at_once),
        LANE_TEST(a_second_reading_that_disagrees_ends_it),
        LANE_TEST(a_second_reading_that_agrees_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

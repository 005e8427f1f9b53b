/* Items: levels that must be set up, and a catalogue that changes while the lane works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

static const char *reason_of(const char *subject)
{
    const struct fake_parked *row = fake_state_parked(subject);
    return row != NULL ? row->reason : "not parked";
}

/* --- levels that must be set up --- */

static void a_missing_level_is_activated_with_its_number(void **state)
{
    (void)state;
    struct fake_level *level = fake_shop_add("A", 0);
    level->connected = false;
    fake_lane.conf.activate_levels = true;
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_shop.activations, 1);
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 0);
    assert_int_equal(level->available, 5);
    assert_int_equal(fake_state_level(level->item)->quantity, 5);
}

static void an_inactive_level_comes_back_with_its_old_number_and_is_written(void **state)
{
    (void)state;
    struct fake_level *level = fake_shop_add("A", 2);
    level->active = false;
    fake_lane.conf.activate_levels = true;
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_shop.activations, 1);
    assert_int_equal(level->sets, 1);
    assert_int_equal(level->available, 5);
}

static void an_activation_that_is_refused_is_parked_after_three_tries(void **state)
{
    (void)state;
    struct fake_level *level = fake_shop_add("A", 2);
    level->connected = false;
    level->refusal = "NO";
    fake_lane.conf.activate_levels = true;
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_store_sent(OP_LEVEL_ACTIVATE), 3);
    assert_string_equal(reason_of("level/4000/7001"), "activate_refused");
}

static void levels_that_may_not_be_activated_are_parked(void **state)
{
    (void)state;
    fake_shop_add("A", 2)->connected = false;
    fake_shop_add("B", 2)->active = false;
    (void)fake_lane_publish(1, "A", 5);
    (void)fake_lane_publish(2, "B", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_string_equal(reason_of("level/4000/7001"), "level_missing");
    assert_string_equal(reason_of("level/4001/7001"), "level_inactive");
    assert_int_equal(fake_store_sent(OP_LEVEL_ACTIVATE), 0);
}

static void an_untracked_item_is_tracked_before_its_first_number(void **state)
{
    (void)state;
    struct fake_level *level = fake_shop_add("A", 0);
    level->tracked = false;
    fake_lane.conf.track_items = true;
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_shop.trackings, 1);
    assert_int_equal(level->available, 5);
    assert_true(fake_store_request(OP_ITEM_TRACK, 0)->sent_us <
                fake_store_request(OP_STOCK_SET, 0)->sent_us);
    assert_true(fake_state.items.list[0].tracked);
}

static bool publish_when_parked(void)
{
    if (fake_lane.revision == 1001 && fake_lane_is_quiet()) {
        assert_string_equal(reason_of("level/4000/7001"), "tracking_locked");
        (void)fake_lane_publish(1, "A", 6);
    }
    return fake_lane.revision > 1001 && fake_lane_is_quiet();
}

static void an_item_that_cannot_be_tracked_is_parked(void **state)
{
    (void)state;
    struct fake_level *level = fake_shop_add("A", 0);
    level->tracked = false;
    level->locked = true;
    fake_lane.conf.track_items = true;
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(publish_when_parked);
    assert_int_equal(fake_store_sent(OP_ITEM_TRACK), 1);
    assert_string_equal(reason_of("product/1"), "tracking_locked"); /* the later record */
    assert_int_equal(level->sets, 0);
}

static bool untrack_after_load, replace_item;

/* Somebody switched the tracking of the last item off after the catalogue was read. */
static bool untrack_third(void)
{
    if (untrack_after_load && fake_store.loads == 1) {
        fake_shop.list[4].tracked = fake_shop.list[5].tracked = false;
        untrack_after_load = false;
    }
    return fake_lane_is_quiet();
}

/* The variant was deleted and made again after the catalogue was read. */
static bool item_is_replaced(void)
{
    if (replace_item && fake_store.loads == 1) {
        fake_shop.list[0].gone = true;
        (void)fake_shop_add("A", 1);
        replace_item = false;
    }
    return fake_shop.count > 1 && fake_shop.list[1].available == 5 && fake_lane_is_quiet();
}

static void levels_of_one_item_share_the_request_that_tracks_it(void **state)
{
    (void)state;
    static char names[2][8] = {"Main", "Other"};
    static char warehouse[] = "WH";
    struct conf_pair places[] = {{.name = names[0], .value = warehouse},
                                 {.name = names[1], .value = warehouse}};
    fake_lane.conf.locations.list = places;
    fake_lane.conf.locations.count = 2;
    fake_lane.conf.track_items = true;
    for (int i = 0; i < 3; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", i);
        struct fake_level *level = fake_shop_add(sku, 0);
        level->tracked = i == 2; /* by the catalogue; the read says no */
        (void)fake_shop_place(level, FAKE_OTHER_PLACE);
        (void)fake_lane_publish(i + 1, sku, 5);
    }
    untrack_after_load = true;
    fake_lane_run_ok(untrack_third);
    assert_int_equal(fake_store_sent(OP_ITEM_TRACK), 3);
    for (size_t i = 0; i < fake_shop.count; i++) {
        assert_int_equal(fake_shop.list[i].available, 5);
        assert_true(fake_shop.list[i].tracked);
    }
}

static void an_item_that_is_gone_when_it_is_to_be_tracked_is_searched_for(void **state)
{
    (void)state;
    struct fake_level *level = fake_shop_add("A", 0);
    level->tracked = false;
    fake_lane.conf.track_items = true;
    (void)fake_lane_publish(1, "A", 5);
    replace_item = true;
    fake_lane_run_ok(item_is_replaced);
    assert_int_equal(fake_shop.list[1].available, 5);
    assert_in_range(fake_store_sent(OP_VARIANTS_SEARCH), 1, 10);
    assert_int_equal(fake_state.parked.count, 0);
}

static void set_up_waits_its_turn_between_writes(void **state)
{
    (void)state;
    fake_lane.conf.activate_levels = true;
    for (int i = 0; i < 6; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", i);
        fake_shop_add(sku, 0)->connected = i % 2 == 0;
        (void)fake_lane_publish(i + 1, sku, 5);
    }
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_shop.activations, 3);
    for (size_t i = 0; i < fake_shop.count; i++) {
        assert_int_equal(fake_shop.list[i].available, 5);
    }
}

/* --- searches --- */

static bool add_later(void)
{
    if (is_later() && fake_shop_find("new") == NULL) {
        (void)fake_shop_add("new", 1);
    }
    return fake_shop_find("new") != NULL && fake_shop_available("new") == 5 &&
           fake_state.parked.count == 0;
}

static void a_product_that_is_new_in_the_store_is_searched_for(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "new", 5);
    until_us = clock_monotonic_us() + 20 * FAKE_SECOND;
    fake_lane_run_ok(add_later);
    assert_true(fake_store_sent(OP_VARIANTS_SEARCH) >= 2);
    assert_int_equal(fake_store.loads, 1);
    assert_int_equal(fake_store_sent(OP_VARIANTS_PAGE), 0);
    assert_int_equal(fake_state.items.count, 2);
}

static void a_search_that_fails_is_repeated_and_then_left(void **state)
{
    (void)state;
    (void)fake_lane_publish(1, "new", 5);
    fake_store_fault(&(struct fake_fault){.op = OP_VARIANTS_SEARCH, .times = 1, .status = 429});
    fake_store_fault(&(struct fake_fault){.op = OP_VARIANTS_SEARCH, .times = 5, .status = 502});
    run_for_s(120);
    assert_true(fake_store_sent(OP_VARIANTS_SEARCH) >= 7);
    assert_string_equal(reason_of("product/1"), "unmapped");
}

static bool fifty_are_new_and_one_is_odd(void)
{
    char sku[16];
    while (fake_store.loads == 1 && fake_shop.count < 50) {
        (void)snprintf(sku, sizeof sku, "new%02zu", fake_shop.count);
        (void)fake_shop_add(sku, 1);
    }
    return fake_state.parked.count == 1 && fake_lane_is_quiet();
}

static void a_search_that_the_store_does_not_understand_fails_one_sku(void **state)
{
    (void)state;
    char sku[16];
    for (int i = 0; i < 50; i++) {
        (void)snprintf(sku, sizeof sku, "new%02d", i);
        (void)fake_lane_publish(i + 1, sku, 5);
    }
    fake_shop.odd_sku = "new17";
    int64_t began_us = clock_monotonic_us();
    fake_lane_run_ok(fifty_are_new_and_one_is_odd);
    assert_true(clock_monotonic_us() - began_us < 30 * FAKE_SECOND);
    assert_string_equal(reason_of("product/18"), "unmapped");
    assert_int_equal(fake_shop_available("new17"), 1);
    assert_int_equal(fake_shop_available("new16"), 5);
    assert_int_equal(fake_shop_available("new49"), 5);
    assert_true(fake_lane_shows("\"skus_searched\":1"));
    assert_in_range(fake_store_sent(OP_VARIANTS_SEARCH), 8, 40);
}

/* --- readings --- */

static bool is_read_again(void)
{
    return fake_state.catalogue.read_us > clock_wall_us() - 30 * FAKE_SECOND &&
           !fake_state.catalogue.wanted && is_later();
}

static void a_person_asks_for_another_reading(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    (void)fake_shop_add("B", 3);
    fake_state.catalogue.wanted = true;
    until_us = clock_monotonic_us() + 10 * FAKE_SECOND;
    fake_lane_run_ok(is_read_again);
    assert_int_equal(fake_store.loads, 1);
    assert_int_equal(fake_store_sent(OP_VARIANTS_PAGE), 1);
    assert_int_equal(fake_state.items.count, 2);
    assert_false(fake_state.catalogue.locked);
}

static void a_large_catalogue_is_read_by_a_bulk_operation(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    fake_lane_run_ok(fake_lane_is_running);
    (void)fake_shop_add("B", 3);
    fake_shop.variants = 50000;
    fake_state.catalogue.wanted = true;
    until_us = clock_monotonic_us() + 60 * FAKE_SECOND;
    fake_lane_run_ok(is_later);
    assert_int_equal(fake_store.fetches, 1);
    assert_int_equal(fake_store_sent(OP_VARIANTS_PAGE), 0);
    assert_int_equal(fake_state.items.count, 2);
}

static void a_bulk_operation_that_fails_is_replaced_by_pages(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    fake_lane_run_ok(fake_lane_is_running);
    fake_shop.variants = 50000;
    fake_shop.bulk_says = "FAILED";
    fake_state.catalogue.wanted = true;
    run_for_s(60);
    assert_int_equal(fake_store.fetches, 0);
    assert_int_equal(fake_store_sent(OP_VARIANTS_PAGE), 1);
    assert_false(fake_state.catalogue.wanted);
}

static bool complete_after_four_polls(void)
{
    if (fake_store_sent(OP_BULK_POLL) == 4) {
        fake_shop.bulk_says = NULL;
    }
    return is_later();
}

static void a_bulk_operation_that_takes_its_time_is_polled(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    fake_lane_run_ok(fake_lane_is_running);
    fake_shop.variants = 50000;
    fake_shop.bulk_says = "RUNNING";
    fake_state.catalogue.wanted = true;
    until_us = clock_monotonic_us() + 60 * FAKE_SECOND;
    fake_lane_run_ok(complete_after_four_polls);
    assert_int_equal(fake_store_sent(OP_BULK_POLL), 5);
    assert_int_equal(fake_store.fetches, 1);
    assert_int_equal(fake_store_sent(OP_VARIANTS_PAGE), 0);
}

/* Or that the file's host refuses. */
static void a_file_that_breaks_off_is_fetched_again_and_then_replaced_by_pages(void **state)
{
    (void)state;
    static const unsigned BREAKS[] = {1, 99};
    for (size_t i = 0; i < sizeof BREAKS / sizeof BREAKS[0]; i++) {
        fake_lane_close();
        fake_lane_open();
        (void)fake_shop_add("A", 3);
        fake_lane_run_ok(fake_lane_is_running);
        (void)fake_shop_add("B", 3);
        fake_shop.variants = 50000;
        fake_store.broken_fetches = BREAKS[i];
        fake_state.catalogue.wanted = true;
        run_for_s(120);
        assert_in_range(fake_store.fetches, 2, BREAKS[i] == 1 ? 2 : 10);
        assert_int_equal(fake_store_sent(OP_VARIANTS_PAGE), BREAKS[i] == 1 ? 0 : 1);
        assert_int_equal(fake_state.items.count, 2);
        assert_false(fake_state.catalogue.wanted);
    }
}

static void a_reading_that_fails_leaves_the_index_in_use(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    fake_lane_run_ok(fake_lane_is_running);
    fake_store_fault(&(struct fake_fault){.op = OP_VARIANTS_PAGE, .times = 99, .status = 502});
    fake_state.catalogue.wanted = true;
    (void)fake_lane_publish(1, "A", 5);
    run_for_s(60);
    assert_int_equal(fake_shop_available("A"), 5);
    assert_int_equal(fake_state.items.count, 1);
    assert_false(fake_state.catalogue.locked);
}

static bool is_page_sent(void)
{
    return fake_store_sent(OP_VARIANTS_PAGE) > 0;
}

static void a_stop_does_not_wait_for_a_page(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    fake_lane_run_ok(fake_lane_is_running);
    fake_store_fault(&(struct fake_fault){.op = OP_VARIANTS_PAGE, .times = 1, .silent = true});
    fake_state.catalogue.wanted = true;
    int64_t began_us = clock_monotonic_us();
    fake_lane_run_ok(is_page_sent);
    assert_true(clock_monotonic_us() - began_us < 5 * FAKE_SECOND);
}

static void an_old_catalogue_is_read_again_on_schedule(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    fake_lane.options.shared.reload_catalogue_ms = 60000;
    fake_lane_run_ok(fake_lane_is_running);
    run_for_s(150);
    assert_in_range(fake_store_sent(OP_VARIANTS_COUNT), 2, 3);
}

/* --- SKUs that move --- */

static void give_sku(struct fake_level *from, struct fake_level *to)
{
    memcpy(to->sku, from->sku, sizeof to->sku);
    (void)snprintf(from->sku, sizeof from->sku, "old");
}

static bool moved_is_written(void)
{
    return fake_shop.list[1].available == 5 && fake_lane_is_quiet();
}

static void a_number_follows_its_sku_to_another_item(void **state)
{
    (void)state;
    struct fake_level *first = fake_shop_add("A", 3);
    struct fake_level *second = fake_shop_add("B", 1);
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    give_sku(first, second);
    fake_state.catalogue.wanted = true;
    fake_lane_run_ok(moved_is_written);
    assert_null(fake_state_level(first->item));
    assert_int_equal(fake_state_level(second->item)->quantity, 5);
    run_for_s(5);
    assert_int_equal(fake_state.parked.count, 0);
}

static bool move_while_held(void)
{
    if (is_later() && strcmp(fake_lane.state, "held") == 0) {
        if (!fake_state.catalogue.wanted && fake_store_sent(OP_VARIANTS_PAGE) == 0) {
            give_sku(&fake_shop.list[0], &fake_shop.list[1]);
            fake_state.catalogue.wanted = true;
            until_us += 20 * FAKE_SECOND;
        } else {
            assert_int_equal(fake_shop.sets, 0);
            fake_state.guard.row.held_at_us = 0;
        }
    }
    return moved_is_written();
}

static void a_pending_number_follows_its_sku(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_shop_add("B", 1);
    fake_state.guard.row.held_at_us = 1;
    fake_state.guard.holder = FAKE_OTHER_PROCESS;
    (void)fake_lane_publish(1, "A", 5);
    until_us = clock_monotonic_us() + 3 * FAKE_SECOND;
    fake_lane_run_ok(move_while_held);
    assert_int_equal(fake_shop.list[0].available, 3);
    assert_int_equal(fake_shop.list[1].sets, 1);
    assert_int_equal(fake_state.parked.count, 0);
}

static void a_newer_number_of_the_former_owner_makes_room(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 9);
    fake_state_know(level->item, 2, 9, 5000);
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(level->available, 5);
    assert_int_equal(fake_state_level(level->item)->product_id, 1);
    assert_int_equal(fake_state.kept.list[0].level.product_id, 2);
    assert_int_equal(fake_state.kept.list[0].level.quantity, 9);
}

/* The other process has moved A to the second item in the stored rows. */
static bool other_process_reads(void)
{
    if (is_later() && fake_state.items.list[0].item == fake_shop.list[0].item) {
        give_sku(&fake_shop.list[0], &fake_shop.list[1]);
        fake_state.items.list[0].item = fake_shop.list[1].item;
        fake_state.catalogue.read_us = clock_wall_us();
    }
    return moved_is_written();
}

static void the_reading_of_another_process_is_loaded(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    (void)fake_shop_add("B", 1);
    until_us = clock_monotonic_us() + 3 * FAKE_SECOND;
    fake_lane_run_ok(other_process_reads);
    assert_int_equal(fake_store_sent(OP_VARIANTS_COUNT), 0);
    assert_int_equal(fake_store.loads, 1);
}

static void nothing_is_read_while_another_process_reads(void **state)
{
    (void)state;
    fake_lane_run_ok(fake_lane_is_running);
    fake_state.catalogue.locked_by_other = true;
    fake_state.catalogue.wanted = true;
    size_t locks = fake_state.catalogue.locks;
    run_for_s(22);
    assert_in_range(fake_state.catalogue.locks - locks, 3, 6);
    assert_int_equal(fake_store_sent(OP_VARIANTS_COUNT), 0);
}

static void an_item_that_is_gone_is_found_by_the_read(void **state)
{
    (void)state;
    fake_shop_add("A", 3);
    fake_lane_run_ok(fake_lane_is_running);
    fake_shop.list[0].gone = true;
    (void)fake_lane_publish(1, "A", 5);
    run_for_s(30);
    assert_true(fake_store_sent(OP_VARIANTS_SEARCH) >= 1);
    assert_int_equal(fake_state.items.count, 0);
    assert_int_equal(fake_state.parked.count, 1);
    assert_int_equal(fake_source.partition[0].committed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(a_missing_level_is_activated_with_its_number),
        LANE_TEST(an_inactive_level_comes_back_with_its_old_number_and_is_written),
        LANE_TEST(an_activation_that_is_refused_is_parked_after_three_tries),
        LANE_TEST(levels_that_may_not_be_activated_are_parked),
        LANE_TEST(an_untracked_item_is_tracked_before_its_first_number),
        LANE_TEST(an_item_that_cannot_be_tracked_is_parked),
        LANE_TEST(levels_of_one_item_share_the_request_that_tracks_it),
        LANE_TEST(an_item_that_is_gone_when_it_is_to_be_tracked_is_searched_for),
        LANE_TEST(set_up_waits_its_turn_between_writes),
        LANE_TEST(a_product_that_is_new_in_the_store_is_searched_for),
        LANE_TEST(a_search_that_fails_is_repeated_and_then_left),
        LANE_TEST(a_search_that_the_store_does_not_understand_fails_one_sku),
        LANE_TEST(a_person_asks_for_another_reading),
        LANE_TEST(a_large_catalogue_is_read_by_a_bulk_operation),
        LANE_TEST(a_bulk_operation_that_fails_is_replaced_by_pages),
        LANE_TEST(a_bulk_operation_that_takes_its_time_is_polled),
        LANE_TEST(a_file_that_breaks_off_is_fetched_again_and_then_replaced_by_pages),
        LANE_TEST(a_reading_that_fails_leaves_the_index_in_use),
        LANE_TEST(a_stop_does_not_wait_for_a_page),
        LANE_TEST(an_old_catalogue_is_read_again_on_schedule),
        LANE_TEST(a_pending_number_follows_its_sku),
        LANE_TEST(a_newer_number_of_the_former_owner_makes_room),
        LANE_TEST(the_reading_of_another_process_is_loaded),
        LANE_TEST(nothing_is_read_while_another_process_reads),
        LANE_TEST(a_number_follows_its_sku_to_another_item),
        LANE_TEST(an_item_that_is_gone_is_found_by_the_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

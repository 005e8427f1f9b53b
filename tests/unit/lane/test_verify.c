/* The rolling comparison of every level with the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/lane/fake_lane.h"

#define EVERY_S 120

static int64_t until_us;

static bool is_later(void)
{
    return clock_monotonic_us() >= until_us;
}

static void run_for_s(int64_t seconds)
{
    for (; seconds > 0; seconds -= 3000) { /* a fake lane runs for an hour at most */
        until_us = clock_monotonic_us() + (seconds < 3000 ? seconds : 3000) * FAKE_SECOND;
        fake_lane_run_ok(is_later);
    }
}

/* Products 1 … count, SKU "S1" …, each with 10 units, written. */
static void fill_shop(int count)
{
    char sku[16];
    for (int i = 1; i <= count; i++) {
        (void)snprintf(sku, sizeof sku, "S%d", i);
        (void)fake_shop_add(sku, 0);
        (void)fake_lane_publish(i, sku, 10);
    }
    fake_lane_run_ok(fake_lane_is_quiet);
    for (int i = 0; i < count; i++) {
        assert_int_equal(fake_shop.list[i].available, 10);
    }
}

static const char *kind_of(int number)
{
    const struct fake_drift *d = fake_state_drift(fake_shop.list[number].item);
    return d != NULL ? d->kind : "equal";
}

static bool is_repaired(int number)
{
    const struct fake_drift *d = fake_state_drift(fake_shop.list[number].item);
    return d != NULL && d->repaired_us > 0;
}

enum { SOLD, LOWERED, RAISED, INACTIVE, MISSING, UNTRACKED, GONE, CHANGES };

/* Each of the first levels in its way. */
static void change_levels(void)
{
    fake_shop.list[SOLD].available = 7;
    fake_shop.list[SOLD].committed = 3;
    fake_shop.list[LOWERED].available = 2;
    fake_shop.list[RAISED].available = 25;
    fake_shop.list[INACTIVE].active = false;
    fake_shop.list[MISSING].connected = false;
    fake_shop.list[UNTRACKED].tracked = false;
    fake_shop.list[GONE].gone = true;
}

static void assert_kinds(void)
{
    static const char *const KINDS[CHANGES + 1] = {"sold",    "lowered",   "raised", "inactive",
                                                   "missing", "untracked", "gone",   "equal"};
    for (int i = 0; i <= CHANGES; i++) {
        assert_string_equal(kind_of(i), KINDS[i]);
    }
    assert_int_equal(fake_state.drifts.count, CHANGES);
}

static void every_kind_is_found_and_reported(void **state)
{
    (void)state;
    fake_lane.conf.verify.every_ms = EVERY_S * INT64_C(1000);
    fake_lane.conf.verify.drift = DRIFT_REPORT;
    fill_shop(20);
    size_t sets = fake_shop.sets;
    uint64_t sold = fake_lane_counter("applied");
    change_levels();
    run_for_s(EVERY_S);
    assert_kinds();
    assert_int_equal(fake_shop.sets, sets);
    assert_int_equal(fake_lane_counter("applied"), sold);
    assert_int_equal(fake_shop.activations + fake_shop.trackings, 0);
    assert_true(fake_lane_shows("\"drift\":7"));
    assert_int_equal(fake_state_drift(fake_shop.list[RAISED].item)->expected, 10);
    assert_int_equal(fake_state_drift(fake_shop.list[RAISED].item)->found, 25);
    assert_int_equal(fake_state_drift(fake_shop.list[GONE].item)->found, STATE_NO_NUMBER);
}

static void every_kind_is_repaired_and_nothing_else_is_written(void **state)
{
    (void)state;
    fake_lane.conf.verify.every_ms = EVERY_S * INT64_C(1000);
    fake_lane.conf.activate_levels = fake_lane.conf.track_items = true;
    fill_shop(20);
    change_levels();
    run_for_s(EVERY_S + 60);
    assert_kinds();
    for (int i = 0; i < GONE; i++) {
        assert_true(is_repaired(i));
        assert_true(fake_shop.list[i].active && fake_shop.list[i].connected);
        assert_true(fake_shop.list[i].tracked);
        assert_int_equal(fake_shop.list[i].available, i == SOLD ? 7 : i == LOWERED ? 2 : 10);
    }
    assert_false(is_repaired(GONE));
    for (int i = CHANGES; i < 20; i++) {
        assert_int_equal(fake_shop.list[i].sets, 1);
    }
    run_for_s(900); /* the grace of the sale that Odoo never imports is over */
    assert_int_equal(fake_shop.list[SOLD].available, 10);
    assert_int_equal(fake_shop.list[LOWERED].available, 10);
}

static void a_fall_is_no_sale_when_its_grace_is_over(void **state)
{
    (void)state;
    fake_lane.conf.verify.every_ms = EVERY_S * INT64_C(1000);
    fake_lane.conf.verify.drift = DRIFT_REPORT;
    fill_shop(3);
    fake_shop.list[0].available = 4;
    fake_shop.list[0].committed = 6;
    run_for_s(EVERY_S);
    assert_string_equal(kind_of(0), "sold");
    run_for_s(1000);
    assert_string_equal(kind_of(0), "lowered");
    fake_shop.list[0].available = 10;
    run_for_s(EVERY_S);
    assert_true(is_repaired(0));
    assert_true(fake_lane_shows("\"drift\":0"));
}

static size_t reads_before;

static void heal_at_once(void)
{
    if (fake_store_sent(OP_LEVELS_READ) > reads_before) {
        fake_shop.list[0].available = 10;
    }
}

static bool heals_and_is_later(void)
{
    heal_at_once();
    return is_later();
}

static void a_difference_that_one_look_finds_is_none(void **state)
{
    (void)state;
    fake_lane.conf.verify.every_ms = EVERY_S * INT64_C(1000);
    fill_shop(3);
    reads_before = fake_store_sent(OP_LEVELS_READ);
    fake_shop.list[0].available = 4;
    until_us = clock_monotonic_us() + EVERY_S * FAKE_SECOND;
    /* the first look sees 4: it is executed when it is sent, and answered later */
    fake_lane_run_ok(heals_and_is_later);
    assert_string_equal(kind_of(0), "equal");
}

static void a_number_of_ours_that_is_older_is_an_error(void **state)
{
    (void)state;
    fake_lane.conf.verify.every_ms = EVERY_S * INT64_C(1000);
    fake_lane.conf.verify.drift = DRIFT_REPORT;
    fill_shop(3);
    const struct level_write old = {.key = {fake_shop.list[1].item, FAKE_LOCATION},
                                    .product_id = 2,
                                    .quantity = 6,
                                    .desired = 6,
                                    .change_from = 10,
                                    .revision = 500};
    fake_state_leave_attempt(FAKE_OTHER_PROCESS, &old, 1);
    fake_shop.list[1].available = 6;
    run_for_s(EVERY_S);
    assert_string_equal(kind_of(1), "regressed");
    assert_int_equal(fake_lane_counter("drift_found"), 0); /* labelled by kind */
}

static void a_level_that_we_never_wrote_is_named(void **state)
{
    (void)state;
    fake_lane.conf.verify.every_ms = EVERY_S * INT64_C(1000);
    fill_shop(3);
    fake_state.levels.count--; /* the state was restored from an older copy */
    run_for_s(EVERY_S);
    assert_string_equal(kind_of(2), "unwritten");
    assert_non_null(strstr(fake_state_drift(fake_shop.list[2].item)->what, "backfill"));
    assert_int_equal(fake_shop.list[2].sets, 1);
}

/* --- pace and progress --- */

static void a_round_takes_its_time(void **state)
{
    (void)state;
    fake_lane.conf.verify.every_ms = 3600000;
    fill_shop(1000);
    size_t reads = fake_store_sent(OP_LEVELS_READ);
    run_for_s(3600);
    /* four portions; a fifth is counted for the end of the partition */
    assert_in_range(fake_store_sent(OP_LEVELS_READ) - reads, 4, 6);
    run_for_s(36000);
    assert_in_range(fake_store_sent(OP_LEVELS_READ) - reads, 44,
                    75); /* a lane that starts reads at once */
}

static bool is_published;

static bool publishes_and_is_later(void)
{
    char sku[16];
    for (int i = 1; i <= 1000 && !is_published && fake_state.passes.count > 0; i++) {
        (void)snprintf(sku, sizeof sku, "S%d", i);
        (void)fake_lane_publish(i, sku, 10);
        is_published = i == 1000;
    }
    return is_later();
}

/* The pace follows the products that the lane learns while it reads the topic. */
static void the_pace_of_a_new_store_is_that_of_its_products(void **state)
{
    (void)state;
    char sku[16];
    fake_lane.conf.verify.every_ms = 3600000;
    for (int i = 1; i <= 1000; i++) {
        (void)snprintf(sku, sizeof sku, "S%d", i);
        (void)fake_shop_add(sku, 0);
    }
    is_published = false;
    until_us = clock_monotonic_us() + 3000 * FAKE_SECOND;
    fake_lane_run_ok(publishes_and_is_later); /* in an empty topic a step takes an hour */
    size_t whole = 0;
    for (size_t i = 0; i < fake_store_sent(OP_LEVELS_READ); i++) {
        const struct fake_request *r = fake_store_request(OP_LEVELS_READ, i);
        whole += r->entries == 250 && r->sent_us > clock_monotonic_us() - 2900 * FAKE_SECOND;
    }
    assert_in_range(whole, 3, 5);
}

static void it_is_off_when_nothing_is_set(void **state)
{
    (void)state;
    fill_shop(10);
    size_t reads = fake_store_sent(OP_LEVELS_READ);
    fake_shop.list[0].available = 3;
    run_for_s(3000);
    assert_int_equal(fake_store_sent(OP_LEVELS_READ), reads);
    assert_false(fake_lane_shows("verified_since"));
}

static void points_below_the_reserve_are_not_used(void **state)
{
    (void)state;
    fake_lane.conf.verify.every_ms = 60000;
    fill_shop(10);
    fake_store.points = 100;
    run_for_s(60); /* the level is read from answers: the first tells */
    size_t reads = fake_store_sent(OP_LEVELS_READ);
    run_for_s(1); /* 100 points are back after a second: the store always says 100 */
    assert_in_range(fake_store_sent(OP_LEVELS_READ) - reads, 0, 1);
}

static bool is_half_way(void)
{
    return fake_state.passes.count > 0 && fake_state.passes.list[0].product_id >= 500;
}

static void a_restart_goes_on_where_the_pass_was(void **state)
{
    (void)state;
    fake_lane.conf.verify.every_ms = 600000;
    fill_shop(1000);
    fake_lane_run_ok(is_half_way);
    assert_int_equal(fake_state.passes.list[0].product_id, 500);
    size_t reads = fake_store_sent(OP_LEVELS_READ);
    int64_t began_us = fake_state.passes.list[0].began_us;
    run_for_s(500);
    const struct fake_request *first = fake_store_request(OP_LEVELS_READ, reads);
    char gid[64];
    (void)snprintf(gid, sizeof gid, "InventoryItem/%lld\"", (long long)fake_shop.list[500].item);
    assert_non_null(strstr(first->variables, gid)); /* of product 501 */
    assert_true(fake_state.passes.list[0].done_us == began_us);
}

static void partitions_are_compared_one_after_the_other(void **state)
{
    (void)state;
    fake_source.partitions = 3;
    fake_lane.conf.verify.every_ms = EVERY_S * INT64_C(1000);
    fill_shop(30);
    run_for_s(EVERY_S);
    assert_int_equal(fake_state.passes.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(fake_state.passes.list[i].done_us > 0);
    }
    assert_true(fake_lane_shows("verified_since"));
}

/* Which products are in a partition is not known then: a pass would be over at once. */
static void no_pass_begins_before_the_partitions_are_counted(void **state)
{
    (void)state;
    fake_lane.conf.verify.every_ms = EVERY_S * INT64_C(1000);
    fill_shop(3);
    fake_source.is_uncounted = true;
    fake_state.passes.count = 0;
    fake_state_request(&(struct state_round){.id = 5});
    run_for_s(EVERY_S);
    assert_int_equal(fake_state.passes.count, 0);
    assert_string_equal(fake_state.rounds.list[0].round.done, "");
    fake_source.is_uncounted = false;
    run_for_s(EVERY_S);
    assert_int_equal(fake_state.passes.count, 1);
    assert_string_equal(fake_state.rounds.list[0].round.done, "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(every_kind_is_found_and_reported),
        LANE_TEST(every_kind_is_repaired_and_nothing_else_is_written),
        LANE_TEST(a_fall_is_no_sale_when_its_grace_is_over),
        LANE_TEST(a_difference_that_one_look_finds_is_none),
        LANE_TEST(a_number_of_ours_that_is_older_is_an_error),
        LANE_TEST(a_level_that_we_never_wrote_is_named),
        LANE_TEST(a_round_takes_its_time),
        LANE_TEST(the_pace_of_a_new_store_is_that_of_its_products),
        LANE_TEST(it_is_off_when_nothing_is_set),
        LANE_TEST(points_below_the_reserve_are_not_used),
        LANE_TEST(a_restart_goes_on_where_the_pass_was),
        LANE_TEST(partitions_are_compared_one_after_the_other),
        LANE_TEST(no_pass_begins_before_the_partitions_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Unknown outcomes, stale numbers and refusals without a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/lane/fake_lane.h"

static const struct fake_fault CUT_UNEXECUTED = {.op = OP_STOCK_SET, .times = 1, .cut = true};
static const struct fake_fault CUT_EXECUTED = {
    .op = OP_STOCK_SET, .times = 1, .cut = true, .executed = true};

static void assert_sent_twice(void)
{
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 2);
    assert_string_equal(fake_store_request(OP_STOCK_SET, 0)->variables,
                        fake_store_request(OP_STOCK_SET, 1)->variables);
}

/* --- unknown outcomes --- */

static void an_unknown_set_that_was_not_executed_is_sent_again(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_store_fault(&CUT_UNEXECUTED);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_sent_twice();
    assert_int_equal(level->available, 5);
    assert_int_equal(level->sets, 1);
}

static void an_unknown_set_that_was_executed_is_not_executed_twice(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_store_fault(&CUT_EXECUTED);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_sent_twice();
    assert_int_equal(level->sets, 1);
    assert_int_equal(fake_state_level(level->item)->quantity, 5);
}

static void a_set_that_never_left_is_sent_again(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_store_fault(&(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .unsent = true});
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_sent_twice();
    assert_int_equal(fake_shop_available("A"), 5);
}

static void a_number_that_stands_after_a_stale_repetition_is_confirmed(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 3);
    fake_shop.forgets_keys = true;
    (void)fake_lane_publish(1, "A", 5);
    fake_store_fault(&CUT_EXECUTED);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_sent_twice();
    assert_int_equal(fake_store_sent(OP_LEVELS_READ), 2);
    assert_int_equal(level->sets, 1);
    assert_string_equal(fake_state.attempts.list[0].outcome, "stale");
    assert_int_equal(fake_state_level(level->item)->quantity, 5);
}

static void a_level_that_moved_meanwhile_is_read_and_written(void **state)
{
    (void)state;
    struct fake_level *level = fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_store_fault(&(struct fake_fault){
        .op = OP_LEVELS_READ, .times = 1, .body = "{\"data\":{\"nodes\":[]}}"});
    fake_store_fault(&CUT_UNEXECUTED);
    fake_shop.forgets_keys = true;
    level->available = 3;
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_store_sent(OP_LEVELS_READ), 2); /* the first had another shape */
    assert_int_equal(level->available, 5);
}

static bool publish_after_the_set(void)
{
    if (fake_store_sent(OP_STOCK_SET) == 1 && fake_lane.revision == 1001) {
        (void)fake_lane_publish(1, "A", 8);
    }
    return fake_lane.revision > 1001 && fake_lane_is_quiet();
}

/* Fewer units than we wrote: a sale, unless the number is the one that an unknown set asked for. */
static void our_own_number_is_no_sale(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 10);
    fake_state_know(level->item, 1, 10, 500);
    fake_shop.forgets_keys = true;
    (void)fake_lane_publish(1, "A", 5);
    fake_store_fault(&CUT_EXECUTED);
    fake_lane_run_ok(publish_after_the_set);
    assert_string_equal(fake_store_request(OP_STOCK_SET, 0)->variables,
                        fake_store_request(OP_STOCK_SET, 1)->variables);
    assert_int_equal(fake_state.unimported.count, 0);
    assert_int_equal(level->available, 8);
    assert_int_equal(fake_state_level(level->item)->desired, 8);
    assert_int_equal(fake_state_level(level->item)->revision, fake_lane.revision);
}

/* --- unimported sales --- */

static bool is_fully_stocked(void)
{
    return fake_shop_available("A") == 20 && fake_lane_is_quiet();
}

static void a_sale_is_held_back_until_its_grace_is_over(void **state)
{
    (void)state;
    struct fake_level *level = fake_shop_add("A", 8);
    fake_state_know(level->item, 1, 10, 500); /* two were sold since */
    (void)fake_lane_publish(1, "A", 20);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(level->available, 18);
    assert_int_equal(fake_state.unimported.count, 1);
    assert_int_equal(fake_state.unimported.list[0].units, 2);
    int64_t began_us = clock_monotonic_us();
    fake_lane_run_ok(is_fully_stocked);
    assert_true(clock_monotonic_us() - began_us > 890 * FAKE_SECOND);
    assert_int_equal(fake_state_level(level->item)->quantity, 20);
}

static void without_a_grace_the_number_is_written_at_once(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 8);
    fake_lane.conf.unimported_sale_grace_ms = 0;
    fake_state_know(level->item, 1, 10, 500);
    (void)fake_lane_publish(1, "A", 20);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(level->available, 20);
    assert_int_equal(fake_state.unimported.count, 0);
}

/* --- a store that does not answer --- */

/* From the fifth failure on, each sending is a probe. */
static void assert_probes(int64_t least_us)
{
    for (size_t i = 5; i < 10; i++) {
        assert_true(fake_store_request(OP_STOCK_SET, i)->sent_us -
                        fake_store_request(OP_STOCK_SET, i - 1)->sent_us >=
                    least_us);
    }
}

static void a_silent_store_is_probed_with_one_request(void **state)
{
    (void)state;
    static const struct fake_fault FAULTS[] = {
        {.op = OP_STOCK_SET, .times = 9, .status = 502},
        {.op = OP_STOCK_SET, .times = 9, .status = 503, .retry_after_s = 7},
        {.op = OP_STOCK_SET, .times = 9, .cut = true, .executed = true},
    };
    for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++) {
        fake_lane_close();
        fake_lane_open();
        (void)fake_shop_add("A", 3);
        (void)fake_lane_publish(1, "A", 5);
        fake_store_fault(&FAULTS[i]);
        fake_lane_run_ok(fake_lane_is_quiet);
        assert_true(fake_lane_was("broken"));
        assert_string_equal(fake_lane.state, "draining");
        assert_int_equal(fake_store_sent(OP_STOCK_SET), 10);
        assert_string_equal(fake_store_request(OP_STOCK_SET, 0)->variables,
                            fake_store_request(OP_STOCK_SET, 9)->variables);
        assert_probes(FAULTS[i].retry_after_s > 0 ? 7 * FAKE_SECOND : FAKE_SECOND / 2);
        assert_int_equal(fake_shop_find("A")->sets, 1);
        assert_int_equal(fake_shop_available("A"), 5);
    }
}

static void an_overloaded_store_names_the_pause(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_store_fault(
        &(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .status = 503, .retry_after_s = 7});
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_true(fake_store_request(OP_STOCK_SET, 1)->sent_us -
                    fake_store_request(OP_STOCK_SET, 0)->sent_us >=
                7 * FAKE_SECOND);
}

/* --- many levels --- */

#define LOG2_250 8 /* rounded up */

static void stock_shop(int count)
{
    for (int i = 0; i < count; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", i);
        (void)fake_shop_add(sku, 3);
        (void)fake_lane_publish(i + 1, sku, 5);
    }
}

static size_t count_written(void)
{
    size_t count = 0;
    for (size_t i = 0; i < fake_shop.count; i++) {
        count += fake_shop.list[i].available == 5 && fake_state_level(4000 + (int64_t)i) != NULL;
    }
    return count;
}

static void answers_in_another_order_are_all_recorded(void **state)
{
    (void)state;
    stock_shop(1000);
    fake_store.newest_first = true;
    fake_store_fault(
        &(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .delay_us = 2 * FAKE_SECOND});
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(count_written(), 1000);
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 4);
    assert_int_equal(fake_source.partition[0].committed, 1000);
}

static void a_named_entry_leaves_its_request(void **state)
{
    (void)state;
    stock_shop(250);
    fake_shop.list[117].refusal = "INVALID_QUANTITY_TOO_HIGH";
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 2);
    assert_int_equal(count_written(), 249);
    assert_non_null(fake_state_parked("level/4117/7001"));
    assert_int_equal(fake_state.parked.count, 1);
}

static void all_named_entries_leave_together(void **state)
{
    (void)state;
    static const size_t COUNTS[] = {5, 250};
    for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++) {
        fake_lane_close();
        fake_lane_open();
        stock_shop(250);
        for (size_t j = 0; j < COUNTS[i]; j++) {
            fake_shop.list[j].refusal = "INVALID_QUANTITY_TOO_HIGH";
        }
        fake_lane_run_ok(fake_lane_is_quiet);
        assert_int_equal(fake_store_sent(OP_STOCK_SET), COUNTS[i] < 250 ? 2 : 1);
        assert_int_equal(count_written(), 250 - COUNTS[i]);
        assert_int_equal(fake_state.parked.count, COUNTS[i]);
    }
}

/* A store that stops at the first bad entry. */
static void entries_named_one_at_a_time_leave_one_by_one(void **state)
{
    (void)state;
    stock_shop(250);
    fake_store_fault(&(struct fake_fault){.op = OP_STOCK_SET,
                                          .times = 5,
                                          .code = "INVALID_QUANTITY_TOO_HIGH",
                                          .user_error = true,
                                          .entry = 17});
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 6);
    assert_int_equal(count_written(), 245);
    assert_int_equal(fake_state.parked.count, 5);
}

/* Each bad entry costs at most 2 log2 n mutations. */
static void one_bad_entry_is_found_by_halves(void **state)
{
    (void)state;
    stock_shop(250);
    fake_shop.list[117].refusal = "INVALID_QUANTITY_TOO_HIGH";
    fake_shop.list[117].unnamed = true;
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_in_range(fake_store_sent(OP_STOCK_SET), 2, 1 + 2 * LOG2_250);
    assert_int_equal(count_written(), 249);
    assert_non_null(fake_state_parked("level/4117/7001"));
    assert_int_equal(fake_state.parked.count, 1);
}

static void several_bad_entries_are_found_by_halves(void **state)
{
    (void)state;
    static const size_t BAD[] = {0, 100, 101, 249};
    stock_shop(250);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        fake_shop.list[BAD[i]].refusal = "INVALID_QUANTITY_TOO_HIGH";
        fake_shop.list[BAD[i]].unnamed = true;
    }
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_in_range(fake_store_sent(OP_STOCK_SET), 8, 1 + 2 * 4 * LOG2_250);
    assert_int_equal(count_written(), 246);
    assert_int_equal(fake_state.parked.count, 4);
}

static void bad_entries_without_a_good_one_are_all_found_by_halves(void **state)
{
    (void)state;
    stock_shop(250);
    for (size_t i = 0; i < 250; i++) {
        fake_shop.list[i].refusal = "INVALID_QUANTITY_TOO_HIGH";
        fake_shop.list[i].unnamed = true;
    }
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 1 + 2 * 250 - 2);
    assert_int_equal(fake_state.parked.count, 250);
    assert_int_equal(fake_source.partition[0].committed, 250);
}

/* Between the read and the set it changes again: a difference reaches it all the same. */
static void a_level_that_keeps_changing_is_adjusted(void **state)
{
    (void)state;
    stock_shop(3);
    fake_shop.list[1].refusal = "CHANGE_FROM_QUANTITY_STALE";
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(count_written(), 3);
    assert_int_equal(fake_state.parked.count, 0);
    assert_int_equal(fake_store_sent(OP_STOCK_ADJUST), 1);
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 3); /* one with its neighbours' numbers */
}

static bool let_it_rest(void)
{
    if (fake_store_sent(OP_STOCK_ADJUST) == 1) {
        fake_shop.list[1].refusal = NULL;
    }
    return fake_lane_is_quiet();
}

static void a_store_that_knows_no_adjustment_gets_sets(void **state)
{
    (void)state;
    stock_shop(3);
    fake_shop.list[1].refusal = "CHANGE_FROM_QUANTITY_STALE";
    fake_store_fault(&(struct fake_fault){
        .op = OP_STOCK_ADJUST,
        .times = 9,
        .body = "{\"errors\":[{\"message\":\"no such field\",\"extensions\":{\"code\":"
                "\"undefinedField\"}}]}"});
    fake_lane_run_ok(let_it_rest);
    assert_int_equal(fake_store_sent(OP_STOCK_ADJUST), 1);
    assert_int_equal(count_written(), 3);
    assert_int_equal(fake_state.parked.count, 0);
    assert_int_equal(fake_state_open_attempts(), 0);
}

static void a_nameless_level_that_keeps_changing_does_not_stop_others(void **state)
{
    (void)state;
    stock_shop(250);
    fake_shop.list[5].refusal = "CHANGE_FROM_QUANTITY_STALE";
    fake_shop.list[5].unnamed = true;
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(count_written(), 250);
    assert_int_equal(fake_state.parked.count, 0);
    assert_in_range(fake_store_sent(OP_STOCK_SET), 2, 6 + 2 * LOG2_250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(an_unknown_set_that_was_not_executed_is_sent_again),
        LANE_TEST(an_unknown_set_that_was_executed_is_not_executed_twice),
        LANE_TEST(a_set_that_never_left_is_sent_again),
        LANE_TEST(a_number_that_stands_after_a_stale_repetition_is_confirmed),
        LANE_TEST(a_level_that_moved_meanwhile_is_read_and_written),
        LANE_TEST(our_own_number_is_no_sale),
        LANE_TEST(a_sale_is_held_back_until_its_grace_is_over),
        LANE_TEST(without_a_grace_the_number_is_written_at_once),
        LANE_TEST(a_silent_store_is_probed_with_one_request),
        LANE_TEST(an_overloaded_store_names_the_pause),
        LANE_TEST(answers_in_another_order_are_all_recorded),
        LANE_TEST(a_named_entry_leaves_its_request),
        LANE_TEST(all_named_entries_leave_together),
        LANE_TEST(entries_named_one_at_a_time_leave_one_by_one),
        LANE_TEST(one_bad_entry_is_found_by_halves),
        LANE_TEST(several_bad_entries_are_found_by_halves),
        LANE_TEST(bad_entries_without_a_good_one_are_all_found_by_halves),
        LANE_TEST(a_level_that_keeps_changing_is_adjusted),
        LANE_TEST(a_store_that_knows_no_adjustment_gets_sets),
        LANE_TEST(a_nameless_level_that_keeps_changing_does_not_stop_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

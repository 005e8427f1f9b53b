/* The brake and the source guard: what holds a store, and what releases it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/lane/fake_lane.h"

#define LEVELS 100
#define COPY   "22222222-2222-2222-2222-222222222222"

static int64_t began_us;

/* A store that was loaded long ago: every level is known and holds 5. */
static void load_shop(void)
{
    for (int i = 0; i < LEVELS; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", i);
        const struct fake_level *level = fake_shop_add(sku, 5);
        fake_state_know(level->item, i + 1, 5, 500);
    }
    fake_state.guard.row.loaded = true;
    fake_state.guard.loaded_us = 1;
    (void)snprintf(fake_state.guard.row.database, STATE_DATABASE_SIZE, "%s", FAKE_DATABASE);
    began_us = clock_monotonic_us();
}

static void publish_some(int count, double number)
{
    for (int i = 0; i < count; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", i);
        (void)fake_lane_publish(i + 1, sku, number);
    }
}

static size_t count_holding(int32_t number)
{
    size_t count = 0;
    for (size_t i = 0; i < fake_shop.count; i++) {
        count += fake_shop.list[i].available == number;
    }
    return count;
}

static bool ten_seconds_passed(void)
{
    return clock_monotonic_us() - began_us > 10 * FAKE_SECOND;
}

static bool is_held(void)
{
    return strcmp(fake_lane.state, "held") == 0;
}

/* --- the brake --- */

static void many_falls_to_zero_hold_the_store(void **state)
{
    (void)state;
    load_shop();
    publish_some(50, 0);
    fake_lane_run_ok(ten_seconds_passed);
    assert_true(fake_lane_was("held"));
    assert_true(fake_lane.ready);
    assert_true(fake_lane_shows("\"reason\":\"brake_zero\""));
    assert_int_equal(count_holding(5), LEVELS);
    assert_int_equal(fake_source.partition[0].committed, 0);
    assert_string_equal(fake_state.guard.row.reason, "brake_zero");
    assert_non_null(strstr(fake_state.guard.row.examples, "S0"));
}

static void many_changes_hold_the_store(void **state)
{
    (void)state;
    load_shop();
    publish_some(90, 7);
    fake_lane_run_ok(ten_seconds_passed);
    assert_string_equal(fake_state.guard.row.reason, "brake_change");
    assert_int_equal(count_holding(5), LEVELS);
}

static void the_first_load_holds_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < LEVELS; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", i);
        (void)fake_shop_add(sku, 5);
    }
    publish_some(LEVELS, 0);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(count_holding(0), LEVELS);
    began_us = clock_monotonic_us();
    fake_lane_run_ok(ten_seconds_passed);
    assert_true(fake_state.guard.row.loaded);
}

static bool accept_when_held(void)
{
    struct state_guard *row = &fake_state.guard.row;
    if (is_held() && row->held_at_us != 0 && ten_seconds_passed()) {
        row->held_at_us = 0;
        row->accepted_revision = fake_state.guard.held_revision;
    }
    return fake_lane_is_quiet();
}

static void a_person_accepts_the_changes(void **state)
{
    (void)state;
    load_shop();
    publish_some(50, 0);
    fake_lane_run_ok(accept_when_held);
    assert_true(fake_lane_was("held"));
    assert_int_equal(count_holding(0), 50);
}

static int64_t corrected_us;

static bool correct_when_held(void)
{
    if (is_held() && corrected_us == 0) {
        corrected_us = clock_monotonic_us();
        publish_some(50, 6);
    }
    return fake_lane_is_quiet();
}

static void a_cause_that_is_gone_releases_after_five_calm_seconds(void **state)
{
    (void)state;
    corrected_us = 0;
    load_shop();
    publish_some(50, 0);
    fake_lane_run_ok(correct_when_held);
    assert_int_equal(count_holding(6), 50);
    assert_int_equal(count_holding(0), 0);
    assert_in_range(fake_store_request(OP_STOCK_SET, 0)->sent_us - corrected_us, 5 * FAKE_SECOND,
                    9 * FAKE_SECOND);
}

static void a_hold_outlives_its_process(void **state)
{
    (void)state;
    load_shop();
    publish_some(50, 0);
    fake_lane_run_ok(ten_seconds_passed);
    int64_t holder = fake_state.guard.holder;
    began_us = clock_monotonic_us();
    fake_lane_run_ok(ten_seconds_passed);
    assert_true(fake_lane_was("held"));
    assert_int_not_equal(fake_state.guard.holder, holder); /* adopted */
    assert_int_equal(count_holding(5), LEVELS);
}

/* What was written within the window counts, also for the next process. */
static void recent_writes_count_after_a_restart(void **state)
{
    (void)state;
    load_shop();
    publish_some(10, 0);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(count_holding(0), 10);
    for (int i = 10; i < 25; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", i);
        (void)fake_lane_publish(i + 1, sku, 0);
    }
    began_us = clock_monotonic_us();
    fake_lane_run_ok(ten_seconds_passed);
    assert_true(fake_lane_was("held"));
    assert_int_equal(count_holding(0), 10);
}

static bool release_by_other(void)
{
    if (is_held() && ten_seconds_passed()) {
        fake_state.guard.row.held_at_us = 0;
    }
    return fake_lane_is_quiet();
}

static void a_hold_of_another_process_is_followed(void **state)
{
    (void)state;
    load_shop();
    publish_some(5, 6);
    fake_state.guard.row.held_at_us = 1;
    (void)snprintf(fake_state.guard.row.reason, sizeof fake_state.guard.row.reason, "brake_zero");
    fake_state.guard.holder = FAKE_OTHER_PROCESS;
    fake_lane_run_ok(release_by_other);
    assert_true(fake_lane_was("held"));
    assert_int_equal(count_holding(6), 5);
    assert_true(fake_store_request(OP_STOCK_SET, 0)->sent_us - began_us > 10 * FAKE_SECOND);
}

static void a_process_without_partitions_lets_its_hold_go(void **state)
{
    (void)state;
    load_shop();
    publish_some(50, 0);
    fake_source_rebalance(SOURCE_REVOKED, 0, 3 * FAKE_SECOND);
    fake_source_rebalance(SOURCE_ASSIGNED, FAKE_NONE, 3 * FAKE_SECOND);
    began_us += 5 * FAKE_SECOND;
    fake_lane_run_ok(ten_seconds_passed);
    assert_true(fake_lane_was("held"));
    assert_int_equal(fake_state.guard.row.held_at_us, 0);
}

static void hold_by_other(void)
{
    fake_state.guard.row.held_at_us = 1;
    fake_state.guard.holder = FAKE_OTHER_PROCESS;
}

static bool hold_when_closed(void)
{
    if (strcmp(fake_lane.state, "closed") == 0 && fake_state.guard.row.held_at_us == 0) {
        hold_by_other();
        (void)fake_lane_publish(999, "new", 4);
    }
    return fake_store_sent(OP_LEVELS_READ) > 0 && ten_seconds_passed();
}

/* Held and closed: the set that waits may not go out, so a read is the probe. */
static void a_held_store_that_is_closed_is_probed_by_a_read(void **state)
{
    (void)state;
    load_shop();
    (void)fake_shop_add("new", 3);
    publish_some(5, 6);
    fake_store_fault(&(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .status = 402});
    fake_lane_run_ok(hold_when_closed);
    assert_non_null(strstr(fake_lane.states.ptr, "closed held "));
    assert_int_equal(fake_store_sent(OP_LEVELS_READ), 1);
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 1);
}

static bool hold_when_broken(void)
{
    if (strcmp(fake_lane.state, "broken") == 0 && fake_state.guard.row.held_at_us == 0) {
        hold_by_other();
        (void)fake_lane_publish(999, "new", 4);
        began_us = clock_monotonic_us();
    }
    if (fake_store_sent(OP_LEVELS_READ) == 2) {
        fake_store_clear_faults();
    }
    return is_held() && fake_store_sent(OP_LEVELS_READ) == 3;
}

static bool release_when_quiet(void)
{
    fake_state.guard.row.held_at_us = 0;
    return fake_lane_is_quiet() && count_holding(6) == 1;
}

/* The one slot is taken by a set that must wait for the end of the hold. */
static void a_held_store_that_does_not_answer_is_probed_by_reads(void **state)
{
    (void)state;
    load_shop();
    (void)fake_shop_add("new", 3);
    fake_lane.options.shared.max_requests = 1;
    publish_some(1, 6);
    fake_store_fault(&(struct fake_fault){.op = OP_STOCK_SET, .times = 99, .status = 502});
    fake_store_fault(&(struct fake_fault){.op = OP_LEVELS_READ, .times = 99, .status = 502});
    fake_lane_run_ok(hold_when_broken);
    assert_non_null(strstr(fake_lane.states.ptr, "broken held "));
    assert_int_equal(count_holding(6), 0);
    fake_lane_run_ok(release_when_quiet);
    assert_int_equal(fake_shop_available("new"), 4);
}

static bool nothing_is_parked(void)
{
    return fake_state.parked.count == 0 && fake_lane_is_quiet();
}

static bool share_while_held(void)
{
    if (is_held() && ten_seconds_passed() && fake_lane.revision == 1001) {
        (void)fake_lane_publish(2, "A", 6);
        began_us = clock_monotonic_us();
    } else if (fake_lane.revision > 1001 && ten_seconds_passed()) {
        fake_state.guard.row.held_at_us = 0;
    }
    return fake_lane_is_quiet();
}

static void a_pending_level_stops_when_its_sku_is_shared(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 3);
    (void)fake_shop_add("B", 3);
    began_us = clock_monotonic_us();
    hold_by_other();
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(share_while_held);
    assert_int_equal(level->sets, 0);
    assert_string_equal(fake_state_parked("level/4000/7001")->reason, "sku_shared_in_odoo");
    assert_non_null(fake_state_parked("product/1"));
    assert_non_null(fake_state_parked("product/2"));
    (void)fake_lane_publish(2, "B", 7);
    fake_clock_pass_us(FAKE_SECOND);
    fake_lane_run_ok(nothing_is_parked);
    assert_int_equal(level->available, 5);
    assert_int_equal(fake_shop_available("B"), 7);
}

/* --- the brake asks before it holds --- */

static bool a_second_passed(void)
{
    return clock_monotonic_us() - began_us > FAKE_SECOND;
}

/* Sold out in the store, and then all orders are imported at once. */
static void sell_out(int count)
{
    for (int i = 0; i < count; i++) {
        fake_shop.list[i].available = 0;
    }
    publish_some(count, 0);
}

static void items_that_the_store_sold_out_hold_nothing(void **state)
{
    (void)state;
    load_shop();
    sell_out(30);
    (void)fake_lane_publish(99, "S98", 0); /* sold out elsewhere */
    uint64_t checks = fake_lane_counter("brake_checks");
    uint64_t holds = fake_lane_counter("holds");
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_shop_available("S98"), 0);
    assert_int_equal(fake_lane_counter("brake_checks"), checks + 1);
    assert_int_equal(fake_lane_counter("holds"), holds);
    assert_false(fake_lane_was("held"));
    assert_int_equal(fake_store_sent(OP_LEVELS_READ), 1);
    assert_int_equal(fake_store_request(OP_LEVELS_READ, 0)->entries, 31);
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 1);
    assert_int_equal(fake_store_request(OP_STOCK_SET, 0)->entries, 1);
}

static int imported;

/* The orders are imported one after the other: each is compared with our memory, and is stale. */
static bool import_one_more(void)
{
    char sku[16];
    if (imported < 60 && fake_lane_is_quiet()) {
        (void)snprintf(sku, sizeof sku, "S%d", imported);
        (void)fake_lane_publish(++imported, sku, 0);
        return false;
    }
    if (imported == 60 && fake_lane_is_quiet()) { /* sold out elsewhere: the first that fall */
        for (; imported < 75; imported++) {
            (void)snprintf(sku, sizeof sku, "S%d", imported);
            (void)fake_lane_publish(imported + 1, sku, 0);
        }
    }
    return imported == 75 && fake_lane_is_quiet();
}

static void imports_one_by_one_hold_nothing(void **state)
{
    (void)state;
    imported = 0;
    load_shop();
    for (int i = 0; i < 60; i++) {
        fake_shop.list[i].available = 0;
    }
    fake_lane_run_ok(import_one_more);
    assert_false(fake_lane_was("held"));
    assert_int_equal(count_holding(0), 75);
}

static void numbers_that_the_store_has_already_hold_nothing(void **state)
{
    (void)state;
    load_shop();
    for (int i = 0; i < LEVELS; i++) {
        fake_shop.list[i].available = 7;
    }
    publish_some(LEVELS, 7);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_false(fake_lane_was("held"));
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 0);
}

/* Of 30 falls the store made only five: still more than a tenth is left. */
static void a_mistake_during_a_sale_holds_before_anything_is_written(void **state)
{
    (void)state;
    load_shop();
    sell_out(5);
    publish_some(30, 0);
    fake_lane_run_ok(ten_seconds_passed);
    assert_true(fake_lane_was("held"));
    assert_true(fake_lane_shows("\"fallen\":25"));
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 0);
    assert_int_equal(fake_store_sent(OP_LEVELS_READ), 1); /* each level is read once */
}

static void a_check_is_shown_and_no_mutation_goes_out_meanwhile(void **state)
{
    (void)state;
    load_shop();
    sell_out(30);
    fake_store_fault(
        &(struct fake_fault){.op = OP_LEVELS_READ, .times = 1, .delay_us = 5 * FAKE_SECOND});
    (void)fake_lane_publish(99, "S98", 9);
    fake_lane_run_ok(a_second_passed);
    assert_true(fake_lane_shows("the store is asked what it holds"));
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 0);
    assert_int_equal(fake_state.guard.row.held_at_us, 0);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_false(fake_lane_shows("the store is asked"));
    assert_int_equal(fake_shop_available("S98"), 9);
}

static int64_t held_us;

static bool held_at_last(void)
{
    bool held = is_held() && fake_state.guard.row.held_at_us != 0;
    held_us = held && held_us == 0 ? clock_monotonic_us() : held_us;
    return held;
}

/* A check ends: the read stays away. */
static void a_check_without_an_answer_holds_after_a_minute(void **state)
{
    (void)state;
    load_shop();
    sell_out(30);
    fake_store_fault(
        &(struct fake_fault){.op = OP_LEVELS_READ, .times = 1, .delay_us = 300 * FAKE_SECOND});
    held_us = 0;
    fake_lane_run_ok(held_at_last);
    assert_in_range(held_us - began_us, 60 * FAKE_SECOND, 65 * FAKE_SECOND);
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 0);
    fake_lane_run_ok(fake_lane_is_quiet); /* the next process has the answer */
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 0);
}

static bool mend_when_broken(void)
{
    if (strcmp(fake_lane.state, "broken") == 0 &&
        clock_monotonic_us() - began_us > 300 * FAKE_SECOND) {
        fake_store_clear_faults();
    }
    return fake_lane_is_quiet();
}

/* The store is away: a check waits for it, with its reads as probes. */
static void a_check_waits_for_a_store_that_does_not_answer(void **state)
{
    (void)state;
    load_shop();
    sell_out(30);
    fake_store_fault(&(struct fake_fault){.op = OP_LEVELS_READ, .times = 999, .status = 502});
    fake_lane_run_ok(mend_when_broken);
    assert_true(fake_lane_was("broken"));
    assert_false(fake_lane_was("held"));
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 0);
}

/* --- Odoo's time --- */

/* Each item sells out once in eight hours, one in five minutes. */
static void publish_eight_hours(void)
{
    for (int i = 0; i < LEVELS; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", i);
        (void)fake_lane_publish(i + 1, sku, 0);
        fake_clock_pass_us(290 * FAKE_SECOND);
    }
}

static void eight_hours_of_trade_are_caught_up_without_a_hold(void **state)
{
    (void)state;
    load_shop();
    publish_eight_hours();
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_false(fake_lane_was("held"));
    assert_int_equal(count_holding(0), LEVELS);
    /* what was caught up within this minute counts as it happened, for the next process too */
    publish_some(5, 3);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_false(fake_lane_was("held"));
}

static void a_mistake_within_eight_hours_of_trade_holds(void **state)
{
    (void)state;
    load_shop();
    for (int i = 0; i < 50; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", i);
        (void)fake_lane_publish(i + 1, sku, i < 25 ? 0 : 4);
        fake_clock_pass_us((i < 25 ? 1 : 1200) * FAKE_SECOND);
    }
    began_us = clock_monotonic_us();
    fake_lane_run_ok(ten_seconds_passed);
    assert_true(fake_lane_was("held"));
    assert_true(fake_lane_shows("\"fallen\":25"));
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 0);
}

/* Written again and again with the same number, it does not leave its window. */
static void a_held_mistake_stays_when_its_products_are_published_again(void **state)
{
    (void)state;
    load_shop();
    publish_some(25, 0);
    for (int i = 0; i < 25; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", i);
        fake_clock_pass_us(1200 * FAKE_SECOND);
        (void)fake_lane_publish(i + 1, sku, 0);
    }
    began_us = clock_monotonic_us();
    fake_lane_run_ok(ten_seconds_passed);
    assert_true(fake_lane_was("held"));
    assert_int_equal(count_holding(0), 0);
}

/* --- restarts --- */

/* Most levels changed within the window, and the group takes its time to assign partitions. */
static void restarts_of_a_busy_store_hold_nothing(void **state)
{
    (void)state;
    load_shop();
    uint64_t holds = fake_lane_counter("holds");
    publish_some(70, 6);
    fake_lane_run_ok(fake_lane_is_quiet);
    fake_source.partitions = 0;
    for (int i = 0; i < 20; i++) {
        fake_source.rebalance_count = fake_source.rebalance_next = 0;
        fake_source_rebalance(SOURCE_ASSIGNED, 0, 8 * FAKE_SECOND);
        (void)fake_lane_publish(i + 1, fake_shop.list[i].sku, 7);
        began_us = clock_monotonic_us();
        fake_lane_run_ok(ten_seconds_passed);
        assert_int_equal(fake_shop.list[i].available, 7);
    }
    assert_false(fake_lane_was("held"));
    assert_int_equal(fake_lane_counter("holds"), holds);
}

static bool fall_while_a_request_waits(void)
{
    static const int64_t FIRST = 1500;
    if (fake_store_sent(OP_STOCK_SET) == 2 && fake_store_running() == 0 &&
        fake_lane.revision == FIRST) {
        publish_some(26, 0);
    }
    return fake_lane.revision > FIRST && fake_lane_is_quiet();
}

/* A request of the first load has an unknown outcome and waits, perhaps behind an open breaker. Its
 * levels are levels too: 26 of 500 fell, not 26 of the 250 whose first number was answered. */
static void levels_of_a_request_that_waits_are_levels_of_the_store(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", i);
        (void)fake_shop_add(sku, 5);
    }
    publish_some(250, 6);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_state.levels.count, 250);
    fake_store_fault(&(struct fake_fault){.op = OP_STOCK_SET, .times = 9, .cut = true});
    for (int i = 250; i < 500; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", i);
        (void)fake_lane_publish(i + 1, sku, 6);
    }
    fake_lane_run_ok(fall_while_a_request_waits);
    assert_false(fake_lane_was("held"));
    assert_int_equal(count_holding(0), 26);
}

/* --- another database --- */

static void publish_from(const char *database, int32_t product_id, const char *sku, double number)
{
    struct warehouse_stock place;
    const struct product_stock stock = fake_lane_stock(product_id, sku, number, &place);
    (void)fake_source_append(0, &stock, database);
}

static void records_of_a_copy_hold_the_store(void **state)
{
    (void)state;
    load_shop();
    publish_from(COPY, 1, "S0", 8);
    (void)fake_lane_publish(2, "S1", 7);
    fake_lane_run_ok(ten_seconds_passed);
    assert_true(fake_lane_was("held"));
    assert_string_equal(fake_state.guard.row.reason, "another_database");
    assert_non_null(strstr(fake_state.guard.row.detail, COPY));
    assert_int_equal(count_holding(5), LEVELS);
    began_us = clock_monotonic_us();
    strbuf_reset(&fake_lane.states);
    fake_lane_run_ok(ten_seconds_passed); /* the next process holds on */
    assert_true(fake_lane_was("held"));
    assert_int_equal(count_holding(5), LEVELS);
    assert_int_equal(fake_source.partition[0].committed, 0);
}

static bool confirm_our_own(void)
{
    if (is_held() && ten_seconds_passed()) {
        fake_state.guard.row.database_since = fake_lane.revision;
        fake_state.guard.row.held_at_us = 0;
    }
    return fake_lane_is_quiet();
}

static void a_person_confirms_the_database_that_was_known(void **state)
{
    (void)state;
    load_shop();
    (void)fake_lane_publish(2, "S1", 7);
    publish_from(COPY, 1, "S0", 8);
    assert_int_equal(fake_lane_run(confirm_our_own), STATUS_RENEW);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(count_holding(7), 1);
    assert_int_equal(count_holding(8), 0);
    assert_int_equal(fake_source.partition[0].committed, 2);
}

static bool answer_the_copy(void)
{
    if (is_held() && corrected_us == 0 && ten_seconds_passed()) {
        corrected_us = clock_monotonic_us();
        publish_from(FAKE_DATABASE, 1, "S0", 9);
    }
    return fake_lane_is_quiet();
}

static void newer_records_of_the_right_database_release_it(void **state)
{
    (void)state;
    corrected_us = 0;
    load_shop();
    publish_from(COPY, 1, "S0", 8);
    fake_lane_run_ok(answer_the_copy);
    assert_true(fake_lane_was("held"));
    assert_int_equal(count_holding(9), 1);
}

static bool confirm_the_copy(void)
{
    struct state_guard *row = &fake_state.guard.row;
    if (is_held() && ten_seconds_passed()) {
        (void)snprintf(row->database, sizeof row->database, "%s", COPY);
        row->database_since = 999;
        row->held_at_us = 0;
    }
    return fake_lane_is_quiet();
}

static void a_person_confirms_the_other_database(void **state)
{
    (void)state;
    load_shop();
    publish_from(COPY, 1, "S0", 8);
    assert_int_equal(fake_lane_run(confirm_the_copy), STATUS_RENEW);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(count_holding(8), 1);
}

static void a_database_that_was_pinned_meanwhile_is_followed(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    (void)fake_lane_publish(1, "A", 5);
    fake_state.guard.pinned_by_other = true;
    assert_int_equal(fake_lane_run(fake_lane_is_quiet), STATUS_RENEW);
    assert_int_equal(fake_shop_available("A"), 3);
}

static void records_without_a_database_are_applied(void **state)
{
    (void)state;
    (void)fake_shop_add("A", 3);
    publish_from(NULL, 1, "A", 5);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_shop_available("A"), 5);
    assert_string_equal(fake_state.guard.row.database, "");
}

/* --- a dry run --- */

static void a_dry_run_names_the_hold(void **state)
{
    (void)state;
    load_shop();
    fake_lane.conf.dry_run = true;
    fake_lane.options.once = true;
    publish_some(50, 0);
    publish_from(COPY, 70, "S69", 8);
    fake_lane_run_ok(NULL);
    assert_non_null(strstr(fake_lane.lines.ptr, "would write 50 of 50 levels"));
    assert_non_null(strstr(fake_lane.lines.ptr, "1 records of another database left out"));
    assert_non_null(strstr(fake_lane.lines.ptr, "the brake would hold: 50 of 100 levels"));
    assert_int_equal(fake_state.guard.row.held_at_us, 0);
    assert_int_equal(count_holding(5), LEVELS);
}

static bool all_sold_out_during_the_first_set(void)
{
    if (fake_store_sent(OP_STOCK_SET) == 1 && fake_lane.revision == 1001) {
        publish_some(LEVELS, 0);
    }
    return false;
}

static void a_run_once_that_is_held_finishes_its_requests(void **state)
{
    (void)state;
    load_shop();
    fake_lane.options.once = true;
    fake_store_fault(
        &(struct fake_fault){.op = OP_STOCK_SET, .times = 1, .delay_us = 2 * FAKE_SECOND});
    (void)fake_lane_publish(1, "S0", 7);
    assert_int_equal(fake_lane_run(all_sold_out_during_the_first_set), STATUS_STORE_MISCONFIGURED);
    assert_true(fake_lane_was("held"));
    assert_int_equal(fake_store_sent(OP_STOCK_SET), 1);
    assert_string_equal(fake_state.attempts.list[0].outcome, "applied");
    assert_int_equal(fake_state_level(4000)->quantity, 7);
    assert_int_equal(fake_source.partition[0].committed, 1);
    fake_lane_failed(STATUS_STORE_MISCONFIGURED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(many_falls_to_zero_hold_the_store),
        LANE_TEST(many_changes_hold_the_store),
        LANE_TEST(the_first_load_holds_nothing),
        LANE_TEST(a_person_accepts_the_changes),
        LANE_TEST(a_cause_that_is_gone_releases_after_five_calm_seconds),
        LANE_TEST(a_hold_outlives_its_process),
        LANE_TEST(recent_writes_count_after_a_restart),
        LANE_TEST(a_hold_of_another_process_is_followed),
        LANE_TEST(a_process_without_partitions_lets_its_hold_go),
        LANE_TEST(a_held_store_that_is_closed_is_probed_by_a_read),
        LANE_TEST(a_held_store_that_does_not_answer_is_probed_by_reads),
        LANE_TEST(a_pending_level_stops_when_its_sku_is_shared),
        LANE_TEST(items_that_the_store_sold_out_hold_nothing),
        LANE_TEST(imports_one_by_one_hold_nothing),
        LANE_TEST(numbers_that_the_store_has_already_hold_nothing),
        LANE_TEST(a_mistake_during_a_sale_holds_before_anything_is_written),
        LANE_TEST(a_check_is_shown_and_no_mutation_goes_out_meanwhile),
        LANE_TEST(a_check_without_an_answer_holds_after_a_minute),
        LANE_TEST(a_check_waits_for_a_store_that_does_not_answer),
        LANE_TEST(eight_hours_of_trade_are_caught_up_without_a_hold),
        LANE_TEST(a_mistake_within_eight_hours_of_trade_holds),
        LANE_TEST(a_held_mistake_stays_when_its_products_are_published_again),
        LANE_TEST(restarts_of_a_busy_store_hold_nothing),
        LANE_TEST(levels_of_a_request_that_waits_are_levels_of_the_store),
        LANE_TEST(records_of_a_copy_hold_the_store),
        LANE_TEST(a_person_confirms_the_database_that_was_known),
        LANE_TEST(newer_records_of_the_right_database_release_it),
        LANE_TEST(a_person_confirms_the_other_database),
        LANE_TEST(a_database_that_was_pinned_meanwhile_is_followed),
        LANE_TEST(records_without_a_database_are_applied),
        LANE_TEST(a_dry_run_names_the_hold),
        LANE_TEST(a_run_once_that_is_held_finishes_its_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/retries.h"
#include "tests/unit/lane/bench.h"
#include "tests/unit/lane/bench_records.h"

static struct source_guard guard;
static struct brake_control brake;
static struct catalogue_search search;
static struct planner planner;
static struct retries retries;
static bool rescanned;

static int open_retries(void **state)
{
    struct err err;
    (void)bench_open(state);
    const struct state_guard row = {0};
    source_guard_open(&guard, &bench.c, &bench.streams.known, &row);
    brake = (struct brake_control){.c = &bench.c, .guard = &guard};
    catalogue_search_open(&search);
    assert_int_equal(planner_open(&planner, &bench.c, &guard, &brake, &search, &err), STATUS_OK);
    rescanned = true;
    retries_open(&retries, &bench.c, &planner, &rescanned);
    return 0;
}

static int close_retries(void **state)
{
    retries_close(&retries);
    planner_close(&planner);
    source_guard_close(&guard);
    catalogue_search_release(&search);
    return bench_close(state);
}

#define RETRIES_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, open_retries, close_retries)

static void turn(bool at_end)
{
    struct err err = {0};
    assert_int_equal(retries_turn(&retries, at_end, &err), STATUS_OK);
}

static void give(const struct state_parked *rows, size_t count)
{
    bench.parked.given = rows;
    bench.parked.given_count = count;
}

static struct state_parked level_row(int64_t item, int32_t product_id, int32_t quantity)
{
    struct state_parked row = {.product_id = product_id,
                               .partition = 0,
                               .key = {item, BENCH_LOCATION},
                               .offset = 3,
                               .revision = 10,
                               .quantity = quantity,
                               .reason = "refused",
                               .attempts = 2,
                               .detail = "why"};
    state_subject_level(row.subject, row.key);
    return row;
}

static struct state_parked product_row(const struct bench_stock *stock, const char *reason)
{
    struct state_parked row = {.product_id = stock->product_id,
                               .partition = 0,
                               .offset = 3,
                               .revision = stock->revision,
                               .reason = reason,
                               .attempts = 1,
                               .detail = "as parked",
                               .record_key = bench_key(stock->product_id),
                               .record_value = bench_value(stock)};
    state_subject_product(row.subject, stock->product_id);
    return row;
}

static struct level *take_level(void)
{
    struct level *level = NULL;
    assert_int_equal(coalescer_take(bench.c.coalescer, LEVEL_UNRESOLVED, &level, 1), 1);
    return level;
}

/* --- rows --- */

static void a_due_level_is_offered_to_the_item_that_carries_its_sku(void **state)
{
    (void)state;
    const struct state_parked row = level_row(41, 1, 6);
    bench_product(1, "A", 50);
    give(&row, 1);
    turn(false);
    struct level *level = take_level();
    assert_int_equal(level->key.item, 50);
    assert_int_equal(level->desired.quantity, 6);
    assert_int_equal(level->desired.revision, 10);
    assert_int_equal(level->desired.at.partition, OFFSET_LEDGER_RETRY);
    assert_int_equal(level->desired.row_partition, 0);
    assert_false(retries_are_done(&retries));
    give(NULL, 0);
    turn(false);
    assert_string_equal(bench.parked.settled, ""); /* under way */
    coalescer_finish(bench.c.coalescer, level, NULL);
    turn(false);
    assert_string_equal(bench.parked.settled, "level/41/70 ");
    assert_true(retries_are_done(&retries));
    assert_int_equal((int)metric_value(bench.metrics.parked.fixed), 1);
}

static void a_newcomer_stays_parked_while_it_shares_the_sku(void **state)
{
    (void)state;
    const struct mapped_item newcomer = {.item = 51};
    struct mapped_item known = {.item = 41, .known = true};
    const struct state_parked row = {.subject = "item/51",
                                     .product_id = 1,
                                     .partition = -1,
                                     .offset = -1,
                                     .reason = "sku_shared_in_shopify",
                                     .detail = "why",
                                     .attempts = 1};
    bench_product(1, "A", 41);
    sku_index_add(bench.c.index, "A", &known);
    sku_index_add(bench.c.index, "A", &newcomer);
    give(&row, 1);
    turn(false);
    assert_int_equal(bench.parked.count, 1);
    assert_string_equal(bench.parked.rows[0].row.subject, "item/51");
    assert_string_equal(bench.parked.rows[0].reason, "sku_shared_in_shopify");
    assert_int_equal(coalescer_total(bench.c.coalescer), 0);
    give(NULL, 0);
    turn(false);
    assert_true(retries_are_done(&retries));
    sku_index_remove(bench.c.index, "A", 51);
    bench_pass_s(5);
    bench.parked.settled[0] = '\0';
    give(&row, 1);
    turn(false);
    give(NULL, 0);
    turn(false);
    assert_int_equal(bench.parked.count, 1);
    assert_string_equal(bench.parked.settled, "item/51 ");
    assert_int_equal((int)metric_value(bench.metrics.parked.fixed), 2);
}

static void a_row_under_way_is_not_tried_twice(void **state)
{
    (void)state;
    const struct state_parked rows[] = {level_row(41, 1, 6), level_row(41, 1, 6)};
    bench_product(1, "A", 41);
    give(rows, 2);
    turn(false);
    assert_int_equal(retries.count, 1);
}

static void a_level_of_no_use_any_more_is_taken_off(void **state)
{
    (void)state;
    struct state_parked rows[] = {level_row(41, 1, 6), level_row(42, 2, 6), level_row(43, 3, 6)};
    bench_product(1, "A", 41);
    (void)sku_claims_note(bench.c.claims, 1, "A", true, 11); /* a later record */
    bench_product(2, "B", 42);
    rows[1].key.location = 99; /* not used any more */
    give(rows, 3);             /* product 3 is not sold */
    turn(false);
    assert_int_equal(coalescer_total(bench.c.coalescer), 0);
    give(NULL, 0);
    turn(false);
    assert_string_equal(bench.parked.settled, "level/41/70 level/42/70 level/43/70 ");
    assert_int_equal(bench.parked.count, 0);
}

static void a_level_without_an_item_stays_parked_and_keeps_its_record(void **state)
{
    (void)state;
    struct state_parked rows[] = {level_row(41, 1, 6), level_row(42, 2, 6)};
    (void)sku_claims_note(bench.c.claims, 1, "NEW", true, 10);
    bench_product(2, "TWO", 42);
    bench_product(3, "TWO", 42);
    give(rows, 2);
    turn(false);
    assert_int_equal(bench.parked.count, 2);
    assert_string_equal(bench.parked.rows[0].reason, "unmapped");
    assert_string_equal(bench.parked.rows[0].detail, "no variant in the store has the SKU 'NEW'");
    assert_string_equal(bench.parked.rows[1].reason, "sku_shared_in_odoo");
    assert_int_equal(bench.parked.rows[0].row.partition, -1);
    assert_int_equal(bench.parked.rows[0].row.quantity, 6);
    assert_false(bench.parked.rows[0].has_record);
    const char *wanted = NULL;
    assert_int_equal(sku_search_count(search.wanted), 1);
    assert_int_equal(sku_search_due(search.wanted, bench.monotonic_us, &wanted, 1), 1);
    assert_string_equal(wanted, "NEW");
    bench.parked.again = true;
    give(NULL, 0);
    turn(false);
    assert_int_equal((int)metric_value(bench.metrics.parked.fixed), 0);
}

static void a_product_is_planned_from_its_record(void **state)
{
    (void)state;
    const struct bench_stock stock = {.product_id = 1, .sku = "A", .free = 7, .revision = 10};
    const struct state_parked row = product_row(&stock, "unmapped");
    bench_product(1, "A", 41);
    parked_set_add(bench.c.parked, 1);
    give(&row, 1);
    turn(false);
    assert_string_equal(bench.parked.unparked, "");
    struct level *level = take_level();
    assert_int_equal(level->desired.quantity, 7);
    coalescer_finish(bench.c.coalescer, level, NULL);
    give(NULL, 0);
    turn(false);
    assert_string_equal(bench.parked.settled, "product/1 ");
    assert_false(parked_set_has(bench.c.parked, 1));
    assert_int_equal((int)metric_value(bench.metrics.parked.fixed), 1);
}

/* A later record took it off and reported it meanwhile. */
static void a_product_is_reported_as_fixed_once(void **state)
{
    (void)state;
    const struct bench_stock stock = {.product_id = 1, .sku = "A", .free = 7, .revision = 10};
    const struct state_parked row = product_row(&stock, "unmapped");
    bench_product(1, "A", 41);
    give(&row, 1);
    turn(false);
    coalescer_finish(bench.c.coalescer, take_level(), NULL);
    turn(false);
    assert_string_equal(bench.parked.settled, "product/1 ");
    assert_int_equal((int)metric_value(bench.metrics.parked.fixed), 0);
}

static void a_row_without_a_record_waits_while_its_sku_is_shared(void **state)
{
    (void)state;
    struct state_parked row = {.product_id = 1,
                               .partition = -1,
                               .reason = "sku_shared_in_odoo",
                               .detail = "as parked",
                               .revision = 10};
    state_subject_product(row.subject, 1);
    bench_product(1, "TWO", 41);
    bench_product(2, "TWO", 41);
    give(&row, 1);
    turn(false);
    assert_int_equal(bench.parked.count, 1);
    assert_string_equal(bench.parked.rows[0].detail, "as parked");
    (void)sku_claims_note(bench.c.claims, 2, "OTHER", true, 20);
    turn(false); /* settles the first, and scans for what was shared */
    assert_int_equal(bench.parked.count, 1);
    give(NULL, 0);
    turn(false);
    assert_string_equal(bench.parked.settled, "product/1 product/1 ");
}

static void a_row_with_a_key_alone_is_a_record(void **state)
{
    (void)state;
    struct state_parked row = {
        .subject = "record/stock/0/3", .offset = 3, .reason = "undecodable", .detail = "why"};
    row.record_key = bytes_text("no id");
    give(&row, 1);
    turn(false);
    assert_int_equal(bench.parked.count, 1);
    assert_string_equal(bench.parked.rows[0].row.subject, "record/stock/0/3");
    assert_string_equal(bench.parked.rows[0].reason, "undecodable");
}

static void a_record_that_cannot_be_read_stays_parked(void **state)
{
    (void)state;
    static const unsigned char newer[] = {0xc3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const struct bench_stock stock = {.product_id = 1, .sku = "A", .revision = 10};
    struct state_parked rows[] = {product_row(&stock, "unmapped"),
                                  product_row(&stock, "skipped_by_operator")};
    for (size_t i = 0; i < 2; i++) {
        rows[i].record_value = bytes_of(newer, sizeof newer);
    }
    (void)snprintf(rows[1].subject, sizeof rows[1].subject, "record/stock/0/3");
    give(rows, 2);
    turn(false);
    assert_int_equal(bench.parked.count, 2);
    assert_string_equal(bench.parked.rows[0].reason, "schema_unknown");
    assert_string_equal(bench.parked.rows[1].reason, "skipped_by_operator");
    assert_non_null(strstr(bench.parked.rows[0].detail, "0807060504030201"));
    assert_false(bench.parked.rows[0].has_record); /* the row keeps the one that it has */
}

/* --- when --- */

static void a_look_comes_every_five_seconds_and_at_once_when_more_may_be_due(void **state)
{
    (void)state;
    struct state_parked rows[STATE_RETRY_MAX];
    turn(false);
    assert_string_equal(bench.calls, "due ");
    assert_true(retries_due_us(&retries) == bench.monotonic_us + 5000000);
    assert_int_equal(bench.parked.share_max, STATE_RETRY_MAX);
    bench_forget();
    bench_pass_s(4.9);
    turn(false);
    assert_string_equal(bench.calls, "");
    bench_pass_s(0.1);
    for (int32_t i = 0; i < STATE_RETRY_MAX; i++) {
        rows[i] = level_row(100 + i, 1, 6);
    }
    give(rows, STATE_RETRY_MAX);
    turn(false);
    assert_true(retries_due_us(&retries) == bench.monotonic_us);
}

static void no_more_rows_are_under_way_than_fit(void **state)
{
    (void)state;
    static struct state_parked rows[RETRIES_MAX + STATE_RETRY_MAX];
    for (int32_t i = 0; i < RETRIES_MAX + STATE_RETRY_MAX; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", (int)i);
        bench_product(i + 1, sku, 10000 + i);
        rows[i] = level_row(10000 + i, i + 1, 6);
    }
    for (size_t i = 0; i < RETRIES_MAX / STATE_RETRY_MAX; i++) {
        give(rows + i * STATE_RETRY_MAX, STATE_RETRY_MAX);
        turn(false);
    }
    assert_int_equal(retries.count, RETRIES_MAX);
    bench_forget();
    turn(false);
    assert_string_equal(bench.calls, "");
    coalescer_finish(bench.c.coalescer, take_level(), NULL);
    give(rows + RETRIES_MAX, STATE_RETRY_MAX);
    bench_pass_s(5);
    turn(false);
    assert_int_equal(bench.parked.share_max, 1);
    assert_int_equal(retries.count, RETRIES_MAX);
}

static void the_end_of_the_topic_begins_the_rescan_of_a_start(void **state)
{
    (void)state;
    rescanned = false;
    turn(false);
    assert_false(rescanned);
    assert_string_equal(bench.calls, "due ");
    bench_pass_s(7);
    bench_forget();
    turn(true);
    assert_true(rescanned);
    assert_string_equal(bench.calls, "products_noted rescan ");
    assert_int_equal(bench.parked.rested_ms, 7000); /* rows parked since the start are fresh */
    assert_true(retries_are_done(&retries));
    bench_forget();
    turn(true);
    assert_string_equal(bench.calls, "");
}

static void a_rescan_goes_page_by_page(void **state)
{
    (void)state;
    static struct state_parked rows[STATE_RETRY_MAX + 5];
    static const char *const reasons[] = {"refused", NULL};
    for (int32_t i = 0; i < STATE_RETRY_MAX + 5; i++) {
        rows[i] = level_row(1000 + i, 1, 6);
    }
    rows[3].reason = "bundle";
    give(rows, STATE_RETRY_MAX + 5);
    retries_ask(&retries, reasons);
    turn(false);
    assert_true(retries.is_rescanning);
    assert_int_equal(retries.count, STATE_RETRY_MAX);
    turn(false);
    assert_false(retries.is_rescanning);
    assert_int_equal(retries.count, 4);
    assert_non_null(strstr(bench.parked.settled, "level/1000/70"));
    assert_null(strstr(bench.parked.settled, "level/1003/70"));
}

static void requests_to_rescan_are_joined_while_one_is_going_on(void **state)
{
    (void)state;
    static const char *const first[] = {"unmapped", NULL};
    static const char *const second[] = {"bundle", "refused", NULL};
    static const char *const third[] = {"refused", "item_missing", NULL};
    retries_ask(&retries, first);
    assert_string_equal(retries.now.reasons[0], "unmapped");
    assert_null(retries.now.reasons[1]);
    retries_ask(&retries, second);
    retries_ask(&retries, third);
    assert_string_equal(retries.next.reasons[2], "item_missing");
    assert_null(retries.next.reasons[3]);
    turn(false);
    assert_true(retries.is_rescanning);
    assert_string_equal(retries.now.reasons[0], "bundle");
    assert_int_equal(bench.parked.rested_ms, 0);
    retries_ask(&retries, NULL);
    turn(false);
    assert_true(retries.is_rescanning && retries.now.all);
    turn(false);
    assert_false(retries.is_rescanning);
    assert_true(retries_are_done(&retries));
}

static void a_sku_that_became_unique_asks_for_a_rescan(void **state)
{
    (void)state;
    bench_product(1, "TWO", 41);
    bench_product(2, "TWO", 41);
    turn(false);
    bench_forget();
    (void)sku_claims_note(bench.c.claims, 2, "OTHER", true, 20);
    turn(false);
    assert_string_equal(bench.calls, "rescan ");
    bench_forget();
    turn(false);
    assert_string_equal(bench.calls, "");
}

/* --- products of other processes --- */

static void products_that_others_noted_are_learned(void **state)
{
    (void)state;
    static const struct state_product others[] = {
        {.product_id = 2, .sellable = true, .text = "A", .revision = 20}};
    bench_product(1, "A", 41);
    bench.products.others = others;
    bench.products.other_count = 1;
    turn(false);
    assert_null(strstr(bench.calls, "products_noted"));
    bench_pass_s(5);
    turn(false);
    assert_int_equal(bench.products.seconds, 5 + 20);
    assert_int_equal(sku_claims_count_of(bench.c.claims, "A"), 2);
    assert_int_equal(bench.parked.count, 2); /* both share their SKU */
    assert_true(parked_set_has(bench.c.parked, 2));
    bench_pass_s(5);
    turn(false);
    assert_int_equal(bench.products.seconds, 5 + 20);
    assert_int_equal(bench.parked.count, 2);
}

static void a_failed_look_learns_the_same_time_again(void **state)
{
    (void)state;
    struct err err;
    bench_pass_s(5);
    bench.fails = "products_noted";
    assert_int_equal(retries_turn(&retries, false, &err), STATUS_SOURCE_LOST);
    bench.fails = NULL;
    bench_pass_s(5);
    turn(false);
    assert_int_equal(bench.products.seconds, 10 + 20);
}

/* --- failures and ends --- */

static void failures_of_the_state_are_returned(void **state)
{
    (void)state;
    static const char *const steps[] = {"due", "park", "settle"};
    const struct state_parked row = level_row(41, 1, 6);
    (void)sku_claims_note(bench.c.claims, 1, "NEW", true, 10);
    give(&row, 1);
    for (size_t i = 0; i < 3; i++) {
        struct err err;
        retries.look_at_us = 0;
        retries.count = 0;
        if (i == 2) {
            turn(false);
        }
        bench.fails = steps[i];
        assert_int_equal(retries_turn(&retries, false, &err), STATUS_SOURCE_LOST);
        bench.fails = NULL;
    }
}

static void partitions_that_leave_drop_what_is_under_way(void **state)
{
    (void)state;
    const struct state_parked row = level_row(41, 1, 6);
    bench_product(1, "A", 41);
    give(&row, 1);
    turn(false);
    assert_int_equal(coalescer_total(bench.c.coalescer), 1);
    retries_drop(&retries);
    assert_int_equal(coalescer_total(bench.c.coalescer), 0);
    assert_true(retries_are_done(&retries));
    give(NULL, 0);
    bench_pass_s(5);
    turn(false);
    assert_string_equal(bench.parked.settled, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RETRIES_TEST(a_due_level_is_offered_to_the_item_that_carries_its_sku),
        RETRIES_TEST(a_newcomer_stays_parked_while_it_shares_the_sku),
        RETRIES_TEST(a_row_under_way_is_not_tried_twice),
        RETRIES_TEST(a_level_of_no_use_any_more_is_taken_off),
        RETRIES_TEST(a_level_without_an_item_stays_parked_and_keeps_its_record),
        RETRIES_TEST(a_product_is_planned_from_its_record),
        RETRIES_TEST(a_product_is_reported_as_fixed_once),
        RETRIES_TEST(a_row_without_a_record_waits_while_its_sku_is_shared),
        RETRIES_TEST(a_row_with_a_key_alone_is_a_record),
        RETRIES_TEST(a_record_that_cannot_be_read_stays_parked),
        RETRIES_TEST(a_look_comes_every_five_seconds_and_at_once_when_more_may_be_due),
        RETRIES_TEST(no_more_rows_are_under_way_than_fit),
        RETRIES_TEST(the_end_of_the_topic_begins_the_rescan_of_a_start),
        RETRIES_TEST(a_rescan_goes_page_by_page),
        RETRIES_TEST(requests_to_rescan_are_joined_while_one_is_going_on),
        RETRIES_TEST(a_sku_that_became_unique_asks_for_a_rescan),
        RETRIES_TEST(products_that_others_noted_are_learned),
        RETRIES_TEST(a_failed_look_learns_the_same_time_again),
        RETRIES_TEST(failures_of_the_state_are_returned),
        RETRIES_TEST(partitions_that_leave_drop_what_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/planner.h"
#include "tests/unit/lane/bench.h"
#include "tests/unit/lane/bench_records.h"

static struct source_guard guard;
static struct brake_control brake;
static struct catalogue_search search;
static struct planner planner;

static int open_planner(void **state)
{
    struct err err;
    (void)bench_open(state);
    const struct state_guard row = {0};
    source_guard_open(&guard, &bench.c, &bench.streams.known, &row);
    brake = (struct brake_control){.c = &bench.c, .guard = &guard};
    catalogue_search_open(&search);
    assert_int_equal(planner_open(&planner, &bench.c, &guard, &brake, &search, &err), STATUS_OK);
    planner_begin(&planner);
    return 0;
}

static int close_planner(void **state)
{
    planner_close(&planner);
    source_guard_close(&guard);
    catalogue_search_release(&search);
    return bench_close(state);
}

#define PLANNER_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, open_planner, close_planner)

static void add_item(const char *sku, int64_t id)
{
    const struct mapped_item item = {.item = id, .tracked = true};
    sku_index_add(bench.c.index, sku, &item);
}

static void plan_event(const struct source_event *event)
{
    struct err err = {0};
    struct record_position at = bench_record();
    planner_hold(&planner, at);
    assert_int_equal(planner_plan(&planner, event, at, &err), STATUS_OK);
}

static void plan(const struct bench_stock *stock)
{
    struct source_event event = bench_event(stock);
    plan_event(&event);
}

static void plan_tombstone(int32_t product_id, int64_t revision)
{
    struct source_event event = {
        .type = SOURCE_RECORD, .key = bench_key(product_id), .header_revision = revision};
    plan_event(&event);
}

static void store(void)
{
    struct err err = {0};
    assert_int_equal(planner_store(&planner, &err), STATUS_OK);
}

static int value(const struct metric *m)
{
    return (int)metric_value(m);
}

static const struct bench_row *parked_row(const char *subject)
{
    for (size_t i = 0; i < bench.parked.count; i++) {
        if (strcmp(bench.parked.rows[i].row.subject, subject) == 0) {
            return &bench.parked.rows[i];
        }
    }
    fail_msg("%s is not parked", subject);
    return NULL;
}

/* --- one record --- */

static void a_record_offers_its_level_and_is_held_by_it(void **state)
{
    (void)state;
    struct level *level = NULL;
    add_item("A", 41);
    plan(&(struct bench_stock){.product_id = 1, .sku = "A", .free = 7, .revision = 20});
    assert_int_equal(planner_held(&planner), 1);
    store();
    assert_int_equal(planner_held(&planner), 0);
    assert_string_equal(bench.calls, "products_note ");
    assert_string_equal(bench.products.noted, "1=A ");
    assert_int_equal(coalescer_take(bench.c.coalescer, LEVEL_UNRESOLVED, &level, 1), 1);
    assert_int_equal(level->key.item, 41);
    assert_int_equal(level->key.location, BENCH_LOCATION);
    assert_int_equal(level->desired.quantity, 7);
    assert_int_equal(level->desired.revision, 20);
    assert_int_equal(level->desired.changed_at_us, 1);
    assert_int_equal(bench_unfinished(), 1);
    coalescer_finish(bench.c.coalescer, level, NULL);
    assert_int_equal(bench_unfinished(), 0);
    assert_int_equal(guard.newest_revision, 20);
}

static void a_product_that_is_known_is_not_noted_again(void **state)
{
    (void)state;
    add_item("A", 41);
    plan(&(struct bench_stock){.product_id = 1, .sku = "A", .free = 7, .revision = 20});
    store();
    bench_forget();
    plan(&(struct bench_stock){.product_id = 1, .sku = "A", .free = 8, .revision = 21});
    store();
    assert_string_equal(bench.calls, "");
    assert_int_equal(value(bench.metrics.record.superseded), 1);
    assert_true(brake.replaced);
    assert_int_equal(bench_unfinished(), 1);
}

static const struct {
    struct bench_stock stock;
    enum exclusion exclusion;
} EXCLUDED[] = {
    {{.product_id = 1, .sku = "A", .revision = 30, .inactive = true}, EXCLUDED_INACTIVE},
    {{.product_id = 1, .sku = "A", .revision = 30, .disabled = true}, EXCLUDED_DISABLED},
};

static void excluded_products_are_counted_and_taken_off_the_list(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        add_item("A", 41);
        (void)sku_claims_note(bench.c.claims, 1, "A", true, (int64_t)i);
        parked_set_add(bench.c.parked, 1);
        bench.parked.unparked[0] = 0;
        plan(&EXCLUDED[i].stock);
        store();
        assert_int_equal(value(bench.metrics.record.excluded[EXCLUDED[i].exclusion]), 1);
        assert_string_equal(bench.parked.unparked, "product/1 ");
        assert_false(parked_set_has(bench.c.parked, 1));
        assert_int_equal(value(bench.metrics.parked.fixed), (int)i + 1);
        assert_int_equal(bench_unfinished(), 0);
        assert_int_equal(sku_claims_count_of(bench.c.claims, "A"), 0);
    }
    assert_int_equal(coalescer_total(bench.c.coalescer), 0);
}

static void a_product_of_another_company_neither_writes_nor_claims(void **state)
{
    (void)state;
    struct level *level = NULL;
    bench.c.rules.company_id = 1;
    add_item("A", 41);
    plan(&(struct bench_stock){
        .product_id = 2, .sku = "A", .free = 9, .revision = 19, .company_id = 2});
    plan(&(struct bench_stock){
        .product_id = 1, .sku = "A", .free = 7, .revision = 20, .company_id = 1});
    plan(&(struct bench_stock){.product_id = 3, .sku = "B", .revision = 21, .company_id = 2});
    store();
    assert_int_equal(value(bench.metrics.record.excluded[EXCLUDED_OTHER_COMPANY]), 2);
    assert_int_equal(bench.parked.count, 0);
    assert_int_equal(sku_claims_count_of(bench.c.claims, "A"), 1);
    assert_int_equal(coalescer_take(bench.c.coalescer, LEVEL_UNRESOLVED, &level, 1), 1);
    assert_int_equal(level->desired.product_id, 1);
    assert_int_equal(level->desired.quantity, 7);
    coalescer_finish(bench.c.coalescer, level, NULL);
    assert_int_equal(bench_unfinished(), 0);
    bench.c.rules.company_id = 0;
}

static void a_tombstone_excludes_and_forgets_the_sku(void **state)
{
    (void)state;
    bench_product(1, "A", 41);
    parked_set_add(bench.c.parked, 1);
    plan_tombstone(1, 30);
    store();
    assert_int_equal(value(bench.metrics.record.excluded[EXCLUDED_GONE]), 1);
    assert_string_equal(bench.parked.unparked, "product/1 ");
    assert_string_equal(bench.products.noted, "1=(not sold) ");
    assert_int_equal(sku_claims_count_of(bench.c.claims, "A"), 0);
    assert_int_equal(sku_claims_revision(bench.c.claims, 1), 30);
    assert_int_equal(bench_unfinished(), 0);
}

static const struct {
    struct bench_stock stock;
    const char *reason;
    size_t searched;
} PARKED[] = {
    {{.product_id = 1, .revision = 20}, "no_sku", 0},
    {{.product_id = 1, .sku = "NEW", .revision = 20}, "unmapped", 1},
    {{.product_id = 1, .sku = "MANY", .revision = 20}, "sku_shared_in_shopify", 0},
    {{.product_id = 1, .sku = "BOX", .revision = 20}, "bundle", 0},
    {{.product_id = 1, .sku = "A", .revision = 20, .broken_kit = true}, "kit_without_number", 0},
};

static void a_record_that_cannot_be_applied_is_parked_as_a_whole(void **state)
{
    (void)state;
    const struct mapped_item box = {.item = 44, .bundle = true};
    sku_index_add(bench.c.index, "BOX", &box);
    add_item("A", 41);
    add_item("MANY", 42);
    add_item("MANY", 43);
    for (size_t i = 0; i < sizeof PARKED / sizeof PARKED[0]; i++) {
        struct bench_stock stock = PARKED[i].stock;
        stock.product_id = (int32_t)i + 1;
        struct source_event event = bench_event(&stock);
        bench.parked.count = 0;
        plan_event(&event);
        store();
        assert_int_equal(bench.parked.count, 1);
        const struct bench_row *row = &bench.parked.rows[0];
        assert_string_equal(row->reason, PARKED[i].reason);
        assert_true(row->has_record);
        assert_int_equal(row->row.record_value.len, event.value.len);
        assert_int_equal(row->row.record_key.len, event.key.len);
        assert_int_equal(row->row.partition, 0);
        assert_int_equal(row->row.offset, event.offset);
        assert_int_equal(row->row.revision, 20);
        assert_int_equal(row->row.product_id, stock.product_id);
        assert_string_equal(row->row.topic, "stock");
        assert_true(strlen(row->detail) > 10);
        assert_true(parked_set_has(bench.c.parked, stock.product_id));
        assert_int_equal(bench_unfinished(), 0);
        assert_int_equal(coalescer_total(bench.c.coalescer), 0);
        assert_int_equal(sku_search_count(search.wanted), i >= 1 ? 1 : 0);
    }
}

static void a_record_that_cannot_be_decoded_is_parked_by_its_position(void **state)
{
    (void)state;
    struct source_event event = {.type = SOURCE_RECORD,
                                 .offset = 77,
                                 .key = bench_key(1),
                                 .value = bytes_text("{\"sku\":1}")};
    plan_event(&event);
    store();
    const struct bench_row *row = parked_row("record/stock/0/77");
    assert_string_equal(row->reason, "undecodable");
    assert_int_equal(row->row.product_id, 0);
    assert_int_equal(parked_set_count(bench.c.parked), 0);
}

static void a_record_of_a_newer_producer_ends_the_session(void **state)
{
    (void)state;
    static const unsigned char newer[] = {0xc3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct err err = {0};
    struct source_event event = {
        .type = SOURCE_RECORD, .key = bench_key(1), .value = bytes_of(newer, sizeof newer)};
    assert_int_equal(planner_plan(&planner, &event, bench_record(), &err), STATUS_SCHEMA_UNKNOWN);
    assert_int_equal(err.status, STATUS_SCHEMA_UNKNOWN);
    assert_int_equal(planner.turn.park_count, 0);
}

static void a_record_without_the_basis_of_the_rules_is_parked(void **state)
{
    (void)state;
    add_item("A", 41);
    bench.c.rules.basis = BASIS_FORECAST;
    struct source_event event =
        bench_event(&(struct bench_stock){.product_id = 1, .sku = "A", .revision = 20});
    plan_event(&event);
    store();
    assert_int_equal(bench.parked.count, 1);
    assert_string_equal(bench.parked.rows[0].reason, "basis_missing");
    assert_int_equal(coalescer_total(bench.c.coalescer), 0);
}

static void an_older_parked_record_is_superseded_by_what_was_planned_since(void **state)
{
    (void)state;
    struct err err = {0};
    struct record_position at;
    bench_product(1, "A", 41);
    (void)sku_claims_note(bench.c.claims, 1, "A", true, 30);
    assert_int_equal(offset_ledger_add(bench.c.ledger, OFFSET_LEDGER_RETRY, 1, &at), STATUS_OK);
    struct source_event event =
        bench_event(&(struct bench_stock){.product_id = 1, .sku = "A", .revision = 20});
    assert_int_equal(planner_plan(&planner, &event, at, &err), STATUS_OK);
    assert_int_equal(value(bench.metrics.record.superseded), 1);
    assert_int_equal(coalescer_total(bench.c.coalescer), 0);
    event = bench_event(&(struct bench_stock){.product_id = 1, .sku = "A", .revision = 30});
    parked_set_add(bench.c.parked, 1);
    assert_int_equal(planner_plan(&planner, &event, at, &err), STATUS_OK);
    assert_int_equal(coalescer_total(bench.c.coalescer), 1);
    store();
    assert_true(parked_set_has(bench.c.parked, 1)); /* the end of the retry takes it off */
}

/* --- one turn --- */

static void a_later_record_of_the_turn_settles_the_parked_one(void **state)
{
    (void)state;
    plan(&(struct bench_stock){.product_id = 1, .sku = "NEW", .revision = 20});
    add_item("A", 41);
    plan(&(struct bench_stock){.product_id = 1, .sku = "A", .revision = 21});
    store();
    assert_int_equal(bench.parked.count, 0);
    assert_int_equal(coalescer_total(bench.c.coalescer), 1);
}

/* Unpark, park, note, and only then are the holds let go. */
static void the_notes_of_a_turn_are_stored_in_order(void **state)
{
    (void)state;
    static const char *const steps[] = {"unpark", "park", "products_note"};
    add_item("A", 41);
    parked_set_add(bench.c.parked, 1);
    for (size_t i = 0; i < 3; i++) {
        struct err err = {0};
        planner_begin(&planner);
        (void)sku_claims_note(bench.c.claims, 2, "B", true, (int64_t)i);
        parked_set_add(bench.c.parked, 1);
        plan(&(struct bench_stock){.product_id = 1, .sku = "A", .revision = 20 + (int64_t)i});
        plan(&(struct bench_stock){.product_id = 3 + (int32_t)i, .sku = "C", .revision = 20});
        bench.fails = steps[i];
        assert_int_equal(planner_store(&planner, &err), STATUS_SOURCE_LOST);
        assert_int_equal(bench_unfinished(), 2 * (i + 1));
    }
    bench_forget();
    bench.fails = NULL;
    planner_begin(&planner);
    parked_set_add(bench.c.parked, 1);
    plan(&(struct bench_stock){.product_id = 1, .sku = "A", .revision = 40});
    plan(&(struct bench_stock){.product_id = 9, .sku = "Z", .revision = 20});
    store();
    assert_string_equal(bench.calls, "unpark park products_note ");
}

/* --- shared SKUs --- */

static void two_products_of_one_sku_are_both_parked(void **state)
{
    (void)state;
    bench_product(1, "A", 41);
    plan(&(struct bench_stock){.product_id = 2, .sku = "A", .revision = 20});
    store();
    assert_int_equal(bench.parked.count, 2);
    const struct bench_row *first = parked_row("product/1");
    const struct bench_row *second = parked_row("product/2");
    assert_string_equal(first->reason, "sku_shared_in_odoo");
    assert_string_equal(second->reason, "sku_shared_in_odoo");
    assert_string_equal(first->detail, "'A' belongs to several products in Odoo: 1, 2");
    assert_false(first->has_record);
    assert_int_equal(first->row.product_id, 1);
    assert_true(parked_set_has(bench.c.parked, 1));
    assert_int_equal(first->row.partition, -1);
    assert_int_equal(first->row.offset, -1);
    assert_int_equal(first->row.revision, 10);
    assert_true(second->has_record);
    assert_int_equal(coalescer_total(bench.c.coalescer), 0);
}

static void a_third_product_of_one_sku_is_parked_alone(void **state)
{
    (void)state;
    bench_product(1, "A", 41);
    bench_product(2, "A", 41);
    plan(&(struct bench_stock){.product_id = 3, .sku = "A", .revision = 20});
    store();
    assert_int_equal(bench.parked.count, 1);
    assert_true(parked_row("product/3")->has_record);
}

/* The record of the first product is in the same turn and was parked for another reason. */
static void the_claimants_note_of_the_turn_keeps_its_record(void **state)
{
    (void)state;
    plan(&(struct bench_stock){.product_id = 1, .sku = "A", .revision = 20});
    plan(&(struct bench_stock){.product_id = 2, .sku = "A", .revision = 21});
    store();
    assert_int_equal(bench.parked.count, 2);
    assert_string_equal(parked_row("product/1")->reason, "sku_shared_in_odoo");
    assert_true(parked_row("product/1")->has_record);
}

static void a_product_that_another_process_stored_parks_both_without_records(void **state)
{
    (void)state;
    const struct state_product other = {
        .product_id = 2, .sellable = true, .text = "A", .revision = 20};
    bench_product(1, "A", 41);
    planner_note_product(&planner, &other, true);
    planner_note_product(&planner, &other, true);
    store();
    assert_int_equal(bench.parked.count, 2);
    assert_false(parked_row("product/1")->has_record);
    assert_false(parked_row("product/2")->has_record);
    assert_string_equal(bench.products.noted, ""); /* that process has stored it */
}

static void a_product_that_is_not_sold_shares_nothing(void **state)
{
    (void)state;
    bench_product(1, "A", 41);
    plan(&(struct bench_stock){.product_id = 2, .sku = "A", .revision = 20, .inactive = true});
    store();
    assert_int_equal(bench.parked.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLANNER_TEST(a_record_offers_its_level_and_is_held_by_it),
        PLANNER_TEST(a_product_that_is_known_is_not_noted_again),
        PLANNER_TEST(excluded_products_are_counted_and_taken_off_the_list),
        PLANNER_TEST(a_product_of_another_company_neither_writes_nor_claims),
        PLANNER_TEST(a_tombstone_excludes_and_forgets_the_sku),
        PLANNER_TEST(a_record_that_cannot_be_applied_is_parked_as_a_whole),
        PLANNER_TEST(a_record_that_cannot_be_decoded_is_parked_by_its_position),
        PLANNER_TEST(a_record_of_a_newer_producer_ends_the_session),
        PLANNER_TEST(a_record_without_the_basis_of_the_rules_is_parked),
        PLANNER_TEST(an_older_parked_record_is_superseded_by_what_was_planned_since),
        PLANNER_TEST(a_later_record_of_the_turn_settles_the_parked_one),
        PLANNER_TEST(the_notes_of_a_turn_are_stored_in_order),
        PLANNER_TEST(two_products_of_one_sku_are_both_parked),
        PLANNER_TEST(a_third_product_of_one_sku_is_parked_alone),
        PLANNER_TEST(the_claimants_note_of_the_turn_keeps_its_record),
        PLANNER_TEST(a_product_that_another_process_stored_parks_both_without_records),
        PLANNER_TEST(a_product_that_is_not_sold_shares_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

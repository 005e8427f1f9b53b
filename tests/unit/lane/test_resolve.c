#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/resolve.h"
#include "tests/unit/lane/bench.h"

static struct outcomes out;

static int open_resolve(void **state)
{
    return bench_open(state);
}

static int close_resolve(void **state)
{
    outcomes_release(&out);
    return bench_close(state);
}

#define RESOLVE_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, open_resolve, close_resolve)

static void add_item(const char *sku, int64_t id, bool bundle, bool locked)
{
    const struct mapped_item item = {.item = id, .tracked = !locked, .bundle = bundle};
    struct mapped_item with_lock = item;
    with_lock.locked = locked;
    sku_index_add(bench.c.index, sku, &with_lock);
}

static void assert_reason(const char *text, const char *reason, const char *detail)
{
    struct mapped_item item;
    char said[240] = "";
    const char *found = resolve_item(&bench.c, text, &item, said, sizeof said);
    if (reason == NULL) {
        assert_null(found);
        return;
    }
    assert_string_equal(found, reason);
    assert_string_equal(said, detail);
}

static void an_item_is_found_or_the_reason_is_named(void **state)
{
    (void)state;
    bench_product(1, "A", 41);
    bench_product(2, "TWO", 42);
    bench_product(3, "TWO", 42);
    add_item("MANY", 43, false, false);
    add_item("MANY", 44, false, false);
    add_item("BOX", 45, true, false);
    add_item("LOCKED", 46, false, true);
    assert_reason("A", NULL, NULL);
    assert_reason(NULL, "no_sku", "the product has no SKU in Odoo");
    assert_reason("TWO", "sku_shared_in_odoo", "'TWO' belongs to several products in Odoo: 2, 3");
    assert_reason("B", "unmapped", "no variant in the store has the SKU 'B'");
    assert_reason("MANY", "sku_shared_in_shopify",
                  "several inventory items in the store have the SKU 'MANY'");
    assert_reason("BOX", "bundle", "'BOX' is a bundle in the store: its stock cannot be set");
    assert_reason("LOCKED", NULL, NULL); /* an untracked item takes a number */
    bench.conf.track_items = true;
    assert_reason("LOCKED", "tracking_locked", "the store does not track 'LOCKED' and refuses to");
    bench.c.rules.match = MATCH_BARCODE;
    assert_reason(NULL, "no_barcode", "the product has no barcode in Odoo");
    assert_reason("B", "unmapped", "no variant in the store has the barcode 'B'");
}

static void claimants_are_cut_where_the_detail_ends(void **state)
{
    (void)state;
    char detail[48];
    for (int32_t id = 1000; id < 1020; id++) {
        bench_product(id, "A", 41);
    }
    resolve_describe_claimants(&bench.c, "A", detail, sizeof detail);
    assert_string_equal(detail, "'A' belongs to several products in Odoo: 1000, ");
}

static void the_item_of_a_level_is_the_one_that_carries_its_sku(void **state)
{
    (void)state;
    struct mapped_item item;
    bench_product(1, "A", 41);
    struct level *same = bench_level(41, 1, 5, 10);
    struct level *moved = bench_level(40, 1, 5, 10);
    struct level *unknown = bench_level(43, 9, 5, 11);
    assert_true(resolve_item_of(&bench.c, same, &item));
    assert_int_equal(item.item, 41);
    assert_false(resolve_item_of(&bench.c, moved, &item));
    assert_false(resolve_item_of(&bench.c, unknown, &item));
    assert_true(resolve_uses_location(&bench.c, BENCH_LOCATION));
    assert_false(resolve_uses_location(&bench.c, BENCH_LOCATION + 1));
}

static void levels_of_shared_skus_are_parked_and_the_rest_keeps_its_order(void **state)
{
    (void)state;
    bench_product(1, "A", 41);
    bench_product(2, "TWO", 42);
    bench_product(3, "TWO", 42);
    bench_product(4, "D", 44);
    struct level *levels[] = {bench_level(41, 1, 5, 10), bench_level(42, 2, 5, 10),
                              bench_level(44, 4, 5, 10)};
    struct level *shared = levels[1];
    size_t count = 3;
    resolve_drop_unwanted(&bench.c, levels, &count, &out);
    assert_int_equal(count, 2);
    assert_int_equal(levels[0]->desired.product_id, 1);
    assert_int_equal(levels[1]->desired.product_id, 4);
    assert_int_equal(out.count, 1);
    assert_ptr_equal(out.list[0].level, shared);
    assert_int_equal(out.list[0].end, END_PARKED);
    assert_string_equal(out.list[0].reason, "sku_shared_in_odoo");
}

/* product 1 asks for 5 with revision 20 */
static const struct {
    const char *name;
    struct level_known known;
    bool track, owned;
    enum level_end end; /* 0: it may be written */
    enum level_stage stage;
    const char *reason;
} CASES[] = {
    {"never written", {.found = false}, false, true, END_RETRY, LEVEL_UNREAD, NULL},
    {"older number",
     {.found = true, .product_id = 1, .quantity = 4, .desired = 4, .revision = 10},
     false,
     true,
     0,
     0,
     NULL},
    {"equal",
     {.found = true, .product_id = 1, .quantity = 5, .desired = 5, .revision = 10},
     false,
     true,
     0,
     0,
     NULL},
    {"came along from another item",
     {.found = true, .product_id = 1, .quantity = LEVEL_NOT_READ, .desired = 5, .revision = 20},
     false,
     true,
     END_RETRY,
     LEVEL_UNREAD,
     NULL},
    {"newer",
     {.found = true, .product_id = 1, .quantity = 4, .desired = 4, .revision = 21},
     false,
     true,
     END_SUPERSEDED,
     0,
     NULL},
    {"same revision, another number",
     {.found = true, .product_id = 1, .quantity = 4, .desired = 4, .revision = 20},
     false,
     true,
     0,
     0,
     NULL},
    {"another process writes a newer number",
     {.found = true,
      .product_id = 1,
      .quantity = 4,
      .desired = 4,
      .revision = 10,
      .open_revision = 21},
     false,
     true,
     END_SUPERSEDED,
     0,
     NULL},
    {"another process writes an older number",
     {.found = true,
      .product_id = 1,
      .quantity = 4,
      .desired = 4,
      .revision = 10,
      .open_revision = 15},
     false,
     true,
     END_RETRY,
     LEVEL_BLOCKED,
     NULL},
    {"another process writes it for the first time",
     {.found = false, .open_revision = 15},
     false,
     true,
     END_RETRY,
     LEVEL_BLOCKED,
     NULL},
    {"same revision, units held back",
     {.found = true, .product_id = 1, .quantity = 3, .desired = 5, .revision = 20},
     false,
     true,
     0,
     0,
     NULL},
    {"another product wrote a newer number",
     {.found = true, .product_id = 2, .quantity = 9, .desired = 9, .revision = 21},
     false,
     true,
     END_PARKED,
     0,
     "written_by_another"},
    {"another product wrote the same number",
     {.found = true, .product_id = 2, .quantity = 5, .desired = 5, .revision = 21},
     false,
     true,
     END_SUPERSEDED,
     0,
     NULL},
    {"another product wrote an older number",
     {.found = true, .product_id = 2, .quantity = 9, .desired = 9, .revision = 19},
     false,
     true,
     0,
     0,
     NULL},
    {"another product owns the SKU",
     {.found = true, .product_id = 2, .quantity = 9, .desired = 9, .revision = 21},
     false,
     false,
     END_SUPERSEDED,
     0,
     NULL},
    {"untracked, left so", {.found = false}, false, true, END_RETRY, LEVEL_UNREAD, NULL},
    {"untracked, to be tracked", {.found = false}, true, true, END_RETRY, LEVEL_UNTRACKED, NULL},
};

static void what_a_level_needs_follows_from_the_number_written_last(void **state)
{
    (void)state;
    const struct mapped_item untracked = {.item = 41};
    sku_index_add(bench.c.index, "A", &untracked);
    (void)sku_claims_note(bench.c.claims, 1, "A", true, 20);
    struct level *level = bench_level(41, 1, 5, 20);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        bench.conf.track_items = CASES[i].track;
        (void)sku_claims_note(bench.c.claims, 1, CASES[i].owned ? "A" : "B", true, 20);
        bool decided = resolve_before_write(&bench.c, level, &CASES[i].known, &out);
        assert_int_equal(out.count, decided);
        enum level_end end = decided ? out.list[0].end : 0;
        const char *reason = end == END_PARKED ? out.list[0].reason : NULL;
        if (decided != (CASES[i].end != 0) || end != CASES[i].end ||
            (end == END_RETRY && out.list[0].stage != CASES[i].stage) ||
            (reason == NULL) != (CASES[i].reason == NULL)) {
            fail_msg("%s: decided %d, end %d", CASES[i].name, decided, end);
        }
        outcomes_release(&out);
    }
}

/* @return how the level ends, -1: it stays */
static int end_of(struct level *level)
{
    struct level *levels[] = {level};
    size_t count = 1;
    outcomes_release(&out);
    resolve_drop_unwanted(&bench.c, levels, &count, &out);
    assert_int_equal(out.count, 1 - count);
    return count == 1 ? -1 : (int)out.list[0].end;
}

static void a_level_that_a_newer_record_does_not_ask_for_is_dropped(void **state)
{
    (void)state;
    bench_product(1, "A", 41);
    bench_product(2, "B", 42);
    add_item("TWICE", 41, false, false);
    add_item("TWICE", 43, false, false);
    struct level *level = bench_level(41, 1, 5, 20);
    struct level *zero = bench_level(42, 1, 0, 20);
    assert_int_equal(end_of(level), -1);
    (void)sku_claims_note(bench.c.claims, 1, "A", false, 20); /* its own record */
    assert_int_equal(end_of(level), -1);
    (void)sku_claims_note(bench.c.claims, 1, "A", false, 21);
    assert_int_equal(end_of(level), END_EXCLUDED);
    assert_int_equal(end_of(zero), END_EXCLUDED);
    bench.conf.policy.excluded = LAST_NUMBER_ZERO;
    assert_int_equal(end_of(level), END_EXCLUDED);
    assert_int_equal(end_of(zero), -1);
    (void)sku_claims_note(bench.c.claims, 1, "A", true, 22); /* the newer number replaces it */
    assert_int_equal(end_of(level), -1);
    (void)sku_claims_note(bench.c.claims, 1, "A-X", true, 23);
    assert_int_equal(end_of(level), END_EXCLUDED);
    (void)sku_claims_note(bench.c.claims, 2, "C", true, 11);
    (void)sku_claims_note(bench.c.claims, 1, "B", true, 24); /* of another item */
    assert_int_equal(end_of(level), END_EXCLUDED);
    (void)sku_claims_note(bench.c.claims, 1, "TWICE", true, 25); /* perhaps of this one */
    assert_int_equal(end_of(level), -1);
    (void)sku_claims_note(bench.c.claims, 1, NULL, false, 26); /* deleted */
    assert_int_equal(end_of(level), END_EXCLUDED);
    assert_int_equal(end_of(bench_level(44, 9, 5, 20)), -1); /* of a product without a record */
}

/* A newer record of the product is on its way: it will settle the level. */
static void an_older_record_is_not_parked_for_another_products_number(void **state)
{
    (void)state;
    const struct level_known known = {
        .found = true, .product_id = 2, .quantity = 9, .desired = 9, .revision = 40};
    bench_product(1, "A", 41);
    (void)sku_claims_note(bench.c.claims, 1, "A", true, 30);
    struct level *level = bench_level(41, 1, 5, 20);
    assert_true(resolve_before_write(&bench.c, level, &known, &out));
    assert_int_equal(out.list[0].end, END_SUPERSEDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESOLVE_TEST(an_item_is_found_or_the_reason_is_named),
        RESOLVE_TEST(claimants_are_cut_where_the_detail_ends),
        RESOLVE_TEST(the_item_of_a_level_is_the_one_that_carries_its_sku),
        RESOLVE_TEST(levels_of_shared_skus_are_parked_and_the_rest_keeps_its_order),
        RESOLVE_TEST(what_a_level_needs_follows_from_the_number_written_last),
        RESOLVE_TEST(a_level_that_a_newer_record_does_not_ask_for_is_dropped),
        RESOLVE_TEST(an_older_record_is_not_parked_for_another_products_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

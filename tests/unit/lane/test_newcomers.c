#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/newcomers.h"
#include "tests/unit/lane/bench.h"

static void add(const char *text, int64_t id, bool known)
{
    const struct mapped_item item = {.item = id, .tracked = true, .known = known};
    sku_index_add(bench.c.index, text, &item);
}

static void every_newcomer_whose_sku_a_product_has_is_parked(void **state)
{
    (void)state;
    struct err err = {0};
    (void)sku_claims_note(bench.c.claims, 1, "A", true, 10);
    (void)sku_claims_note(bench.c.claims, 2, "unclear", true, 10);
    (void)sku_claims_note(bench.c.claims, 3, "not sold", false, 10);
    assert_int_equal(newcomers_park(&bench.c, bench.c.index, &err), STATUS_OK);
    assert_string_equal(bench.calls, "");
    add("A", 41, true);
    add("A", 51, false);
    add("A", 61, false);
    add("unclear", 42, false);
    add("unclear", 52, false);
    add("not sold", 43, true);
    add("not sold", 53, false);
    add("nobody's", 44, true);
    add("nobody's", 54, false);
    add("alone", 45, false);
    assert_int_equal(newcomers_park(&bench.c, bench.c.index, &err), STATUS_OK);
    assert_int_equal(bench.parked.count, 2);
    const struct bench_row *row = &bench.parked.rows[0];
    assert_string_equal(row->row.subject, "item/51");
    assert_string_equal(row->reason, "sku_shared_in_shopify");
    assert_string_equal(row->detail, "inventory item 51 has the SKU 'A' as well: numbers still go "
                                     "to item 41, which had it before");
    assert_int_equal(row->row.product_id, 1);
    assert_int_equal(row->row.partition, -1);
    assert_int_equal(row->row.wait_s, 900);
    assert_false(row->has_record);
    assert_string_equal(bench.parked.rows[1].row.subject, "item/61");
    bench.fails = "park";
    assert_int_equal(newcomers_park(&bench.c, bench.c.index, &err), STATUS_SOURCE_LOST);
}

static bool has(int32_t product_id, int64_t item, const char *part)
{
    char detail[240] = "";
    bool found = newcomers_has(&bench.c, product_id, item, detail, sizeof detail);
    assert_true(!found || strstr(detail, part) != NULL);
    return found;
}

static void a_newcomer_is_one_while_it_shares_the_products_sku(void **state)
{
    (void)state;
    (void)sku_claims_note(bench.c.claims, 1, "A", true, 10);
    add("A", 41, true);
    add("A", 51, false);
    assert_true(has(1, 51, "item 41"));
    assert_false(has(1, 41, ""));
    assert_false(has(1, 61, ""));
    assert_false(has(2, 51, ""));
    sku_index_remove(bench.c.index, "A", 41);
    assert_false(has(1, 51, "")); /* it has taken over */
    add("A", 61, true);
    assert_true(has(1, 51, "item 61"));
    (void)sku_claims_note(bench.c.claims, 1, "A", false, 11);
    assert_false(has(1, 51, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(every_newcomer_whose_sku_a_product_has_is_parked),
        BENCH_TEST(a_newcomer_is_one_while_it_shares_the_products_sku),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

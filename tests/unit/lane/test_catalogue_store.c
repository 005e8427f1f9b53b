#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/catalogue_store.h"
#include "tests/unit/lane/bench.h"

static void add(struct sku_index *index, const char *text, int64_t id, bool tracked)
{
    const struct mapped_item item = {.item = id, .tracked = tracked};
    sku_index_add(index, text, &item);
}

static void the_key_names_shop_and_match(void **state)
{
    (void)state;
    assert_string_equal(catalogue_store_key(&bench.c).match, "sku");
    assert_string_equal(catalogue_store_key(&bench.c).domain, "alpha.myshopify.com");
    bench.conf.match = MATCH_BARCODE;
    assert_string_equal(catalogue_store_key(&bench.c).match, "barcode");
}

static void the_stored_rows_become_an_index(void **state)
{
    (void)state;
    static const struct state_item items[] = {{.text = "A", .item = 41, .tracked = true},
                                              {.text = "B", .item = 42, .bundle = true}};
    struct sku_index *index = NULL;
    struct mapped_item item;
    struct err err;
    bench.catalogue.items = items;
    bench.catalogue.item_count = 2;
    assert_int_equal(catalogue_store_load(&bench.c, &index, &err), STATUS_OK);
    assert_int_equal(sku_index_count(index), 2);
    assert_int_equal(sku_index_find(index, "A", &item), SKU_INDEX_FOUND);
    assert_true(item.tracked && !item.bundle && item.item == 41);
    assert_int_equal(sku_index_find(index, "B", &item), SKU_INDEX_FOUND);
    assert_true(!item.tracked && item.bundle);
    sku_index_free(index);
    bench.fails = "items_load";
    assert_int_equal(catalogue_store_load(&bench.c, &index, &err), STATUS_SOURCE_LOST);
    assert_null(index);
}

static void a_reading_stores_only_the_differences(void **state)
{
    (void)state;
    struct err err;
    struct sku_index *old = sku_index_new();
    struct sku_index *fresh = sku_index_new();
    add(old, "SAME", 41, true);
    add(old, "GONE", 42, true);
    add(old, "MOVED", 43, true);
    add(old, "TRACKED", 44, false);
    add(fresh, "SAME", 41, true);
    add(fresh, "MOVED", 53, true);
    add(fresh, "TRACKED", 44, true);
    add(fresh, "NEW", 45, false);
    assert_int_equal(catalogue_store_reading(&bench.c, old, fresh, 77, &err), STATUS_OK);
    assert_string_equal(bench.calls, "items_remove items_store read ");
    assert_string_equal(bench.catalogue.removed, "GONE=42 MOVED=43 ");
    assert_string_equal(bench.catalogue.stored, "MOVED=53+tracked TRACKED=44+tracked NEW=45 ");
    assert_int_equal(bench.catalogue.stored_read_us, 77);
    sku_index_free(old);
    sku_index_free(fresh);
}

/* A process that dies in between must not leave a shared text without its known item. */
static void known_items_are_stored_first(void **state)
{
    (void)state;
    struct err err;
    struct sku_index *old = sku_index_new();
    struct sku_index *fresh = sku_index_new();
    add(old, "A", 43, true);
    add(old, "B", 42, true);
    add(fresh, "A", 41, true);
    add(fresh, "A", 43, true);
    add(fresh, "B", 42, true);
    add(fresh, "B", 44, true);
    sku_index_inherit(fresh, old);
    assert_int_equal(catalogue_store_reading(&bench.c, old, fresh, 77, &err), STATUS_OK);
    assert_string_equal(bench.catalogue.stored, "A=43+tracked+known B=42+tracked+known "
                                                "A=41+tracked B=44+tracked ");
    sku_index_free(old);
    sku_index_free(fresh);
}

static void a_failure_leaves_the_time_of_the_reading_alone(void **state)
{
    (void)state;
    static const char *const steps[] = {"items_remove", "items_store"};
    struct err err;
    for (size_t i = 0; i < 2; i++) {
        bench.fails = steps[i];
        assert_int_equal(catalogue_store_reading(&bench.c, bench.c.index, bench.c.index, 77, &err),
                         STATUS_SOURCE_LOST);
        assert_int_equal(bench.catalogue.stored_read_us, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(the_key_names_shop_and_match),
        BENCH_TEST(the_stored_rows_become_an_index),
        BENCH_TEST(a_reading_stores_only_the_differences),
        BENCH_TEST(known_items_are_stored_first),
        BENCH_TEST(a_failure_leaves_the_time_of_the_reading_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

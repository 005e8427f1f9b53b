#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "consumer/lane/catalogue_search.h"
#include "tests/unit/lane/bench.h"

static struct catalogue_search search;

static int open_search(void **state)
{
    search = (struct catalogue_search){0};
    catalogue_search_open(&search);
    return bench_open(state);
}

static int close_search(void **state)
{
    catalogue_search_release(&search);
    assert_null(search.wanted);
    return bench_close(state);
}

#define SEARCH_TEST(function) cmocka_unit_test_setup_teardown(function, open_search, close_search)

static void find(const char *text, int64_t id)
{
    const struct mapped_item item = {.item = id, .tracked = true};
    sku_index_add(search.found, text, &item);
}

static size_t due_now(void)
{
    const char *texts[10];
    return sku_search_due(search.wanted, bench.monotonic_us, texts, 10);
}

static void texts_that_are_due_are_searched_together(void **state)
{
    (void)state;
    catalogue_search_begin(&search, &bench.c);
    assert_false(catalogue_search_is_on(&search));
    catalogue_search_want(&search, "A");
    catalogue_search_want(&search, "B");
    catalogue_search_begin(&search, &bench.c);
    assert_true(catalogue_search_is_on(&search));
    assert_int_equal(search.text_count, 2);
    assert_string_equal(search.variants.query, "sku:'A' OR sku:'B'");
    catalogue_search_want(&search, "C");
    catalogue_search_begin(&search, &bench.c); /* one search at a time */
    assert_int_equal(search.text_count, 2);
}

static void a_text_that_the_index_has_by_now_is_not_searched(void **state)
{
    (void)state;
    catalogue_search_want(&search, "A");
    catalogue_search_want(&search, "B");
    bench_product(1, "A", 41);
    catalogue_search_begin(&search, &bench.c);
    assert_int_equal(search.text_count, 1);
    assert_string_equal(search.texts[0], "B");
    assert_int_equal(sku_search_count(search.wanted), 1);
}

static void a_text_that_is_too_long_is_put_off(void **state)
{
    (void)state;
    size_t size = VARIANTS_QUERY_MAX_BYTES + 1;
    char *text = mem_alloc(size);
    memset(text, 'x', size - 1);
    text[size - 1] = '\0';
    catalogue_search_want(&search, text);
    mem_free(text);
    catalogue_search_begin(&search, &bench.c);
    assert_false(catalogue_search_is_on(&search));
    assert_int_equal(due_now(), 0);
    assert_int_equal(sku_search_count(search.wanted), 1);
}

static void found_items_are_indexed_and_stored_and_near_matches_are_not(void **state)
{
    (void)state;
    struct err err;
    size_t found = 0;
    struct sku_index *other = sku_index_new();
    struct sku_index *const into[] = {bench.c.index, other};
    struct mapped_item item;
    catalogue_search_want(&search, "A");
    catalogue_search_want(&search, "B");
    catalogue_search_begin(&search, &bench.c);
    find("A", 41);
    find("A1", 42);
    assert_int_equal(catalogue_search_finish(&search, &bench.c, into, 2, &found, &err), STATUS_OK);
    assert_int_equal(found, 1);
    assert_string_equal(bench.catalogue.stored, "A=41+tracked ");
    assert_int_equal(sku_index_find(bench.c.index, "A", &item), SKU_INDEX_FOUND);
    assert_int_equal(sku_index_find(other, "A", &item), SKU_INDEX_FOUND);
    assert_int_equal(sku_index_find(other, "A1", &item), SKU_INDEX_MISSING);
    assert_false(catalogue_search_is_on(&search));
    assert_int_equal(sku_search_count(search.wanted), 1); /* B is due again later */
    assert_int_equal(due_now(), 0);
    bench_pass_s(4);
    assert_int_equal(due_now(), 1);
    sku_index_free(other);
}

static void an_abandoned_search_is_due_again_later(void **state)
{
    (void)state;
    catalogue_search_want(&search, "A");
    catalogue_search_begin(&search, &bench.c);
    catalogue_search_abandon(&search);
    assert_false(catalogue_search_is_on(&search));
    assert_int_equal(due_now(), 0);
    bench_pass_s(4);
    assert_int_equal(due_now(), 1);
}

static void more_texts_than_fit_ask_for_a_whole_reading(void **state)
{
    (void)state;
    for (int i = 0; i < SKU_SEARCH_MAX; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "S%d", i);
        catalogue_search_want(&search, text);
    }
    assert_false(search.overflowed);
    catalogue_search_want(&search, "one more");
    assert_true(search.overflowed);
    catalogue_search_begin(&search, &bench.c);
    assert_int_equal(search.text_count, VARIANTS_MAX_TEXTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEARCH_TEST(texts_that_are_due_are_searched_together),
        SEARCH_TEST(a_text_that_the_index_has_by_now_is_not_searched),
        SEARCH_TEST(a_text_that_is_too_long_is_put_off),
        SEARCH_TEST(found_items_are_indexed_and_stored_and_near_matches_are_not),
        SEARCH_TEST(an_abandoned_search_is_due_again_later),
        SEARCH_TEST(more_texts_than_fit_ask_for_a_whole_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Against a real server: STOCKSYNC_TEST_DSN; without it the tests are skipped. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "common/pg/pg_query.h"
#include "consumer/state/catalogue_store.h"
#include "consumer/state/parked_store.h"
#include "consumer/state/product_store.h"
#include "tests/unit/state/server.h"

static const struct state_catalogue SKUS = {.match = "sku", .domain = "a.myshopify.com"};

static struct state *empty_store(void)
{
    struct err err = {0};
    NEEDS_SERVER();
    ok(pg_exec(admin,
               "TRUNCATE stocksync.item, stocksync.catalogue, stocksync.level, stocksync.parked,"
               " stocksync.in_flight, stocksync.attempt, stocksync.product",
               &err),
       &err);
    struct state *s = state_new(dsn, "outlet");
    ok(state_open(s, &err), &err);
    return s;
}

static void append_item(void *arg, const struct state_item *item)
{
    strbuf_appendf(arg, "%s=%lld%s%s%s ", item->text, (long long)item->item,
                   item->tracked ? "" : " untracked", item->bundle ? " bundle" : "",
                   item->known ? " known" : "");
}

static void assert_items(struct state *s, const char *expected)
{
    struct strbuf text;
    struct err err = {0};
    strbuf_init(&text, 65536);
    ok(state_items_load(s, append_item, &text, &err), &err);
    assert_string_equal(text.ptr, expected);
    strbuf_release(&text);
}

static void items_are_stored_changed_and_removed(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    struct err err = {0};
    static const struct state_item FIRST[] = {{"b", 2, true, false, false},
                                              {"B", 3, true, true, false},
                                              {"\xC3\xA4", 4, false, false, false},
                                              {"b", 1, true, false, false}};
    static const struct state_item CHANGED[] = {{"b", 2, false, false, true}};
    static const struct state_item GONE[] = {{.text = "B", .item = 3}, {.text = "b", .item = 9}};
    assert_items(s, "");
    ok(state_items_store(s, FIRST, 4, &err), &err);
    assert_items(s, "B=3 bundle b=1 b=2 \xC3\xA4=4 untracked ");
    ok(state_items_store(s, CHANGED, 1, &err), &err);
    ok(state_items_remove(s, GONE, 2, &err), &err);
    assert_items(s, "b=1 b=2 untracked known \xC3\xA4=4 untracked ");
    ok(state_items_clear(s, &err), &err);
    assert_items(s, "");
    state_free(s);
}

static void catalogue_of_another_shop_or_text_counts_as_absent(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    static const struct state_catalogue BARCODES = {.match = "barcode",
                                                    .domain = "a.myshopify.com"};
    static const struct state_catalogue OTHER = {.match = "sku", .domain = "b.myshopify.com"};
    struct err err = {0};
    int64_t read_us = 1;
    bool desired = true;
    ok(state_catalogue_look(s, &SKUS, &read_us, &desired, &err), &err);
    assert_true(read_us == 0 && !desired);
    ok(state_catalogue_read(s, &SKUS, INT64_C(1600000000000000), &err), &err);
    ok(state_catalogue_look(s, &SKUS, &read_us, &desired, &err), &err);
    assert_true(read_us == INT64_C(1600000000000000) && !desired);
    ok(state_catalogue_look(s, &BARCODES, &read_us, &desired, &err), &err);
    assert_true(read_us == 0);
    ok(state_catalogue_look(s, &OTHER, &read_us, &desired, &err), &err);
    assert_true(read_us == 0);
    ok(state_catalogue_want(s, &err), &err);
    ok(state_catalogue_look(s, &SKUS, &read_us, &desired, &err), &err);
    assert_true(desired);
    ok(state_catalogue_read(s, &SKUS, clock_wall_us() + 60000000, &err), &err);
    ok(state_catalogue_look(s, &SKUS, &read_us, &desired, &err), &err);
    assert_false(desired);
    state_free(s);
}

static bool taken_by(struct state *s)
{
    struct err err = {0};
    int64_t now = 0;
    bool taken = false;
    ok(state_catalogue_lock(s, &taken, &now, &err), &err);
    return taken;
}

static void one_process_reads_at_a_time(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    struct state *other = state_new(dsn, "outlet");
    struct state *another = state_new(dsn, "outlet");
    struct state *another_store = state_new(dsn, "wholesale");
    struct err err = {0};
    int64_t now = 0;
    bool taken = false;
    ok(state_catalogue_lock(s, &taken, &now, &err), &err);
    assert_true(taken && now > INT64_C(1600000000000000));
    ok(state_catalogue_lock(other, &taken, &now, &err), &err);
    assert_false(taken);
    ok(state_catalogue_lock(another_store, &taken, &now, &err), &err);
    assert_true(taken);
    ok(state_catalogue_unlock(s, &err), &err);
    ok(state_catalogue_lock(other, &taken, &now, &err), &err);
    assert_true(taken);
    state_free(other); /* the lock dies with its connection, once the server has noticed */
    for (int64_t deadline = clock_monotonic_us() + 5000000;
         !taken_by(s) && clock_left_ms(deadline) > 0;) {
        (void)poll(NULL, 0, 5);
    }
    assert_false(taken_by(another));
    state_free(s);
    state_free(another);
    state_free(another_store);
}

static void catalogue_report_counts_and_names_examples(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    struct state_catalogue_report report;
    struct err err = {0};
    static const struct state_item ITEMS[] = {
        {"A", 1, true, false, false}, {"A", 2, true, false, false},  {"D", 4, true, false, true},
        {"D", 5, true, false, false}, {"B", 3, false, false, false}, {"C", 3, false, false, false}};
    static const struct state_product PRODUCT = {17, true, "NEW-1", 100};
    struct state_parked parked = {.product_id = 17,
                                  .partition = 0,
                                  .topic = "t",
                                  .reason = "unmapped",
                                  .detail = "no variant"};
    ok(state_catalogue_report(s, &report, &err), &err);
    assert_true(report.read_us == 0 && report.texts == 0 && report.shared_examples == NULL);
    state_catalogue_report_release(&report);
    ok(state_items_store(s, ITEMS, 6, &err), &err);
    ok(state_catalogue_read(s, &SKUS, INT64_C(1600000000000000), &err), &err);
    ok(state_products_note(s, &PRODUCT, 1, &err), &err);
    state_subject_product(parked.subject, 17);
    ok(state_park(s, &parked, 1, &err), &err);
    ok(state_catalogue_report(s, &report, &err), &err);
    assert_int_equal(report.texts, 4);
    assert_int_equal(report.shared, 1);
    assert_string_equal(report.shared_examples, "D");
    assert_int_equal(report.ambiguous, 1);
    assert_string_equal(report.ambiguous_examples, "A");
    assert_int_equal(report.untracked, 1);
    assert_string_equal(report.untracked_examples, "B");
    assert_int_equal(report.unmapped, 1);
    assert_string_equal(report.unmapped_examples, "NEW-1");
    state_catalogue_report_release(&report);
    state_free(s);
}

static void count_item(void *arg, const struct state_item *item)
{
    size_t *count = arg;
    *count += item->item > 0;
}

static void large_catalogue_is_loaded_in_pages(void **fixture)
{
    (void)fixture;
    enum { COUNT = 110000 };
    struct state *s = empty_store();
    struct state_item *items = mem_calloc(COUNT, sizeof *items);
    char(*texts)[24] = mem_calloc(COUNT, sizeof *texts);
    struct err err = {0};
    size_t count = 0;
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "SKU-%d", i / 2);
        items[i] = (struct state_item){.text = texts[i], .item = i + 1, .tracked = true};
    }
    ok(state_items_store(s, items, COUNT, &err), &err);
    ok(state_items_load(s, count_item, &count, &err), &err);
    assert_int_equal(count, COUNT);
    ok(state_items_remove(s, items, COUNT - 1, &err), &err);
    count = 0;
    ok(state_items_load(s, count_item, &count, &err), &err);
    assert_int_equal(count, 1);
    mem_free(items);
    mem_free(texts);
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_stored_changed_and_removed),
        cmocka_unit_test(catalogue_of_another_shop_or_text_counts_as_absent),
        cmocka_unit_test(one_process_reads_at_a_time),
        cmocka_unit_test(catalogue_report_counts_and_names_examples),
        cmocka_unit_test(large_catalogue_is_loaded_in_pages),
    };
    return cmocka_run_group_tests(tests, make_schema, drop_schema);
}

/* Needs an empty database in STOCKSYNC_TEST_DSN, in which it makes the schema stocksync and drops
 * it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/pg/pg_query.h"
#include "consumer/state/parked_list.h"
#include "consumer/state/parked_store.h"
#include "consumer/state/product_store.h"
#include "tests/unit/state/server.h"

#define SERVER_TEST(function) cmocka_unit_test_setup(function, empty_tables)

static int empty_tables(void **fixture)
{
    (void)fixture;
    if (dsn != NULL) {
        run_sql("TRUNCATE stocksync.product, stocksync.parked");
    }
    return 0;
}

static struct state *state_of(const char *store)
{
    struct err err = {0};
    struct state *s = state_new(dsn, store);
    ok(state_open(s, &err), &err);
    return s;
}

static struct state_parked parked_product(int32_t product_id, const char *reason)
{
    struct state_parked p = {.product_id = product_id,
                             .partition = -1,
                             .offset = -1,
                             .revision = 1,
                             .wait_s = 900,
                             .reason = reason,
                             .detail = "a reason for a person"};
    state_subject_product(p.subject, product_id);
    return p;
}

static void park_one(struct state *s, struct state_parked *row)
{
    struct err err = {0};
    ok(state_park(s, row, 1, &err), &err);
}

static void ignore(void *arg, const struct state_parked *row)
{
    (void)arg;
    (void)row;
}

static size_t due(struct state *s)
{
    const struct state_share all = {.max = STATE_RETRY_MAX};
    struct err err = {0};
    size_t count = 0;
    ok(state_parked_due(s, &all, ignore, NULL, &count, &err), &err);
    return count;
}

static size_t ids_seen;

static void add_entry(void *arg, const struct parked_entry *entry)
{
    struct parked_entry *kept = arg;
    *kept = *entry;
    ids_seen = ids_seen * 10 + (size_t)entry->row.product_id;
}

static void count_dropped(void *arg, const char *subject, const char *reason)
{
    (void)reason;
    size_t *count = arg;
    assert_int_equal(strncmp(subject, "product/", 8), 0);
    *count += 1;
}

static void parked_list_filters_retries_and_drops(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    /* each digit of seen is a product id, oldest row first */
    static const int32_t two[] = {2};
    static const int32_t some[] = {1, 3, 9};
    static const struct {
        struct parked_filter filter;
        size_t seen;
    } cases[] = {
        {{0}, 123},
        {{.reason = "unmapped"}, 23},
        {{.subject = "product/1"}, 1},
        {{.by_product = true, .products = two, .product_count = 1}, 2},
        {{.by_product = true, .products = two, .product_count = 1, .reason = "no_sku"}, 0},
        {{.by_product = true, .products = some, .product_count = 3}, 13},
        {{.by_product = true}, 0},
    };
    struct err err = {0};
    struct parked_entry entry = {0};
    size_t count = 0;
    size_t called = 0;
    struct state *s = state_of("outlet");
    struct state *other = state_of("other");
    struct state_product known = {3, true, "SKU-3", 1};
    struct state_parked rows[] = {parked_product(1, "no_sku"), parked_product(2, "unmapped"),
                                  parked_product(3, "unmapped")};
    struct state_parked elsewhere = parked_product(4, "unmapped");
    for (size_t i = 0; i < 3; i++) { /* one statement each, so that the order is known */
        park_one(s, &rows[i]);
    }
    park_one(other, &elsewhere);
    ok(state_products_note(s, &known, 1, &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ids_seen = 0;
        ok(parked_list_each(s, &cases[i].filter, add_entry, &entry, &err), &err);
        assert_int_equal(ids_seen, cases[i].seen);
    }
    assert_int_equal(due(s), 0);
    ok(parked_list_retry_now(s, &(struct parked_filter){.reason = "unmapped"}, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_int_equal(due(s), 2);
    const struct parked_filter third = {
        .by_product = true, .products = some + 1, .product_count = 1};
    ok(parked_list_drop(s, &third, count_dropped, &called, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_int_equal(called, 1);
    ok(parked_list_drop(s, &(struct parked_filter){0}, count_dropped, &called, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_int_equal(number("SELECT count(*) FROM stocksync.parked WHERE store = 'other'"), 1);
    state_free(s);
    state_free(other);
}

static void parked_list_gives_every_page_with_times(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct parked_entry entry = {0};
    struct state *s = state_of("outlet");
    run_sql("INSERT INTO stocksync.parked (store, subject, reason, detail, first_at, retry_at)"
            " SELECT 'outlet', 'record/t/0/' || n, 'undecodable', '', now() - interval '2 hours',"
            " CASE WHEN n % 2 = 0 THEN now() END FROM generate_series(1, 2500) n");
    ids_seen = 0;
    ok(parked_list_each(s, &(struct parked_filter){0}, add_entry, &entry, &err), &err);
    assert_int_equal(entry.now_us - entry.first_at_us > INT64_C(7199000000), 1);
    struct parked_filter even = {.subject = "record/t/0/2"};
    struct parked_filter odd = {.subject = "record/t/0/3"};
    ok(parked_list_each(s, &even, add_entry, &entry, &err), &err);
    assert_true(entry.retry_at_us > entry.first_at_us);
    ok(parked_list_each(s, &odd, add_entry, &entry, &err), &err);
    assert_int_equal(entry.retry_at_us, 0);
    size_t count = 0;
    ok(parked_list_retry_now(s, &(struct parked_filter){.reason = "undecodable"}, &count, &err),
       &err);
    assert_int_equal(count, 2500);
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(parked_list_filters_retries_and_drops),
        SERVER_TEST(parked_list_gives_every_page_with_times),
    };
    return cmocka_run_group_tests(tests, make_schema, drop_schema);
}

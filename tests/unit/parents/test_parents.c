/* Needs an empty database in STOCKSYNC_TEST_DSN, in which it makes the schema stocksync, the marks
 * table and a role, and drops them again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/parents/parents.h"
#include "embedded/parents_test_sql.h"
#include "tests/unit/pg/server.h"

#define ROLE "stocksync_test_parents"

/* A time in the past, wall µs: 2026-11-25 12:00 UTC. */
#define THEN INT64_C(1795608000000000)

static char role_dsn[1000];

/* --- around the tests --- */

static int make_role(void **fixture)
{
    (void)fixture;
    if (open_server()) {
        /* of two users the last one counts */
        (void)snprintf(role_dsn, sizeof role_dsn, "%s user=" ROLE, dsn);
        run_sql("CREATE ROLE " ROLE " LOGIN");
    }
    return 0;
}

static int drop_role(void **fixture)
{
    (void)fixture;
    return close_server("DROP ROLE " ROLE);
}

/* Tables as install leaves them, and some kits: 100 is made of 1 and 2 and kit 200; 200 of 1 and 3;
 * 2 only belongs to the structure of 300. */
static int make_tables(void **fixture)
{
    (void)fixture;
    if (dsn != NULL) {
        run_sql("CREATE SCHEMA stocksync");
        run_sql(parents_test_sql_odoo_002);
        run_sql(parents_test_sql_marks_create);
        run_sql("GRANT INSERT ON public.stock_availability_dirty_shopify TO PUBLIC;"
                "GRANT USAGE ON SEQUENCE public.stock_availability_dirty_shopify_id_seq TO PUBLIC;"
                "GRANT USAGE ON SCHEMA stocksync TO " ROLE ";"
                "GRANT SELECT ON stocksync.kit_component TO " ROLE ";"
                "INSERT INTO stocksync.kit_component (kit_id, component_id, need, yield) VALUES"
                " (100, 1, 2, 1), (100, 2, 1, 1), (100, 200, 0, 1), (100, 3, 1, 1),"
                " (200, 1, 1, 1), (200, 3, 1, 1), (300, 2, NULL, 1)");
    }
    return 0;
}

static int drop_tables(void **fixture)
{
    (void)fixture;
    if (dsn != NULL) {
        run_sql("DROP SCHEMA stocksync CASCADE;"
                "DROP TABLE IF EXISTS public.stock_availability_dirty_shopify");
    }
    return 0;
}

static struct parents *open_parents(const char *where)
{
    struct err err = {0};
    struct parents *p = parents_new(where);
    ok(parents_open(p, &err), &err);
    return p;
}

static struct parents_marked
mark(struct parents *p, const int32_t *products, const int64_t *times_us, size_t count)
{
    struct err err = {0};
    struct parents_marked marked = {0};
    struct component_batch *batch = component_batch_new();
    for (size_t i = 0; i < count; i++) {
        component_batch_add(batch, products[i], times_us[i]);
    }
    ok(parents_mark(p, batch, &marked, &err), &err);
    component_batch_free(batch);
    return marked;
}

/* --- marking --- */

static void parents_mark_inserts_one_mark_for_each_kit_with_the_earliest_time(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct parents *p = open_parents(role_dsn);
    const int32_t products[] = {1, 2, 3, 77};
    const int64_t times[] = {THEN + 5, THEN + 3, THEN + 4, THEN};
    const struct parents_marked marked = mark(p, products, times, 4);
    assert_int_equal(marked.marks, 2);
    assert_int_equal(marked.earliest_us, THEN + 3); /* 77 is in no kit */
    assert_true(marked.any_kits);
    assert_int_equal(number("SELECT count(*) FROM public.stock_availability_dirty_shopify"
                            " WHERE cause = 3 AND warehouse_id IS NULL"),
                     2);
    assert_int_equal(number("SELECT (extract(epoch FROM date_added) * 1000000)::bigint FROM"
                            " public.stock_availability_dirty_shopify WHERE product_id = 100"),
                     THEN + 3);
    assert_int_equal(number("SELECT (extract(epoch FROM date_added) * 1000000)::bigint FROM"
                            " public.stock_availability_dirty_shopify WHERE product_id = 200"),
                     THEN + 4);
    parents_free(p);
}

static void parents_mark_counts_through_kits_and_not_through_structure(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct parents *p = open_parents(dsn);
    const int64_t then = THEN;
    int32_t product = 2; /* NULL in 300 */
    assert_int_equal(mark(p, &product, &then, 1).marks, 1);
    product = 200; /* 0 in 100; a kit itself */
    assert_int_equal(mark(p, &product, &then, 1).marks, 1);
    assert_int_equal(number("SELECT count(*) FROM public.stock_availability_dirty_shopify"
                            " WHERE product_id = 100"),
                     2);
    /* A kit in the batch is marked when another one of the batch is its component. */
    const int32_t both[] = {200, 3};
    const int64_t times[] = {THEN, THEN};
    assert_int_equal(mark(p, both, times, 2).marks, 2);
    parents_free(p);
}

static void parents_mark_never_dates_a_mark_into_the_future(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct parents *p = open_parents(dsn);
    const int32_t product = 3;
    const int64_t far = THEN + INT64_C(3153600000000000);
    assert_int_equal(mark(p, &product, &far, 1).marks, 2);
    assert_int_equal(number("SELECT count(*) FROM public.stock_availability_dirty_shopify"
                            " WHERE date_added <= now()"),
                     2);
    parents_free(p);
}

static void parents_mark_without_kits_says_so(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct parents *p = open_parents(dsn);
    const int32_t product = 3;
    const int64_t then = THEN;
    run_sql("DELETE FROM stocksync.kit_component");
    const struct parents_marked marked = mark(p, &product, &then, 1);
    assert_int_equal(marked.marks, 0);
    assert_int_equal(marked.earliest_us, 0);
    assert_false(marked.any_kits);
    parents_free(p);
}

static void parents_mark_takes_a_full_batch(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    static int32_t products[COMPONENT_BATCH_MAX];
    static int64_t times[COMPONENT_BATCH_MAX];
    run_sql("INSERT INTO stocksync.kit_component (kit_id, component_id, need, yield)"
            " SELECT 10000 + n, 1000 + n, 1, 1 FROM generate_series(0, 4999) n");
    for (int32_t i = 0; i < COMPONENT_BATCH_MAX; i++) {
        products[i] = 1000 + i;
        times[i] = THEN + i;
    }
    struct parents *p = open_parents(dsn);
    assert_int_equal(mark(p, products, times, COMPONENT_BATCH_MAX).marks, COMPONENT_BATCH_MAX);
    parents_free(p);
}

/* The table of an older module: its own time type, a key that repeated marks must not hit. */
static void parents_mark_writes_an_adopted_table(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    run_sql("DROP TABLE public.stock_availability_dirty_shopify;"
            "CREATE TABLE public.stock_availability_dirty_shopify (product_id integer NOT NULL,"
            " warehouse_id integer, date_added timestamp DEFAULT now(), id bigserial PRIMARY KEY,"
            " warehouse_hint integer, cause smallint NOT NULL DEFAULT 0,"
            " UNIQUE (product_id, warehouse_id))");
    struct parents *p = open_parents(dsn);
    const int32_t product = 3;
    const int64_t then = THEN;
    assert_int_equal(mark(p, &product, &then, 1).marks, 2);
    assert_int_equal(mark(p, &product, &then, 1).marks, 2);
    assert_int_equal(number("SELECT count(*) FROM public.stock_availability_dirty_shopify"
                            " WHERE date_added = timestamp '2026-11-25 12:00'"),
                     4);
    parents_free(p);
}

static void parents_mark_says_what_to_do_when_the_tables_went(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct parents_marked marked = {0};
    struct component_batch *batch = component_batch_new();
    struct parents *p = open_parents(dsn);
    component_batch_add(batch, 1, THEN);
    run_sql("DROP TABLE stocksync.kit_component");
    assert_int_equal(parents_mark(p, batch, &marked, &err), STATUS_DATABASE_UNFIT);
    assert_non_null(strstr(err.msg, "stocksync-producer install"));
    component_batch_free(batch);
    parents_free(p);
}

/* --- opening --- */

static void parents_open_names_what_is_missing(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    static const struct {
        const char *sql;
        enum status expected;
        const char *text;
        const char *undo;
    } cases[] = {
        {"REVOKE SELECT ON stocksync.kit_component FROM " ROLE, STATUS_PERMISSION,
         "GRANT SELECT ON stocksync.kit_component TO " ROLE,
         "GRANT SELECT ON stocksync.kit_component TO " ROLE},
        {"REVOKE USAGE ON SCHEMA stocksync FROM " ROLE, STATUS_PERMISSION,
         "GRANT USAGE ON SCHEMA stocksync TO " ROLE, "GRANT USAGE ON SCHEMA stocksync TO " ROLE},
        {"REVOKE INSERT ON public.stock_availability_dirty_shopify FROM PUBLIC", STATUS_PERMISSION,
         "GRANT INSERT ON public.stock_availability_dirty_shopify TO " ROLE,
         "GRANT INSERT ON public.stock_availability_dirty_shopify TO PUBLIC"},
        {"REVOKE USAGE ON SEQUENCE public.stock_availability_dirty_shopify_id_seq FROM PUBLIC",
         STATUS_PERMISSION,
         "GRANT USAGE ON SEQUENCE public.stock_availability_dirty_shopify_id_seq TO " ROLE,
         "GRANT USAGE ON SEQUENCE public.stock_availability_dirty_shopify_id_seq TO PUBLIC"},
        {"DROP TABLE stocksync.kit_component", STATUS_DATABASE_UNFIT,
         "no stocksync.kit_component: run 'stocksync-producer install'", "SELECT"},
        {"DROP TABLE public.stock_availability_dirty_shopify", STATUS_DATABASE_UNFIT,
         "no public.stock_availability_dirty_shopify, stocksync.kit_component: run", "SELECT"},
    };
    parents_free(open_parents(role_dsn));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        struct parents *p = parents_new(role_dsn);
        run_sql(cases[i].sql);
        assert_int_equal(parents_open(p, &err), cases[i].expected);
        if (strstr(err.msg, cases[i].text) == NULL) {
            fail_msg("'%s' lacks '%s'", err.msg, cases[i].text);
        }
        run_sql(cases[i].undo);
        parents_free(p);
    }
}

static void parents_open_connects_again_after_the_connection_was_lost(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct parents_marked marked = {0};
    struct component_batch *batch = component_batch_new();
    struct parents *p = open_parents(dsn);
    component_batch_add(batch, 3, THEN);
    assert_int_equal(number("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
                            " WHERE application_name = 'stocksync-consumer parents'"),
                     1);
    assert_int_equal(parents_mark(p, batch, &marked, &err), STATUS_SOURCE_LOST);
    ok(parents_open(p, &err), &err);
    ok(parents_mark(p, batch, &marked, &err), &err);
    assert_int_equal(marked.marks, 2);
    component_batch_free(batch);
    parents_free(p);
    parents_free(NULL);
}

int main(void)
{
#define SERVER_TEST(function) cmocka_unit_test_setup_teardown(function, make_tables, drop_tables)
    const struct CMUnitTest tests[] = {
        SERVER_TEST(parents_mark_inserts_one_mark_for_each_kit_with_the_earliest_time),
        SERVER_TEST(parents_mark_counts_through_kits_and_not_through_structure),
        SERVER_TEST(parents_mark_never_dates_a_mark_into_the_future),
        SERVER_TEST(parents_mark_without_kits_says_so),
        SERVER_TEST(parents_mark_takes_a_full_batch),
        SERVER_TEST(parents_mark_writes_an_adopted_table),
        SERVER_TEST(parents_mark_says_what_to_do_when_the_tables_went),
        SERVER_TEST(parents_open_names_what_is_missing),
        SERVER_TEST(parents_open_connects_again_after_the_connection_was_lost),
    };
    return cmocka_run_group_tests(tests, make_role, drop_role);
}

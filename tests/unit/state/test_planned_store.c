/* Against a real server: STOCKSYNC_TEST_DSN; without it the tests are skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/pg/pg_query.h"
#include "consumer/state/leftover_store.h"
#include "consumer/state/planned_store.h"
#include "tests/unit/state/server.h"

static struct state *fresh_store(bool read_only)
{
    struct err err = {0};
    NEEDS_SERVER();
    ok(pg_exec(admin,
               "TRUNCATE stocksync.planned, stocksync.level, stocksync.product, stocksync.item,"
               " stocksync.catalogue, stocksync.parked",
               &err),
       &err);
    return read_only ? state_new_read_only(dsn, "outlet") : state_new(dsn, "outlet");
}

/* --- rules --- */

static void assert_digest(struct state *s, int32_t partition, const char *expected, bool has_levels)
{
    struct err err = {0};
    struct state_planned list[2] = {{.partition = 9}, {.partition = partition}};
    bool found = !has_levels;
    ok(state_planned_read(s, list, 2, &found, &err), &err);
    assert_string_equal(list[0].digest, "");
    assert_string_equal(list[1].digest, expected);
    assert_int_equal(found, has_levels);
}

static void each_partition_of_a_store_has_its_rules(void **fixture)
{
    static const int32_t partitions[] = {3, 1};
    (void)fixture;
    struct err err = {0};
    struct state *s = fresh_store(false);
    struct state *neighbour = state_new(dsn, "wholesale");
    assert_digest(s, 1, "", false);
    ok(state_planned_store(s, partitions, 2, "first", &err), &err);
    ok(state_planned_store(s, partitions, 1, "second", &err), &err);
    ok(state_planned_store(s, partitions, 0, "third", &err), &err);
    assert_digest(s, 1, "first", false);
    assert_digest(s, 3, "second", false);
    assert_digest(neighbour, 1, "", false);
    run_sql("INSERT INTO stocksync.level (store, item, location, product_id, quantity, revision)"
            " VALUES ('wholesale', 1, 1, 1, 1, 1)");
    assert_digest(s, 1, "first", false);
    assert_digest(neighbour, 1, "", true);
    state_free(neighbour);
    state_free(s);
}

static void a_dry_run_stores_no_rules(void **fixture)
{
    static const int32_t partition = 1;
    (void)fixture;
    struct err err = {0};
    struct state *s = fresh_store(true);
    ok(state_planned_store(s, &partition, 1, "first", &err), &err);
    assert_digest(s, 1, "", false);
    state_free(s);
}

/* --- last numbers --- */

static void print_one(void *arg, const struct state_leftover *level)
{
    char *text = arg;
    size_t used = strlen(text);
    (void)snprintf(text + used, 400 - used, "%d:%s:%lld/%lld=%d@%lld%s ", (int)level->product_id,
                   level->text != NULL ? level->text : "-", (long long)level->key.item,
                   (long long)level->key.location, (int)level->quantity, (long long)level->revision,
                   level->parked ? " parked" : "");
}

static void assert_leftovers(struct state *s, const char *expected)
{
    char text[400] = "";
    struct err err = {0};
    ok(state_leftovers(s, print_one, text, &err), &err);
    assert_string_equal(text, expected);
}

/* Products 1 to 4 with items 41 to 44, each written at revision 10. */
static struct state *store_with_levels(void)
{
    struct state *s = fresh_store(false);
    run_sql("INSERT INTO stocksync.catalogue (store, match, domain, read_at)"
            " VALUES ('outlet', 'sku', 'a', now());"
            "INSERT INTO stocksync.item (store, text, item, tracked, bundle)"
            " SELECT 'outlet', 'S' || n, 40 + n, true, false FROM generate_series(1, 4) n;"
            "INSERT INTO stocksync.product (store, product_id, match, sellable, revision)"
            " SELECT 'outlet', n, 'S' || n, true, 9 FROM generate_series(1, 4) n;"
            "INSERT INTO stocksync.level (store, item, location, product_id, quantity, revision)"
            " SELECT 'outlet', 40 + n, l, n, 5, 10 FROM generate_series(1, 4) n,"
            " generate_series(70, 71) l");
    return s;
}

static void levels_of_products_that_are_not_sold_are_left_over(void **fixture)
{
    (void)fixture;
    struct state *s = store_with_levels();
    assert_leftovers(s, "");
    run_sql("UPDATE stocksync.product SET sellable = false, revision = 20 WHERE product_id = 1;"
            "UPDATE stocksync.product SET sellable = false, revision = 21, match = NULL"
            " WHERE product_id = 2;"
            "UPDATE stocksync.level SET quantity = 0 WHERE item = 42 AND location = 71");
    assert_leftovers(s, "1:S1:41/70=5@20 1:S1:41/71=5@20 2:-:42/70=5@21 ");
    run_sql("INSERT INTO stocksync.parked (store, subject, reason, detail)"
            " VALUES ('outlet', 'level/42/70', 'refused', '')");
    assert_leftovers(s, "1:S1:41/70=5@20 1:S1:41/71=5@20 2:-:42/70=5@21 parked ");
    /* excluded by another company, without a new record */
    run_sql("UPDATE stocksync.level SET revision = 20 WHERE item = 41");
    assert_leftovers(s, "1:S1:41/70=5@20 1:S1:41/71=5@20 2:-:42/70=5@21 parked ");
    run_sql("UPDATE stocksync.level SET quantity = 0 WHERE item = 41"); /* it is done */
    assert_leftovers(s, "2:-:42/70=5@21 parked ");
    run_sql("DELETE FROM stocksync.catalogue"); /* a reading goes on: items are not known */
    assert_leftovers(s, "");
    state_free(s);
}

static void an_item_that_another_product_sells_is_not_left_over(void **fixture)
{
    (void)fixture;
    struct state *s = store_with_levels();
    run_sql("UPDATE stocksync.product SET sellable = false, revision = 20 WHERE product_id = 1;"
            "UPDATE stocksync.product SET match = 'S1', revision = 19 WHERE product_id = 3;"
            "UPDATE stocksync.level SET quantity = 0 WHERE item = 43");
    assert_leftovers(s, "");
    state_free(s);
}

static void a_renamed_product_leaves_its_old_item(void **fixture)
{
    (void)fixture;
    struct state *s = store_with_levels();
    run_sql("DELETE FROM stocksync.level WHERE location = 71;"
            "UPDATE stocksync.product SET match = 'new', revision = 20 WHERE product_id = 1");
    assert_leftovers(s, ""); /* perhaps its item gets the new SKU in the store as well */
    run_sql("UPDATE stocksync.product SET noted_at = now() - interval '2 minutes'");
    assert_leftovers(s, "1:new:41/70=5@20 ");
    run_sql("UPDATE stocksync.product SET noted_at = now();"
            "INSERT INTO stocksync.item (store, text, item, tracked, bundle)"
            " VALUES ('outlet', 'new', 50, true, false)");
    assert_leftovers(s, "1:new:41/70=5@20 ");
    run_sql("UPDATE stocksync.item SET item = 41 WHERE text = 'new'");
    assert_leftovers(s, "");
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_partition_of_a_store_has_its_rules),
        cmocka_unit_test(a_dry_run_stores_no_rules),
        cmocka_unit_test(levels_of_products_that_are_not_sold_are_left_over),
        cmocka_unit_test(an_item_that_another_product_sells_is_not_left_over),
        cmocka_unit_test(a_renamed_product_leaves_its_old_item),
    };
    return cmocka_run_group_tests(tests, make_schema, drop_schema);
}

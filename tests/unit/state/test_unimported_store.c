/* Needs an empty database in STOCKSYNC_TEST_DSN, in which it makes the schema stocksync and drops
 * it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/pg/pg_query.h"
#include "consumer/state/attempt_store.h"
#include "consumer/state/level_store.h"
#include "consumer/state/unimported_store.h"
#include "tests/unit/state/one_attempt.h"
#include "tests/unit/state/server.h"

#define MINUTE_US INT64_C(60000000)
#define NOW_US    INT64_C(1800000000000000)

/* A store with one level, of which 10 were written because Odoo desired 10; NULL: no database. */
static struct state *store_with_level(void)
{
    struct err err = {0};
    struct level_write first = {
        .key = {1, 7}, .product_id = 5, .quantity = 10, .desired = 10, .raw = 10, .revision = 100};
    NEEDS_SERVER();
    ok(pg_exec(admin, "TRUNCATE stocksync.level, stocksync.attempt, stocksync.in_flight", &err),
       &err);
    struct state *s = state_new(dsn, "outlet");
    ok(state_levels_note(s, &first, 1, &err), &err);
    return s;
}

static struct level_seen
see(struct state *s, int64_t item, int32_t before, int32_t now, int64_t until_us)
{
    struct err err = {0};
    struct level_seen seen = {
        .key = {item, 7}, .before = before, .now = now, .sold = before - now, .until_us = until_us};
    ok(state_unimported_see(s, &seen, 1, &err), &err);
    return seen;
}

static void
assert_level(struct state *s, int64_t now_us, int32_t quantity, int32_t desired, int32_t live)
{
    struct level_key key = {1, 7};
    struct level_known known;
    struct err err = {0};
    ok(state_levels_read(s, &key, 1, now_us, &known, &err), &err);
    assert_true(known.found);
    assert_int_equal(known.quantity, quantity);
    assert_int_equal(known.desired, desired);
    assert_int_equal(known.live, live);
}

static bool is_ours(void *arg, int32_t product_id)
{
    const int32_t *foreign = arg;
    return product_id != *foreign;
}

static int32_t foreign_product;

static size_t due(struct state *s, int64_t now_us, struct state_unimported *first)
{
    static struct state_unimported list[STATE_UNIMPORTED_MAX];
    size_t count = 0;
    struct err err = {0};
    ok(state_unimported_due(s, now_us, is_ours, &foreign_product, list, &count, &err), &err);
    *first = list[0];
    return count;
}

static void assert_next(struct state *s, int64_t wake_us, size_t levels)
{
    int64_t wake = 0;
    size_t found = 0;
    struct err err = {0};
    ok(state_unimported_next(s, &wake, &found, &err), &err);
    assert_int_equal(wake, wake_us);
    assert_int_equal(found, levels);
}

static void state_unimported_adds_up_missing_units(void **fixture)
{
    (void)fixture;
    struct state *s = store_with_level();
    struct level_seen seen = see(s, 1, 10, 7, NOW_US + MINUTE_US);
    assert_true(seen.noted && seen.first);
    assert_level(s, NOW_US, 7, 10, 3);
    seen = see(s, 1, 7, 5, NOW_US + MINUTE_US);
    assert_true(seen.noted && !seen.first);
    seen = see(s, 1, 5, 4, NOW_US + 2 * MINUTE_US);
    assert_true(seen.noted);
    assert_level(s, NOW_US, 4, 10, 6);
    assert_level(s, NOW_US + MINUTE_US, 4, 10, 1);
    assert_next(s, NOW_US + MINUTE_US, 1);
    /* the level moved meanwhile; a level that nobody wrote */
    assert_false(see(s, 1, 9, 3, NOW_US + MINUTE_US).noted);
    assert_false(see(s, 2, 9, 3, NOW_US + MINUTE_US).noted);
    assert_level(s, NOW_US, 4, 10, 6);
    state_free(s);
}

static void state_unimported_recognises_our_own_write(void **fixture)
{
    (void)fixture;
    struct state *s = store_with_level();
    struct err err = {0};
    char variables[] = "{}";
    struct level_write list[] = {{.key = {1, 7},
                                  .product_id = 5,
                                  .quantity = 6,
                                  .desired = 8,
                                  .change_from = 10,
                                  .revision = 200,
                                  .changed_at_us = NOW_US}};
    struct state_attempt attempt = {.key = "0b1e7f4e-0000-5000-8000-00000000000a",
                                    .generation = 1,
                                    .variables = variables,
                                    .list = list,
                                    .count = 1};
    ok(begin_one(s, &attempt, &err), &err);
    assert_false(see(s, 1, 10, 6, NOW_US + MINUTE_US).noted);
    assert_level(s, NOW_US, 6, 8, 0);
    ok(settle_one(s, &attempt, "applied", NULL, NOW_US, &err), &err);
    assert_level(s, NOW_US, 6, 8, 0);
    state_free(s);
}

static void state_unimported_gives_a_level_out_when_its_grace_is_over(void **fixture)
{
    (void)fixture;
    struct state *s = store_with_level();
    struct state *other = state_new(dsn, "outlet");
    struct state *elsewhere = state_new(dsn, "elsewhere");
    struct err err = {0};
    struct state_unimported level;
    (void)see(s, 1, 10, 7, NOW_US);
    (void)see(s, 1, 7, 5, NOW_US + 3 * MINUTE_US);
    assert_int_equal(due(s, NOW_US - 1, &level), 0);
    assert_int_equal(due(elsewhere, NOW_US, &level), 0);
    assert_int_equal(due(s, NOW_US, &level), 1);
    assert_int_equal(level.key.item, 1);
    assert_int_equal(level.key.location, 7);
    assert_int_equal(level.product_id, 5);
    assert_int_equal(level.desired, 10);
    assert_int_equal(level.revision, 100);
    assert_int_equal(due(other, NOW_US, &level), 0); /* it is given to one process */
    assert_next(s, NOW_US + MINUTE_US, 1);
    assert_int_equal(due(other, NOW_US + MINUTE_US, &level), 1); /* which did nothing with it */
    struct level_write partly = {.key = {1, 7},
                                 .product_id = 5,
                                 .quantity = 8,
                                 .desired = 10,
                                 .missing = 2,
                                 .raw = 10,
                                 .revision = 100};
    ok(state_levels_note(s, &partly, 1, &err), &err);
    assert_int_equal(due(s, NOW_US + 2 * MINUTE_US, &level), 0); /* written: forgotten */
    assert_level(s, NOW_US + 2 * MINUTE_US, 8, 10, 2);
    assert_next(s, NOW_US + 3 * MINUTE_US, 1);
    struct level_write imported = {
        .key = {1, 7}, .product_id = 5, .quantity = 8, .desired = 8, .revision = 101};
    ok(state_levels_note(s, &imported, 1, &err), &err);
    assert_next(s, NOW_US + 3 * MINUTE_US, 0);
    assert_int_equal(due(s, NOW_US + 3 * MINUTE_US, &level), 0);
    assert_next(s, INT64_MAX, 0);
    state_free(s);
    state_free(other);
    state_free(elsewhere);
}

static void state_unimported_reads_rows_of_the_version_before(void **fixture)
{
    (void)fixture;
    struct state *s = store_with_level();
    struct err err = {0};
    ok(pg_exec(admin, "UPDATE stocksync.level SET wanted = NULL", &err), &err);
    assert_level(s, NOW_US, 10, 10, 0);
    assert_true(see(s, 1, 10, 8, NOW_US + MINUTE_US).noted);
    assert_level(s, NOW_US, 8, 10, 2);
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_unimported_adds_up_missing_units),
        cmocka_unit_test(state_unimported_recognises_our_own_write),
        cmocka_unit_test(state_unimported_gives_a_level_out_when_its_grace_is_over),
        cmocka_unit_test(state_unimported_reads_rows_of_the_version_before),
    };
    return cmocka_run_group_tests(tests, make_schema, drop_schema);
}

/* Needs an empty database in STOCKSYNC_TEST_DSN, in which it makes the schema stocksync and drops
 * it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/pg/pg_query.h"
#include "consumer/state/attempt_store.h"
#include "consumer/state/level_store.h"
#include "tests/unit/state/one_attempt.h"
#include "tests/unit/state/server.h"

static const char KEY_A[] = "0b1e7f4e-0000-5000-8000-00000000000a";
static const char KEY_B[] = "0b1e7f4e-0000-5000-8000-00000000000b";
static const char KEY_C[] = "0b1e7f4e-0000-5000-8000-00000000000c";

static int empty_tables(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    if (dsn != NULL) {
        ok(pg_exec(admin, "TRUNCATE stocksync.level, stocksync.attempt", &err), &err);
    }
    return 0;
}

#define SERVER_TEST(function) cmocka_unit_test_setup(function, empty_tables)

static struct state *outlet(void)
{
    NEEDS_SERVER();
    return state_new(dsn, "outlet");
}

static void assert_attempts(const char *where, int64_t count)
{
    char sql[200];
    struct err err = {0};
    (void)snprintf(sql, sizeof sql,
                   "DO $$ BEGIN ASSERT %lld = (SELECT count(*) FROM stocksync.attempt WHERE %s); "
                   "END $$",
                   (long long)count, where);
    ok(pg_exec(admin, sql, &err), &err);
}

static struct level_known known_of(struct state *s, int64_t item)
{
    struct level_key key = {item, 7};
    struct level_known known;
    struct err err = {0};
    ok(state_levels_read(s, &key, 1, 0, &known, &err), &err);
    return known;
}

static struct level_write write_of(int64_t item, int32_t quantity, int64_t revision)
{
    return (struct level_write){.key = {item, 7},
                                .product_id = 5,
                                .quantity = quantity,
                                .desired = quantity,
                                .change_from = 1,
                                .revision = revision,
                                .changed_at_us = 1};
}

static struct state_attempt attempt_of(const char *key, struct level_write *list, size_t count)
{
    static char variables[] = "{}";
    struct state_attempt a = {
        .generation = 1, .variables = variables, .list = list, .count = count};
    (void)snprintf(a.key, sizeof a.key, "%s", key);
    return a;
}

static void state_attempts_not_applied_leave_the_levels(void **fixture)
{
    (void)fixture;
    static const char *const outcomes[] = {"refused", "stale", "superseded"};
    static const char *const keys[] = {KEY_A, KEY_B, KEY_C};
    struct err err = {0};
    struct state *s = outlet();
    struct level_write list[] = {write_of(1, 10, 100)};
    for (size_t i = 0; i < 3; i++) {
        struct state_attempt attempt = attempt_of(keys[i], list, 1);
        ok(begin_one(s, &attempt, &err), &err);
        ok(settle_one(s, &attempt, outcomes[i], NULL, 1, &err), &err);
    }
    assert_false(known_of(s, 1).found);
    assert_attempts("outcome IS NOT NULL AND request_id IS NULL AND variables = ''", 3);
    state_free(s);
}

static void state_attempts_begin_together_or_not_at_all(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct state *s = outlet();
    struct state *other = outlet();
    struct level_write list[] = {write_of(1, 10, 100)};
    struct state_attempt a = attempt_of(KEY_A, list, 1);
    struct state_attempt b = attempt_of(KEY_B, list, 1);
    const struct state_attempt *both[] = {&a, &b};
    ok(begin_one(other, &b, &err), &err);
    assert_int_equal(state_attempts_begin(s, both, 2, &err), STATUS_SOURCE_BUSY);
    assert_attempts("true", 1);
    ok(pg_exec(admin, "DELETE FROM stocksync.attempt", &err), &err);
    ok(state_attempts_begin(s, both, 2, &err), &err);
    assert_attempts("outcome IS NULL", 2);
    ok(state_attempts_begin(s, both, 0, &err), &err);
    state_free(s);
    state_free(other);
}

static void state_attempts_settle_each_by_its_own_outcome(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct state *s = outlet();
    struct level_write first[] = {write_of(1, 10, 100), write_of(2, 20, 100)};
    struct level_write refused[] = {write_of(3, 30, 100)};
    struct level_write last[] = {write_of(1, 11, 100), write_of(2, 19, 90)};
    struct state_attempt a = attempt_of(KEY_A, first, 2);
    struct state_attempt b = attempt_of(KEY_B, refused, 1);
    struct state_attempt c = attempt_of(KEY_C, last, 2);
    const struct state_attempt *all[] = {&a, &b, &c};
    const struct state_outcome outcomes[] = {
        {&a, "applied", "req-a"}, {&b, "stale", NULL}, {&c, "applied", "req-c"}};
    ok(state_attempts_begin(s, all, 3, &err), &err);
    ok(state_attempts_settle(s, outcomes, 3, 1, &err), &err);
    assert_int_equal(known_of(s, 1).quantity, 11); /* of equal revisions the later one */
    assert_int_equal(known_of(s, 2).quantity, 20);
    assert_int_equal(known_of(s, 2).revision, 100);
    assert_false(known_of(s, 3).found);
    assert_attempts("outcome = 'applied' AND request_id IN ('req-a', 'req-c')", 2);
    assert_attempts("outcome = 'stale' AND request_id IS NULL AND variables = ''", 1);
    ok(state_attempts_settle(s, outcomes, 0, 1, &err), &err);
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(state_attempts_not_applied_leave_the_levels),
        SERVER_TEST(state_attempts_begin_together_or_not_at_all),
        SERVER_TEST(state_attempts_settle_each_by_its_own_outcome),
    };
    return cmocka_run_group_tests(tests, make_schema, drop_schema);
}

/* Needs an empty database in STOCKSYNC_TEST_DSN; makes the schema stocksync, drops it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/pg/pg_query.h"
#include "consumer/state/blocked_store.h"
#include "tests/unit/state/server.h"

#define TOPIC "stock"

struct found {
    struct state_blocked rows[4];
    size_t count;
};

static struct state *fresh_store(void)
{
    struct err err = {0};
    NEEDS_SERVER();
    ok(pg_exec(admin, "TRUNCATE stocksync.blocked_partition", &err), &err);
    return state_new(dsn, "outlet");
}

static void take(void *arg, const struct state_blocked *row)
{
    struct found *found = arg;
    assert_true(found->count < 4);
    found->rows[found->count++] = *row;
}

static struct found rows_of(struct state *s)
{
    struct found found = {0};
    struct err err = {0};
    ok(state_blocked_list(s, TOPIC, take, &found, &err), &err);
    return found;
}

static struct state_blocked row_of(int32_t partition, int64_t offset)
{
    return (struct state_blocked){
        .partition = partition, .offset = offset, .schema = "00ff", .detail = "newer \xff"};
}

static bool pass_over(struct state *s, int32_t partition, int64_t offset)
{
    bool found = false;
    struct err err = {0};
    ok(state_blocked_skip(s, TOPIC, partition, offset, &found, &err), &err);
    return found;
}

static void a_decision_is_given_with_the_next_note(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct state *s = fresh_store();
    struct state *neighbour = state_new(dsn, "wholesale");
    struct state_blocked list[] = {row_of(3, 17), row_of(5, 8)};
    ok(state_blocked_note(s, TOPIC, list, 2, &err), &err);
    assert_false(list[0].skip || list[1].skip);
    assert_int_equal(rows_of(neighbour).count, 0);
    assert_false(pass_over(s, 3, 16));
    assert_false(pass_over(s, 4, 17));
    assert_false(pass_over(neighbour, 3, 17));
    assert_true(pass_over(s, 3, 17));
    assert_true(pass_over(s, 3, 17));
    ok(state_blocked_note(s, TOPIC, list, 2, &err), &err);
    assert_true(list[0].skip);
    assert_false(list[1].skip);
    const struct found found = rows_of(s);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.rows[0].partition, 3);
    assert_int_equal(found.rows[0].offset, 17);
    assert_string_equal(found.rows[0].schema, "00ff");
    assert_string_equal(found.rows[0].detail, "newer ?");
    assert_true(found.rows[0].skip && found.rows[0].blocked_us > 0);
    const int32_t ended[] = {3, 9};
    ok(state_blocked_end(s, TOPIC, ended, 2, &err), &err);
    assert_int_equal(rows_of(s).count, 1);
    assert_int_equal(rows_of(s).rows[0].partition, 5);
    state_free(neighbour);
    state_free(s);
}

static void a_decision_counts_for_its_record_alone(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct state *s = fresh_store();
    struct state_blocked row = row_of(3, 17);
    ok(state_blocked_note(s, TOPIC, &row, 1, &err), &err);
    assert_true(pass_over(s, 3, 17));
    row.offset = 18;
    ok(state_blocked_note(s, TOPIC, &row, 1, &err), &err);
    assert_false(row.skip);
    assert_int_equal(rows_of(s).rows[0].offset, 18);
    state_free(s);
}

static void a_dry_run_writes_nothing(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct state *s = fresh_store();
    struct state *dry = state_new_read_only(dsn, "outlet");
    struct state_blocked row = row_of(3, 17);
    const int32_t partition = 3;
    ok(state_blocked_note(dry, TOPIC, &row, 1, &err), &err);
    assert_int_equal(rows_of(dry).count, 0);
    ok(state_blocked_note(s, TOPIC, &row, 1, &err), &err);
    ok(state_blocked_end(dry, TOPIC, &partition, 1, &err), &err);
    assert_int_equal(rows_of(dry).count, 1);
    state_free(dry);
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decision_is_given_with_the_next_note),
        cmocka_unit_test(a_decision_counts_for_its_record_alone),
        cmocka_unit_test(a_dry_run_writes_nothing),
    };
    return cmocka_run_group_tests(tests, make_schema, drop_schema);
}

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
#include "consumer/state/attempt_store.h"
#include "consumer/state/stream_store.h"
#include "tests/unit/state/server.h"

#define FIRST  "11111111-0000-4000-8000-000000000001"
#define SECOND "22222222-0000-4000-8000-000000000002"

static struct state *fresh_store(bool read_only)
{
    struct err err = {0};
    NEEDS_SERVER();
    ok(pg_exec(admin,
               "TRUNCATE stocksync.stream, stocksync.stream_partition, stocksync.store_stream,"
               " stocksync.verification, stocksync.parked, stocksync.catalogue, stocksync.attempt;"
               "INSERT INTO stocksync.stream (id, why, began_at, first_revision, topic, cluster,"
               "                              system_identifier, database_oid, timeline) VALUES"
               " ('" FIRST "', 'first', 'epoch', 100, 'stock', 'c', 1, 1, 1),"
               " ('" SECOND "', 'timeline', '1970-01-01 00:00:07Z', 200, 'stock', 'c', 1, 1, 2);"
               "INSERT INTO stocksync.stream_partition VALUES ('" SECOND "', 0, 70, 80),"
               " ('" FIRST "', 0, 5, 70)",
               &err),
       &err);
    return read_only ? state_new_read_only(dsn, "outlet") : state_new(dsn, "outlet");
}

static struct state_stream list[3];
static size_t count;

static void take(void *arg, const struct state_stream *stream)
{
    (void)arg;
    list[count++] = *stream;
}

static void the_present_stream_comes_first(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct state *s = fresh_store(true);
    count = 0;
    ok(state_streams_read(s, take, NULL, &err), &err);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].id, SECOND);
    assert_string_equal(list[0].why, "timeline");
    assert_int_equal(list[0].began_us, 7000000);
    assert_int_equal(list[0].first_revision, 200);
    assert_string_equal(list[1].id, FIRST);
    run_sql("DELETE FROM stocksync.stream");
    count = 0;
    ok(state_streams_read(s, take, NULL, &err), &err);
    assert_int_equal(count, 0);
    state_free(s);
}

static const struct state_stream PRESENT = {.id = SECOND, .first_revision = 200};

static void
assert_position(struct state *s, int32_t partition, int64_t first_offset, const char *stream)
{
    struct err err = {0};
    struct state_position one[2] = {{.partition = 9}, {.partition = partition}};
    ok(state_positions_read(s, &PRESENT, one, 2, &err), &err);
    assert_int_equal(one[0].first_offset, 0);
    assert_string_equal(one[0].stream, "");
    assert_int_equal(one[1].first_offset, first_offset);
    assert_string_equal(one[1].stream, stream);
}

static void a_store_has_a_stream_for_each_partition(void **fixture)
{
    static const int32_t partitions[] = {1, 0};
    (void)fixture;
    struct err err = {0};
    const struct state_stream earlier = {.id = FIRST, .first_revision = 100};
    struct state *s = fresh_store(false);
    struct state *neighbour = state_new(dsn, "wholesale");
    assert_position(s, 0, 70, "");
    ok(state_positions_note(s, &earlier, partitions, 2, &err), &err);
    assert_position(s, 0, 70, FIRST);
    assert_position(s, 1, 0, FIRST);
    ok(state_positions_note(s, &PRESENT, partitions, 1, &err), &err);
    ok(state_positions_note(s, &PRESENT, partitions, 0, &err), &err);
    assert_position(s, 1, 0, SECOND);
    assert_position(s, 0, 70, FIRST);
    assert_position(neighbour, 0, 70, "");
    ok(state_positions_read(s, &PRESENT, NULL, 0, &err), &err);
    state_free(neighbour);
    state_free(s);
    s = state_new_read_only(dsn, "outlet");
    ok(state_positions_note(s, &PRESENT, partitions, 2, &err), &err);
    assert_position(s, 0, 70, FIRST);
    state_free(s);
}

static void what_depends_on_the_number_of_partitions_begins_again(void **fixture)
{
    static const int32_t partitions[] = {0, 1};
    (void)fixture;
    struct err err = {0};
    struct state *s = fresh_store(false);
    run_sql("INSERT INTO stocksync.verification (store, partition, began_at, product_id)"
            " VALUES ('outlet', 0, now(), 7), ('outlet', 2, now(), 7), ('wholesale', 0, now(), 7);"
            "INSERT INTO stocksync.catalogue (store, domain, match, read_at)"
            " VALUES ('outlet', 'd', 'sku', now());"
            "INSERT INTO stocksync.parked (store, subject, product_id, topic, partition,"
            "                              record_offset, revision, reason, detail) VALUES"
            " ('outlet', 'product/1', 1, 'stock', 5, 9, 200, 'unmapped', ''),"
            " ('outlet', 'product/2', 2, 'stock', 5, 9, 201, 'unmapped', ''),"
            " ('outlet', 'record/stock/5/9', NULL, 'stock', 5, 9, 0, 'undecodable', '')");
    ok(state_positions_note(s, &PRESENT, partitions, 2, &err), &err);
    assert_int_equal(number("SELECT count(*) FROM stocksync.verification"), 2);
    assert_int_equal(number("SELECT count(*) FROM stocksync.parked WHERE partition IS NULL"), 1);
    assert_int_equal(number("SELECT product_id::bigint FROM stocksync.parked"
                            " WHERE partition IS NULL AND record_offset IS NULL"),
                     1);
    /* the first stream of an update is no reason to doubt the catalogue */
    assert_int_equal(number("SELECT count(*) FROM stocksync.catalogue WHERE wanted_at IS NOT NULL"),
                     0);
    run_sql("UPDATE stocksync.store_stream SET stream = '" FIRST "'");
    ok(state_positions_note(s, &PRESENT, partitions, 1, &err), &err);
    assert_int_equal(number("SELECT count(*) FROM stocksync.catalogue WHERE wanted_at IS NOT NULL"),
                     1);
    state_free(s);
}

static void attempts_of_an_earlier_stream_are_given_up(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct state_attempt *adopted = NULL;
    size_t adopted_count = 0;
    struct state *s = fresh_store(false);
    run_sql("INSERT INTO stocksync.attempt (store, key, instance, generation, variables, item,"
            "  location, product_id, quantity, change_from, revision, changed_at, sent_at)"
            " SELECT 'outlet', ('00000000-0000-4000-8000-00000000000' || n)::uuid, 5, 1, 'bytes',"
            "  '{1,2}', '{7,7}', '{1,2}', '{3,4}', '{1,1}', ARRAY[150, newest],"
            "  ARRAY[now(), now()], now() - age FROM (VALUES (1, 200, interval '6 minutes'),"
            "  (2, 201, '6 minutes'), (3, 200, '1 minute')) AS v (n, newest, age)");
    ok(state_attempts_adopt(s, 200, &adopted, &adopted_count, &err), &err);
    assert_int_equal(adopted_count, 2);
    assert_string_equal(adopted[0].key, "00000000-0000-4000-8000-000000000002");
    assert_string_equal(adopted[1].key, "00000000-0000-4000-8000-000000000003");
    assert_int_equal(number("SELECT count(*) FROM stocksync.attempt"
                            " WHERE outcome = 'abandoned' AND variables = ''"),
                     1);
    state_attempts_release(adopted, adopted_count);
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_present_stream_comes_first),
        cmocka_unit_test(a_store_has_a_stream_for_each_partition),
        cmocka_unit_test(what_depends_on_the_number_of_partitions_begins_again),
        cmocka_unit_test(attempts_of_an_earlier_stream_are_given_up),
    };
    return cmocka_run_group_tests(tests, make_schema, drop_schema);
}

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
#include "consumer/state/round_store.h"
#include "tests/unit/state/server.h"

#define WALL_US INT64_C(1795000000000000)

static struct state *empty_store(void)
{
    struct err err = {0};
    NEEDS_SERVER();
    ok(pg_exec(admin,
               "TRUNCATE stocksync.verification, stocksync.drift, stocksync.round_request CASCADE;"
               "TRUNCATE stocksync.level, stocksync.attempt, stocksync.product",
               &err),
       &err);
    struct state *s = state_new(dsn, "outlet");
    ok(state_open(s, &err), &err);
    return s;
}

/* --- passes --- */

static void copy_pass(void *arg, const struct state_pass *pass)
{
    struct state_pass *last = arg;
    *last = *pass;
}

static void passes_are_stored_and_read(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    struct err err = {0};
    struct state_pass got = {.partition = -7};
    struct state_pass pass = {.partition = 3, .began_us = WALL_US, .product_id = 250};
    ok(state_passes(s, copy_pass, &got, &err), &err);
    assert_int_equal(got.partition, -7);
    ok(state_pass_store(s, &pass, &err), &err);
    ok(state_passes(s, copy_pass, &got, &err), &err);
    assert_int_equal(got.product_id, 250);
    assert_true(got.began_us == WALL_US && got.done_us == 0);
    pass.done_us = WALL_US;
    pass.product_id = 0;
    ok(state_pass_store(s, &pass, &err), &err);
    ok(state_passes(s, copy_pass, &got, &err), &err);
    assert_true(got.partition == 3 && got.product_id == 0 && got.done_us == WALL_US);
    state_free(s);
}

/* --- differences --- */

static void append_closed(void *arg, size_t at, const char *kind)
{
    strbuf_appendf(arg, "%zu=%s ", at, kind);
}

static void differences_are_noted_once_and_end(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    struct err err = {0};
    struct strbuf closed;
    size_t open = 9;
    struct state_drift list[] = {
        {.key = {1, 7}, .product_id = 11, .kind = "sold", .expected = 10, .found = 7},
        {.key = {2, 7},
         .product_id = 12,
         .kind = "gone",
         .expected = 4,
         .found = STATE_NO_NUMBER,
         .request = 5,
         .what = "a reason"}};
    strbuf_init(&closed, 1000);
    ok(state_drift_note(s, list, 2, &err), &err);
    assert_true(list[0].is_new && list[1].is_new);
    list[0].kind = "lowered";
    ok(state_drift_look(s, list, 2, &err), &err);
    assert_true(list[0].first_us > 0 && !list[0].older_of_ours);
    ok(state_drift_note(s, list, 2, &err), &err);
    assert_true(list[0].is_new && !list[1].is_new);
    ok(state_drift_open(s, &open, &err), &err);
    assert_int_equal(open, 2);
    const struct state_drift_end ends[] = {
        {.key = {9, 7}}, {.key = {1, 7}}, {.key = {2, 7}, .what = "refused"}};
    ok(state_drift_settle(s, ends, 3, append_closed, &closed, &err), &err);
    assert_string_equal(closed.ptr, "1=lowered ");
    ok(state_drift_open(s, &open, &err), &err);
    assert_int_equal(open, 1);
    ok(state_drift_note(s, list, 1, &err), &err);
    assert_true(list[0].is_new); /* once more */
    ok(state_drift_tidy(s, &err), &err);
    strbuf_release(&closed);
    state_free(s);
}

static void old_differences_are_forgotten(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    struct err err = {0};
    size_t open = 0;
    run_sql("TRUNCATE stocksync.item");
    run_sql("INSERT INTO stocksync.product (store, product_id, match, sellable, revision) VALUES"
            " ('outlet', 11, 'A', true, 1), ('outlet', 12, 'B', false, 1), ('outlet', 13, 'C', "
            "true, 1)");
    run_sql("INSERT INTO stocksync.item (store, text, item, tracked, bundle) VALUES"
            " ('outlet', 'A', 1, true, false), ('outlet', 'B', 2, true, false), ('outlet', 'C', 9, "
            "true, false)");
    run_sql("INSERT INTO stocksync.drift (store, item, location, product_id, kind, repaired_at)"
            " VALUES ('outlet', 1, 7, 11, 'sold', NULL), ('outlet', 2, 7, 12, 'sold', NULL),"
            " ('outlet', 3, 7, 13, 'sold', NULL), ('outlet', 1, 8, 11, 'sold', now() - interval "
            "'31 days'),"
            " ('outlet', 1, 9, 11, 'sold', now() - interval '29 days')");
    ok(state_drift_tidy(s, &err), &err);
    ok(state_drift_open(s, &open, &err), &err);
    assert_int_equal(open, 1); /* 12 is not sold any more, 13 has another item */
    struct pg_rows rows = {0};
    ok(pg_query(admin, "SELECT count(*) FROM stocksync.drift", NULL, "l", &rows, &err), &err);
    assert_int_equal(pg_i64(&rows, 0, 0), 2);
    pg_rows_release(&rows);
    state_free(s);
}

static bool stands_older(struct state *s, int32_t found)
{
    struct err err = {0};
    struct state_drift d = {.key = {1, 7}, .found = found};
    ok(state_drift_look(s, &d, 1, &err), &err);
    return d.older_of_ours;
}

static void an_older_attempt_that_was_late_is_recognised(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    run_sql("INSERT INTO stocksync.level (store, item, location, product_id, quantity, revision, "
            "written_at) VALUES ('outlet', 1, 7, 11, 10, 900, now() - interval '1 minute')");
    static const char INSERT[] =
        "INSERT INTO stocksync.attempt (key, store, instance, generation, variables, item, "
        "location,"
        " product_id, quantity, change_from, revision, changed_at, sent_at, answered_at, outcome)"
        " SELECT gen_random_uuid(), 'outlet', 1, 1, '', '{1}', '{7}', '{11}', ARRAY[q], '{0}',"
        " ARRAY[r], ARRAY[now()], now() - interval '1 hour', a, CASE WHEN a IS NOT NULL THEN"
        " 'applied' END FROM (VALUES (6, 800, now()), (5, 800, now() - interval '30 minutes'),"
        " (4, 950, now()), (3, 700, NULL)) AS x (q, r, a)";
    run_sql(INSERT);
    assert_true(stands_older(s, 6));  /* answered behind the row's write */
    assert_false(stands_older(s, 5)); /* answered before it */
    assert_false(stands_older(s, 4)); /* newer than the row */
    assert_true(stands_older(s, 3));  /* never answered */
    assert_false(stands_older(s, 2)); /* nobody asked for it */
    state_free(s);
}

/* --- rounds --- */

static bool any(void *arg, const struct state_round *round)
{
    (void)arg;
    return round->id != 0;
}

static void append_tally(void *arg, const char *kind, int64_t found, int64_t repaired)
{
    strbuf_appendf(arg, "%s %lld/%lld ", kind, (long long)repaired, (long long)found);
}

static void append_example(void *arg, const struct round_example *e)
{
    strbuf_appendf(arg, "%s %s %d->%d %s;", e->kind, e->sku, e->expected,
                   e->found == STATE_NO_NUMBER ? -1 : e->found, e->what != NULL ? e->what : "-");
}

static void a_round_is_taken_reported_and_ended(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    struct state *lane = state_new(dsn, "outlet");
    struct err err = {0};
    struct state_round round = {.id = 1};
    struct round_progress progress;
    struct strbuf text;
    int64_t id = 0;
    strbuf_init(&text, 1000);
    ok(state_round_look(lane, any, NULL, &round, &err), &err);
    assert_true(round.id == 0);
    ok(state_round_request(s, false, true, 0, &id, &err), &err);
    ok(state_round_wait(s, id, &progress, &err), &err);
    assert_true(progress.partitions == 0 && !progress.lane_lives);
    ok(state_lane_lock(lane, &err), &err);
    ok(state_round_look(lane, any, NULL, &round, &err), &err);
    assert_true(round.id == id && round.repair && !round.push && round.product_id == 0);
    const struct state_round_part parts[] = {{1, 500, 250, 3}, {4, 100, 100, 0}};
    ok(state_round_progress(lane, id, 6, parts, 2, true, &err), &err);
    ok(state_round_wait(s, id, &progress, &err), &err);
    assert_true(progress.partitions == 6 && progress.parts == 2 && progress.done == 2);
    assert_true(progress.total == 600 && progress.compared == 350 && progress.waiting == 3);
    assert_true(progress.lane_lives);
    ok(state_round_look(lane, any, NULL, &round, &err), &err);
    assert_true(strcmp(round.done, "1,4") == 0 || strcmp(round.done, "4,1") == 0);
    struct state_drift drift = {.key = {1, 7},
                                .product_id = 11,
                                .kind = "gone",
                                .expected = 10,
                                .found = STATE_NO_NUMBER,
                                .request = id,
                                .what = "because"};
    run_sql("INSERT INTO stocksync.product (store, product_id, match, sellable, revision)"
            " VALUES ('outlet', 11, 'A-11', true, 1)");
    ok(state_drift_note(lane, &drift, 1, &err), &err);
    ok(state_round_tally(s, id, append_tally, &text, &err), &err);
    ok(state_round_examples(s, id, 10, append_example, &text, &err), &err);
    assert_string_equal(text.ptr, "gone 0/1 gone A-11 10->-1 because;");
    ok(state_round_end(s, id, &err), &err);
    ok(state_round_look(lane, any, NULL, &round, &err), &err);
    assert_true(round.id == 0);
    strbuf_release(&text);
    state_free(lane);
    state_free(s);
}

static void append_pushed(void *arg, const struct state_pushed *level)
{
    strbuf_appendf(arg, "%lld: %d->%d %s;", (long long)level->key.location, level->before,
                   level->after, level->what != NULL ? level->what : "-");
}

static void a_push_tells_before_and_after(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    struct err err = {0};
    struct strbuf text;
    int64_t id = 0;
    strbuf_init(&text, 1000);
    ok(state_round_request(s, true, true, 11, &id, &err), &err);
    struct state_pushed levels[] = {
        {.key = {1, 7}, .product_id = 11, .before = 33, .after = STATE_NO_NUMBER, .what = "no"},
        {.key = {1, 8}, .product_id = 11, .before = 5, .after = 6}};
    ok(state_round_levels(s, id, levels, 2, &err), &err);
    levels[0].before = 10; /* the first number stays */
    levels[0].after = 10;
    levels[0].what = NULL;
    ok(state_round_levels(s, id, levels, 1, &err), &err);
    ok(state_round_pushed(s, id, append_pushed, &text, &err), &err);
    assert_string_equal(text.ptr, "7: 33->10 -;8: 5->6 -;");
    strbuf_release(&text);
    state_free(s);
}

static void products_are_found_by_text_or_number(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    struct err err = {0};
    int32_t id = 0;
    run_sql("INSERT INTO stocksync.product (store, product_id, match, sellable, revision) VALUES"
            " ('outlet', 11, 'A-11', true, 1), ('outlet', 12, 'B', true, 1),"
            " ('outlet', 13, 'B', true, 1), ('outlet', 14, 'C', false, 1), ('outlet', 15, 'A-11', "
            "false, 1)");
    ok(state_product_find(s, "A-11", &id, &err), &err);
    assert_int_equal(id, 11);
    id = 12;
    ok(state_product_find(s, NULL, &id, &err), &err);
    assert_int_equal(state_product_find(s, "B", &id, &err), STATUS_USAGE);
    assert_non_null(strstr(err.msg, "12 and 13"));
    assert_int_equal(state_product_find(s, "Z", &id, &err), STATUS_USAGE);
    assert_non_null(strstr(err.msg, "backfill"));
    assert_int_equal(state_product_find(s, "C", &id, &err), STATUS_USAGE);
    id = 99;
    assert_int_equal(state_product_find(s, NULL, &id, &err), STATUS_USAGE);
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_are_stored_and_read),
        cmocka_unit_test(differences_are_noted_once_and_end),
        cmocka_unit_test(old_differences_are_forgotten),
        cmocka_unit_test(an_older_attempt_that_was_late_is_recognised),
        cmocka_unit_test(a_round_is_taken_reported_and_ended),
        cmocka_unit_test(a_push_tells_before_and_after),
        cmocka_unit_test(products_are_found_by_text_or_number),
    };
    return cmocka_run_group_tests(tests, make_schema, drop_schema);
}

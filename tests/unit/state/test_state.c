/* Needs an empty database in STOCKSYNC_TEST_DSN; makes the schema stocksync, drops it again. */
#include <pthread.h>
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
#include "consumer/state/attempt_store.h"
#include "consumer/state/level_store.h"
#include "consumer/state/parked_store.h"
#include "consumer/state/product_store.h"
#include "consumer/state/state.h"
#include "consumer/state/warehouse_store.h"
#include "tests/unit/state/one_attempt.h"
#include "tests/unit/state/server.h"

#define SERVER_TEST(function) cmocka_unit_test_setup(function, empty_tables)

static int empty_tables(void **fixture)
{
    (void)fixture;
    if (dsn != NULL) {
        run_sql("DROP TABLE IF EXISTS stocksync.migration;"
                "CREATE TABLE stocksync.migration (part text, version integer,"
                " applied_at timestamptz DEFAULT now(), PRIMARY KEY (part, version));"
                "INSERT INTO stocksync.migration VALUES ('odoo', 9), ('state', 4);"
                "TRUNCATE stocksync.level, stocksync.attempt, stocksync.product, stocksync.parked,"
                " stocksync.warehouse");
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

/* --- opening --- */

static void state_open_names_the_remedy_for_a_wrong_schema(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    static const struct {
        const char *sql;
        enum status expected;
        const char *text;
    } cases[] = {
        {"UPDATE stocksync.migration SET version = 5 WHERE part = 'state'", STATUS_DATABASE_UNFIT,
         "newer stocksync"},
        {"DELETE FROM stocksync.migration WHERE part = 'state'", STATUS_DATABASE_UNFIT,
         "run 'stocksync-producer install'"},
        {"DROP TABLE stocksync.migration", STATUS_DATABASE_UNFIT,
         "run 'stocksync-producer install'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        run_sql(cases[i].sql);
        struct state *s = state_new(dsn, "outlet");
        assert_int_equal(state_open(s, &err), cases[i].expected);
        assert_non_null(strstr(err.msg, cases[i].text));
        state_free(s);
    }
}

static void state_warehouses_come_as_they_were_noted(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct state_warehouse *list = NULL;
    size_t count = 0;
    struct err err = {0};
    struct state *s = state_of("outlet");
    run_sql("INSERT INTO stocksync.warehouse (id, code, company, active, company_id) VALUES"
            " (4, 'NO', 'Söhne & Co', false, 17), (1, 'WH', 'Main', true, NULL)");
    ok(state_warehouses(s, &list, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_int_equal(list[0].id, 1);
    assert_true(list[0].active);
    assert_string_equal(list[1].code, "NO");
    assert_string_equal(list[1].company, "Söhne & Co");
    assert_false(list[1].active);
    assert_int_equal(list[0].company_id, 0);
    assert_int_equal(list[1].company_id, 17);
    state_warehouses_release(list, count);
    state_free(s);
}

/* --- levels --- */

static struct level_write
write_of(int64_t item, int64_t location, int32_t quantity, int64_t revision)
{
    return (struct level_write){.key = {item, location},
                                .product_id = (int32_t)(item % 1000),
                                .quantity = quantity,
                                .desired = quantity + 1,
                                .change_from = quantity - 1,
                                .revision = revision,
                                .changed_at_us = INT64_C(1700000000123456) + revision};
}

static struct level_known known_of(struct state *s, int64_t item, int64_t location)
{
    struct level_key key = {item, location};
    struct level_known known;
    struct err err = {0};
    ok(state_levels_read(s, &key, 1, 0, &known, &err), &err);
    assert_int_equal(known.key.item, item);
    assert_int_equal(known.key.location, location);
    return known;
}

static void
assert_level(struct state *s, int64_t item, int64_t location, int32_t quantity, int64_t revision)
{
    struct level_known known = known_of(s, item, location);
    assert_true(known.found);
    assert_int_equal(known.quantity, quantity);
    assert_int_equal(known.desired, quantity + 1);
    assert_int_equal(known.revision, revision);
}

static void state_levels_never_lower_a_revision(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct state *s = state_of("outlet");
    struct state *other = state_of("other");
    struct level_write first[] = {write_of(44000000000001, 7, 10, 100),
                                  write_of(44000000000001, 8, 20, 100)};
    assert_false(known_of(s, 44000000000001, 7).found);
    ok(state_levels_note(s, first, 2, &err), &err);
    assert_level(s, 44000000000001, 7, 10, 100);
    assert_level(s, 44000000000001, 8, 20, 100);
    assert_false(known_of(other, 44000000000001, 7).found);
    /* one older, one newer, one of the same revision, one twice in the batch */
    struct level_write second[] = {
        write_of(44000000000001, 7, 11, 99), write_of(44000000000001, 8, 21, 101),
        write_of(44000000000002, 7, 31, 102), write_of(44000000000002, 7, 30, 101)};
    ok(state_levels_note(s, second, 4, &err), &err);
    assert_level(s, 44000000000001, 7, 10, 100);
    assert_level(s, 44000000000001, 8, 21, 101);
    assert_level(s, 44000000000002, 7, 31, 102);
    struct level_write same = write_of(44000000000002, 7, 32, 102);
    ok(state_levels_note(s, &same, 1, &err), &err);
    assert_level(s, 44000000000002, 7, 32, 102);
    ok(state_levels_note(s, NULL, 0, &err), &err);
    ok(state_levels_read(s, NULL, 0, 0, NULL, &err), &err);
    state_free(s);
    state_free(other);
}

static void state_levels_read_fills_known_and_unknown_keys(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    enum { COUNT = 3000 };
    static struct level_write list[COUNT];
    static struct level_key keys[2 * COUNT];
    static struct level_known known[2 * COUNT];
    struct err err = {0};
    struct state *s = state_of("outlet");
    for (int i = 0; i < COUNT; i++) {
        list[i] = write_of(i, i % 5, i, i + 1);
        keys[i] = (struct level_key){COUNT - i, i % 7};
        keys[COUNT + i] = (struct level_key){i, i % 5};
    }
    ok(state_levels_note(s, list, COUNT, &err), &err);
    for (int round = 0; round < 8; round++) { /* past the fifth, with a generic plan */
        ok(state_levels_read(s, keys, 2 * (size_t)COUNT, 0, known, &err), &err);
    }
    for (int i = 0; i < 2 * COUNT; i++) {
        int64_t item = keys[i].item;
        bool there = item < COUNT && keys[i].location == item % 5;
        assert_int_equal(known[i].found, there);
        assert_int_equal(known[i].quantity, there ? item : 0);
        assert_int_equal(known[i].revision, there ? item + 1 : 0);
    }
    state_free(s);
}

struct noter {
    pthread_t thread;
    bool backwards;
    enum status rc;
    struct err err;
};

static void *note_often(void *arg)
{
    enum { COUNT = 200, ROUNDS = 60 };
    struct noter *n = arg;
    struct level_write list[COUNT];
    struct state *s = state_new(dsn, "outlet");
    for (int64_t round = 1; round <= ROUNDS && n->rc == STATUS_OK; round++) {
        for (int64_t i = 0; i < COUNT; i++) {
            list[i] = write_of(n->backwards ? COUNT - i : i, 1, 1, round);
        }
        n->rc = state_levels_note(s, list, COUNT, &n->err);
    }
    state_free(s);
    return NULL;
}

static void state_levels_noted_in_opposite_order_do_not_deadlock(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct noter noters[2] = {{.backwards = false}, {.backwards = true}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&noters[i].thread, NULL, note_often, &noters[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(noters[i].thread, NULL), 0);
        ok(noters[i].rc, &noters[i].err);
    }
}

/* --- attempts --- */

static const char KEY_A[] = "0b1e7f4e-0000-5000-8000-00000000000a";
static const char KEY_B[] = "0b1e7f4e-0000-5000-8000-00000000000b";

static struct state_attempt
attempt_of(const char *key, char *variables, struct level_write *list, size_t count)
{
    struct state_attempt a = {.generation = 2147483647, .list = list, .count = count};
    a.variables = variables;
    (void)snprintf(a.key, sizeof a.key, "%s", key);
    return a;
}

static void state_attempt_applied_writes_levels_and_clears_their_parked_rows(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct state *s = state_of("outlet");
    char variables[] = "{\"input\":{\"name\":\"available\"}}";
    struct level_write list[] = {write_of(1, 7, 10, 100), write_of(2, 7, 20, 90),
                                 write_of(3, 7, 30, 100)};
    struct state_attempt attempt = attempt_of(KEY_A, variables, list, 3);
    struct level_write newer = write_of(2, 7, 25, 95);
    struct state_parked parked[] = {
        {.key = {1, 7}, .partition = -1, .revision = 100, .reason = "stale", .detail = "x"},
        {.key = {3, 7}, .partition = -1, .revision = 101, .reason = "stale", .detail = "x"},
        {.key = {9, 7}, .partition = -1, .revision = 1, .reason = "stale", .detail = "x"}};
    for (size_t i = 0; i < 3; i++) {
        state_subject_level(parked[i].subject, parked[i].key);
    }
    ok(state_park(s, parked, 3, &err), &err);
    ok(state_levels_note(s, &newer, 1, &err), &err);
    ok(begin_one(s, &attempt, &err), &err);
    assert_int_equal(
        number(
            "SELECT count(*) FROM stocksync.attempt WHERE outcome IS NULL AND answered_at IS NULL"),
        1);
    for (int again = 0; again < 2;
         again++) { /* the answer to the first COMMIT may have been lost */
        ok(settle_one(s, &attempt, "applied", "req-1", INT64_C(1700000001000000), &err), &err);
        assert_level(s, 1, 7, 10, 100);
        assert_level(s, 2, 7, 25, 95);
        assert_level(s, 3, 7, 30, 100);
    }
    assert_int_equal(
        number(
            "SELECT count(*) FROM stocksync.attempt WHERE outcome = 'applied' AND request_id = "
            "'req-1'"
            " AND variables = '' AND answered_at = timestamptz 'epoch' + interval '1700000001 s'"),
        1);
    assert_int_equal(number("SELECT count(*) FROM stocksync.level WHERE written_at = timestamptz "
                            "'epoch' + interval '1700000001 s'"),
                     2);
    assert_int_equal(number("SELECT count(*) FROM stocksync.parked WHERE subject = 'level/1/7'"),
                     0);
    assert_int_equal(number("SELECT count(*) FROM stocksync.parked"), 2);
    state_free(s);
}

static void state_attempt_key_is_used_once(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct state *s = state_of("outlet");
    struct state *other = state_of("outlet");
    char variables[] = "{}";
    char others[] = "{\"a\":1}";
    struct level_write list[] = {write_of(1, 7, 10, 100)};
    struct state_attempt attempt = attempt_of(KEY_A, variables, list, 1);
    struct state_attempt differs = attempt_of(KEY_A, others, list, 1);
    ok(begin_one(s, &attempt, &err), &err);
    ok(begin_one(s, &attempt, &err), &err); /* the same once more: stored already */
    assert_int_equal(begin_one(s, &differs, &err), STATUS_SOURCE_BUSY);
    assert_non_null(strstr(err.msg, KEY_A));
    assert_int_equal(begin_one(other, &attempt, &err), STATUS_SOURCE_BUSY);
    ok(settle_one(s, &attempt, "stale", NULL, 1, &err), &err);
    assert_int_equal(begin_one(s, &attempt, &err), STATUS_SOURCE_BUSY);
    state_free(s);
    state_free(other);
}

static size_t adopt(struct state *s, struct state_attempt **list)
{
    size_t count = 0;
    struct err err = {0};
    ok(state_attempts_adopt(s, 0, list, &count, &err), &err);
    return count;
}

static size_t adopt_count(struct state *s)
{
    struct state_attempt *list = NULL;
    size_t count = adopt(s, &list);
    state_attempts_release(list, count);
    return count;
}

/* The server notices the end of a connection a moment later. */
static size_t adopt_when_noticed(struct state *s, struct state_attempt **list)
{
    int64_t deadline = clock_monotonic_us() + INT64_C(10000000);
    size_t count = adopt(s, list);
    while (count == 0 && clock_left_ms(deadline) > 0) {
        state_attempts_release(*list, count);
        count = adopt(s, list);
    }
    return count;
}

static void state_attempts_of_a_dead_process_are_adopted_once_and_unchanged(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct state *dying = state_of("outlet");
    struct state *heir = state_of("outlet");
    struct state *elsewhere = state_of("other");
    char first[] = "{\"input\":{\"quantities\":[1,2]}}";
    char second[] = "{}";
    struct level_write list[] = {write_of(44000000000002, 71000000000009, 10, 100),
                                 write_of(44000000000001, 71000000000008, -3, 101)};
    struct state_attempt b = attempt_of(KEY_B, first, list, 2);
    struct state_attempt a = attempt_of(KEY_A, second, list, 1);
    struct state_attempt *got = NULL;
    ok(begin_one(dying, &b, &err), &err);
    ok(begin_one(dying, &a, &err), &err);
    assert_int_equal(adopt_count(dying), 0);
    assert_int_equal(adopt_count(heir), 0);
    state_free(dying);
    assert_int_equal(adopt_when_noticed(heir, &got), 2);
    assert_int_equal(adopt_count(elsewhere), 0);
    assert_string_equal(got[0].key, KEY_B); /* in order of sending */
    assert_string_equal(got[1].key, KEY_A);
    assert_string_equal(got[0].variables, first);
    assert_int_equal(got[0].generation, 2147483647);
    assert_int_equal(got[0].count, 2);
    assert_int_equal(got[1].count, 1);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(got[0].list[i].key.item, list[i].key.item);
        assert_int_equal(got[0].list[i].key.location, list[i].key.location);
        assert_int_equal(got[0].list[i].product_id, list[i].product_id);
        assert_int_equal(got[0].list[i].quantity, list[i].quantity);
        assert_int_equal(got[0].list[i].change_from, list[i].change_from);
        assert_int_equal(got[0].list[i].desired, list[i].desired);
        assert_int_equal(got[0].list[i].revision, list[i].revision);
        assert_int_equal(got[0].list[i].changed_at_us, list[i].changed_at_us);
    }
    struct state *late = state_of("outlet");
    assert_int_equal(adopt_count(late), 0); /* the heir lives */
    ok(settle_one(heir, &got[0], "applied", NULL, 1, &err), &err);
    assert_level(heir, 44000000000001, 71000000000008, -3, 101);
    state_attempts_release(got, 2);
    state_free(heir);
    assert_int_equal(adopt_when_noticed(late, &got), 1); /* only what is still open */
    assert_string_equal(got[0].key, KEY_A);
    state_attempts_release(got, 1);
    state_free(late);
    state_free(elsewhere);
}

static void state_that_lost_its_connection_takes_its_lock_again(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct state *s = state_of("cut off");
    struct state *other = state_of("cut off too");
    char variables[] = "{}";
    struct level_write list[] = {write_of(1, 7, 10, 100)};
    struct state_attempt attempt = attempt_of(KEY_A, variables, list, 1);
    ok(begin_one(s, &attempt, &err), &err);
    assert_int_equal(number("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                            " WHERE application_name = 'stocksync-consumer cut off'"),
                     1);
    enum status rc = settle_one(s, &attempt, "applied", NULL, 1, &err);
    assert_int_equal(rc, STATUS_SOURCE_LOST);
    int64_t deadline = clock_monotonic_us() + INT64_C(10000000);
    do {
        rc = begin_one(s, &attempt, &err);
    } while (rc == STATUS_SOURCE_BUSY && clock_left_ms(deadline) > 0);
    ok(rc, &err);
    assert_int_equal(number("SELECT count(*) FROM pg_locks l JOIN stocksync.attempt a"
                            " ON l.classid::bigint << 32 | l.objid::bigint = a.instance"
                            " WHERE l.locktype = 'advisory' AND l.granted"),
                     1);
    ok(settle_one(s, &attempt, "applied", NULL, 1, &err), &err);
    assert_level(s, 1, 7, 10, 100);
    state_free(s);
    state_free(other);
}

/* --- products --- */

struct loaded {
    size_t count;
    int32_t last;
    bool ascending;
    char text[32];
    bool has_text, sellable;
    int64_t revision;
};

static void load(void *arg, const struct state_product *product)
{
    struct loaded *l = arg;
    l->ascending =
        (l->count == 0 || product->product_id > l->last) && (l->count == 0 || l->ascending);
    l->count++;
    l->last = product->product_id;
    l->has_text = product->text != NULL;
    (void)snprintf(l->text, sizeof l->text, "%s", l->has_text ? product->text : "");
    l->sellable = product->sellable;
    l->revision = product->revision;
}

static void assert_product(struct state *s, const char *text, bool sellable, int64_t revision)
{
    struct loaded l = {0};
    struct err err = {0};
    ok(state_products_load(s, load, &l, &err), &err);
    assert_int_equal(l.count, 1);
    assert_int_equal(l.has_text, text != NULL);
    assert_string_equal(l.text, text != NULL ? text : "");
    assert_int_equal(l.sellable, sellable);
    assert_int_equal(l.revision, revision);
}

static void state_products_keep_the_newest_note(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    static const struct {
        const char *name;
        struct state_product notes[2];
        size_t count;
        const char *text;
        bool sellable;
        int64_t revision;
    } cases[] = {
        {"first", {{5, true, "A", 100}}, 1, "A", true, 100},
        {"older", {{5, true, "B", 99}}, 1, "A", true, 100},
        {"newer, without text", {{5, false, NULL, 101}}, 1, NULL, false, 101},
        {"twice in one batch", {{5, true, "D", 103}, {5, true, "C", 102}}, 2, "D", true, 103},
        {"twice with one revision, the later counts",
         {{5, true, "E", 104}, {5, false, "F", 104}},
         2,
         "F",
         false,
         104},
        {"same revision", {{5, true, "G", 104}}, 1, "G", true, 104},
        {"quotes, braces, backslash",
         {{5, true, "a\"b\\{c},NULL", 105}},
         1,
         "a\"b\\{c},NULL",
         true,
         105},
        {"the word NULL", {{5, true, "NULL", 106}}, 1, "NULL", true, 106},
        {"not UTF-8", {{5, true, "\xC3\xA4\xFFz\xC3", 107}}, 1, "\xC3\xA4?z?", true, 107},
    };
    struct err err = {0};
    struct state *s = state_of("outlet");
    struct state *other = state_of("other");
    struct loaded none = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ok(state_products_note(s, cases[i].notes, cases[i].count, &err), &err);
        assert_product(s, cases[i].text, cases[i].sellable, cases[i].revision);
    }
    ok(state_products_load(other, load, &none, &err), &err);
    assert_int_equal(none.count, 0);
    state_free(s);
    state_free(other);
}

static void state_products_load_gives_every_page(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    enum { COUNT = 45000, SLICE = 5000 };
    static struct state_product list[SLICE];
    struct err err = {0};
    struct loaded l = {0};
    struct state *s = state_of("outlet");
    for (int32_t from = 0; from < COUNT; from += SLICE) {
        for (int32_t i = 0; i < SLICE; i++) {
            list[i] = (struct state_product){COUNT - from - i, true, "SKU", 1};
        }
        ok(state_products_note(s, list, SLICE, &err), &err);
    }
    ok(state_products_load(s, load, &l, &err), &err);
    assert_int_equal(l.count, COUNT);
    assert_int_equal(l.last, COUNT);
    assert_true(l.ascending);
    state_free(s);
}

/* A process need not read back its own notes. */
static void state_products_noted_gives_new_notes_of_other_processes(void **fixture)
{
    (void)fixture;
    NEEDS_SERVER();
    struct err err = {0};
    struct state *s = state_of("outlet");
    struct state *second = state_of("outlet");
    struct state *other = state_of("other");
    struct state_product list[] = {{1, true, "A", 1}, {2, true, "B", 1}};
    struct loaded mine = {0};
    struct loaded theirs = {0};
    struct loaded none = {0};
    ok(state_products_note(s, &list[0], 1, &err), &err);
    ok(state_products_note(second, &list[1], 1, &err), &err);
    run_sql("INSERT INTO stocksync.product (store, product_id, match, sellable, revision, noted_at)"
            " VALUES ('outlet', 3, 'C', true, 1, now() - interval '1 hour')");
    ok(state_products_noted(s, 60, load, &theirs, &err), &err);
    assert_int_equal(theirs.count, 1);
    assert_int_equal(theirs.last, 2);
    ok(state_products_noted(second, 7200, load, &mine, &err), &err);
    assert_int_equal(mine.count, 2);
    assert_int_equal(mine.last, 3);
    ok(state_products_noted(other, 7200, load, &none, &err), &err);
    assert_int_equal(none.count, 0);
    state_free(s);
    state_free(second);
    state_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(state_open_names_the_remedy_for_a_wrong_schema),
        SERVER_TEST(state_warehouses_come_as_they_were_noted),
        SERVER_TEST(state_levels_never_lower_a_revision),
        SERVER_TEST(state_levels_read_fills_known_and_unknown_keys),
        SERVER_TEST(state_levels_noted_in_opposite_order_do_not_deadlock),
        SERVER_TEST(state_attempt_applied_writes_levels_and_clears_their_parked_rows),
        SERVER_TEST(state_attempt_key_is_used_once),
        SERVER_TEST(state_attempts_of_a_dead_process_are_adopted_once_and_unchanged),
        SERVER_TEST(state_that_lost_its_connection_takes_its_lock_again),
        SERVER_TEST(state_products_keep_the_newest_note),
        SERVER_TEST(state_products_load_gives_every_page),
        SERVER_TEST(state_products_noted_gives_new_notes_of_other_processes),
    };
    return cmocka_run_group_tests(tests, make_schema, drop_schema);
}

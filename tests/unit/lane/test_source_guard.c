#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/source_guard.h"
#include "tests/unit/lane/bench.h"

static struct source_guard guard;

static void open_guard(const char *database, int64_t since)
{
    struct state_guard row = {.database_since = since};
    (void)snprintf(row.database, sizeof row.database, "%s", database);
    source_guard_close(&guard);
    source_guard_open(&guard, &bench.c, &bench.streams.known, &row);
}

static int close_guard(void **state)
{
    source_guard_close(&guard);
    return bench_close(state);
}

#define GUARD_TEST(function) cmocka_unit_test_setup_teardown(function, bench_open, close_guard)

static bool admits_of(const char *stream, const char *key, const char *database, int64_t revision)
{
    struct record_position at = bench_record();
    struct source_event event = {.type = SOURCE_RECORD,
                                 .key = bytes_text(key),
                                 .header_revision = revision,
                                 .header_database =
                                     database != NULL ? bytes_text(database) : (struct bytes){0}};
    struct err err = {0};
    bool admitted = false;
    if (stream != NULL) {
        event.header_stream = bytes_text(stream);
    }
    assert_int_equal(source_guard_admits(&guard, &event, at, &admitted, &err), STATUS_OK);
    offset_ledger_finish(bench.c.ledger, at);
    return admitted;
}

static bool admits(const char *key, const char *database, int64_t revision)
{
    return admits_of(NULL, key, database, revision);
}

static int foreign(void)
{
    return (int)metric_value(bench.metrics.record.foreign);
}

static void the_first_database_is_followed(void **state)
{
    (void)state;
    open_guard("", 0);
    assert_true(admits("1", NULL, 10)); /* of an older producer */
    assert_string_equal(guard.database, "");
    assert_true(admits("1", "one", 11));
    assert_false(admits("1", "two", 12));
    assert_string_equal(guard.database, "one");
    assert_string_equal(guard.other_database, "two");
    assert_int_equal(foreign(), 1);
}

static void a_foreign_record_holds_its_offset_until_the_right_one_comes(void **state)
{
    (void)state;
    struct lane_hold hold = {0};
    open_guard("one", 0);
    assert_false(admits("7", "two", 12));
    assert_true(source_guard_wants_hold(&guard));
    assert_int_equal(bench_unfinished(), 1);
    assert_int_equal(guard.newest_revision, 12);
    source_guard_describe(&guard, &hold);
    assert_string_equal(hold.reason, "another_database");
    assert_non_null(strstr(hold.detail, "records of Odoo database two, but one is this store's"));
    assert_non_null(strstr(hold.detail, "--store alpha"));
    assert_true(admits("8", "one", 13));
    assert_true(source_guard_wants_hold(&guard));
    assert_true(admits("7", "one", 14));
    assert_false(source_guard_wants_hold(&guard));
    assert_int_equal(bench_unfinished(), 0);
}

static void history_of_another_database_is_skipped(void **state)
{
    (void)state;
    open_guard("one", 20);
    assert_false(admits("7", "two", 20));
    assert_false(source_guard_wants_hold(&guard));
    assert_false(admits("7", "two", 21));
    assert_true(source_guard_wants_hold(&guard));
}

static void a_dry_run_and_an_unreadable_key_hold_nothing(void **state)
{
    (void)state;
    open_guard("one", 0);
    assert_false(admits("no id", "two", 12));
    bench.sink.writes = false;
    assert_false(admits("7", "two", 13));
    assert_false(source_guard_wants_hold(&guard));
    assert_int_equal(foreign(), 2);
    assert_int_equal(bench_unfinished(), 0);
}

static void a_partition_that_leaves_takes_its_foreign_records_along(void **state)
{
    (void)state;
    open_guard("one", 0);
    assert_false(admits("7", "two", 12));
    source_guard_drop_partition(&guard, 1);
    assert_true(source_guard_wants_hold(&guard));
    source_guard_drop_partition(&guard, 0);
    assert_false(source_guard_wants_hold(&guard));
}

static void a_long_database_is_cut(void **state)
{
    (void)state;
    char name[100];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    open_guard("", 0);
    assert_true(admits("7", name, 12));
    assert_int_equal(strlen(guard.database), STATE_DATABASE_SIZE - 1);
    assert_true(admits("7", name, 13));
}

/* --- streams --- */

static void know_streams(void)
{
    struct err err = {0};
    bench.streams.list[0] = (struct state_stream){.id = "s-2", .first_revision = 20};
    bench.streams.list[1] = (struct state_stream){.id = "s-1", .first_revision = 10};
    bench.streams.count = 2;
    assert_int_equal(streams_open(&bench.streams.known, &bench.c, &err), STATUS_OK);
}

static void history_of_an_earlier_stream_is_passed_over_whatever_its_database(void **state)
{
    (void)state;
    know_streams();
    open_guard("one", 0);
    assert_false(admits_of("s-1", "7", "one", 15));
    assert_false(admits_of("s-1", "7", "two", 15)); /* another database took over */
    assert_false(admits("7", "one", 20));
    assert_true(admits_of("s-2", "7", "one", 21));
    assert_true(admits("7", "one", 22));
    assert_false(source_guard_wants_hold(&guard));
    assert_int_equal((int)metric_value(bench.metrics.record.earlier), 3);
    assert_int_equal(foreign(), 0);
    assert_int_equal(bench_unfinished(), 0);
}

static void an_unknown_stream_holds_until_the_present_one_has_the_product(void **state)
{
    (void)state;
    struct lane_hold hold = {0};
    know_streams();
    open_guard("one", 0);
    assert_false(admits_of("s-3", "7", "one", 30));
    assert_int_equal((int)metric_value(bench.metrics.record.unknown_stream), 1);
    assert_true(source_guard_wants_hold(&guard));
    source_guard_describe(&guard, &hold);
    assert_string_equal(hold.reason, "unknown_stream");
    assert_non_null(strstr(hold.detail, "records of stream s-3, but the state's is s-2"));
    assert_non_null(strstr(hold.detail, "resume --store alpha --stream s-2'"));
    assert_false(admits_of("s-1", "7", "one", 15)); /* history settles nothing */
    assert_true(source_guard_wants_hold(&guard));
    assert_true(admits_of("s-2", "7", "one", 31));
    assert_false(source_guard_wants_hold(&guard));
    assert_int_equal(bench_unfinished(), 0);
}

static void the_newest_foreign_record_gives_the_reason(void **state)
{
    (void)state;
    struct lane_hold hold = {0};
    know_streams();
    open_guard("one", 0);
    assert_false(admits_of("s-3", "7", "one", 30));
    assert_false(admits_of("s-3", "8", "two", 31)); /* a copy with another state */
    source_guard_describe(&guard, &hold);
    assert_string_equal(hold.reason, "another_database");
    assert_false(admits_of("s-3", "8", "one", 32));
    source_guard_describe(&guard, &hold);
    assert_string_equal(hold.reason, "unknown_stream");
}

static void what_a_person_has_passed_over_holds_nothing(void **state)
{
    (void)state;
    know_streams();
    open_guard("one", 40);
    assert_false(admits_of("s-3", "7", "one", 40));
    assert_false(source_guard_wants_hold(&guard));
    assert_false(admits_of("s-3", "7", "one", 41));
    assert_true(source_guard_wants_hold(&guard));
}

static void a_stream_that_begins_renews_the_session(void **state)
{
    (void)state;
    struct err err = {0};
    bool admitted = true;
    const struct state_guard row = {.database = "one"};
    const struct source_event event = {.type = SOURCE_RECORD,
                                       .key = bytes_text("7"),
                                       .header_revision = 41,
                                       .header_stream = bytes_text("s-4")};
    know_streams();
    open_guard("one", 0);
    assert_int_equal(source_guard_compare(&guard, &row, &err), STATUS_OK);
    bench.streams.list[0].id[2] = '4';
    assert_int_equal(source_guard_compare(&guard, &row, &err), STATUS_RENEW);
    assert_int_equal(source_guard_admits(&guard, &event, bench_record(), &admitted, &err),
                     STATUS_RENEW);
    assert_false(admitted);
}

static void the_first_write_pins_the_database_once(void **state)
{
    (void)state;
    struct err err;
    open_guard("", 0);
    assert_int_equal(source_guard_pin(&guard, &err), STATUS_OK);
    assert_string_equal(bench.calls, ""); /* none is known */
    assert_true(admits("1", "one", 11));
    bench.fails = "pin";
    assert_int_equal(source_guard_pin(&guard, &err), STATUS_SOURCE_LOST);
    bench.fails = NULL;
    assert_int_equal(source_guard_pin(&guard, &err), STATUS_OK);
    assert_int_equal(source_guard_pin(&guard, &err), STATUS_OK);
    assert_string_equal(bench.calls, "pin pin ");
    assert_true(guard.pinned);
}

static void another_pinned_database_renews_the_session(void **state)
{
    (void)state;
    struct err err;
    open_guard("", 0);
    assert_true(admits("1", "one", 11));
    bench.guard.pinned = "two";
    assert_int_equal(source_guard_pin(&guard, &err), STATUS_RENEW);
    assert_false(guard.pinned);
}

static const struct {
    const char *name, *ours, *state;
    int64_t since, state_since;
    const char *then;
    enum status rc;
    bool pinned;
} COMPARED[] = {
    {"nothing is known", "", "", 0, 0, "", STATUS_OK, false},
    {"the state does not know", "one", "", 0, 0, "one", STATUS_OK, true},
    {"the state knows first", "", "two", 0, 0, "two", STATUS_OK, true},
    {"both know the same", "one", "one", 5, 5, "one", STATUS_OK, true},
    {"they differ", "one", "two", 0, 0, "one", STATUS_RENEW, true},
    {"a person confirmed again", "one", "one", 5, 6, "one", STATUS_RENEW, true},
};

static void the_state_is_compared_with_what_is_followed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof COMPARED / sizeof COMPARED[0]; i++) {
        struct err err;
        struct state_guard row = {.database_since = COMPARED[i].state_since};
        (void)snprintf(row.database, sizeof row.database, "%s", COMPARED[i].state);
        open_guard(COMPARED[i].ours, COMPARED[i].since);
        enum status rc = source_guard_compare(&guard, &row, &err);
        if (rc != COMPARED[i].rc || strcmp(guard.database, COMPARED[i].then) != 0 ||
            guard.pinned != COMPARED[i].pinned) {
            fail_msg("%s", COMPARED[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GUARD_TEST(the_first_database_is_followed),
        GUARD_TEST(a_foreign_record_holds_its_offset_until_the_right_one_comes),
        GUARD_TEST(history_of_another_database_is_skipped),
        GUARD_TEST(a_dry_run_and_an_unreadable_key_hold_nothing),
        GUARD_TEST(a_partition_that_leaves_takes_its_foreign_records_along),
        GUARD_TEST(a_long_database_is_cut),
        GUARD_TEST(history_of_an_earlier_stream_is_passed_over_whatever_its_database),
        GUARD_TEST(an_unknown_stream_holds_until_the_present_one_has_the_product),
        GUARD_TEST(the_newest_foreign_record_gives_the_reason),
        GUARD_TEST(what_a_person_has_passed_over_holds_nothing),
        GUARD_TEST(a_stream_that_begins_renews_the_session),
        GUARD_TEST(the_first_write_pins_the_database_once),
        GUARD_TEST(another_pinned_database_renews_the_session),
        GUARD_TEST(the_state_is_compared_with_what_is_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

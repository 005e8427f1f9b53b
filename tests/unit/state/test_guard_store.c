/* Needs an empty database in STOCKSYNC_TEST_DSN; makes the schema stocksync, drops it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "common/pg/pg_query.h"
#include "consumer/state/attempt_store.h"
#include "consumer/state/guard_store.h"
#include "consumer/state/level_store.h"
#include "tests/unit/state/one_attempt.h"
#include "tests/unit/state/server.h"

#define SECOND INT64_C(1000000)
#define WINDOW (600 * SECOND)

static struct state *fresh_store(void)
{
    struct err err = {0};
    NEEDS_SERVER();
    ok(pg_exec(admin, "TRUNCATE stocksync.guard, stocksync.level, stocksync.attempt", &err), &err);
    return state_new(dsn, "outlet");
}

static struct state_guard guard_of(struct state *s)
{
    struct state_guard guard;
    struct err err = {0};
    ok(state_guard_read(s, &guard, &err), &err);
    return guard;
}

static void hold(struct state *s, const char *detail, int64_t revision)
{
    struct err err = {0};
    struct state_guard guard = {
        .held_at_us = clock_wall_us(), .reason = "brake_zero", .examples = "product 1\n"};
    (void)snprintf(guard.detail, sizeof guard.detail, "%s", detail);
    ok(state_guard_hold(s, &guard, revision, &err), &err);
}

static void a_hold_belongs_to_its_holder_until_the_holder_is_gone(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct state *first = fresh_store();
    struct state *second = state_new(dsn, "outlet");
    struct state *neighbour = state_new(dsn, "wholesale");
    assert_int_equal(guard_of(first).held_at_us, 0);
    hold(first, "first", 100);
    assert_true(guard_of(first).ours);
    assert_false(guard_of(second).ours);
    assert_string_equal(guard_of(second).detail, "first");
    assert_string_equal(guard_of(second).examples, "product 1\n");
    assert_int_equal(guard_of(neighbour).held_at_us, 0);
    hold(second, "second", 100);
    assert_string_equal(guard_of(second).detail, "first");
    ok(state_guard_release(second, &err), &err);
    ok(state_guard_adopt(second, &err), &err);
    assert_int_not_equal(guard_of(second).held_at_us, 0);
    assert_false(guard_of(second).ours);
    state_free(first);
    while (!guard_of(second).ours) { /* the server notices a moment later */
        ok(state_guard_adopt(second, &err), &err);
    }
    hold(second, "second", 100);
    assert_string_equal(guard_of(second).detail, "second");
    ok(state_guard_release(second, &err), &err);
    assert_int_equal(guard_of(second).held_at_us, 0);
    state_free(neighbour);
    state_free(second);
}

static void resume_accepts_all_changes_until_now(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct state *s = fresh_store();
    ok(state_guard_resume(s, NULL, false, &err), &err);
    assert_int_equal(guard_of(s).accepted_revision, 0); /* nothing is accepted beforehand */
    int64_t before = clock_wall_us() - SECOND;
    hold(s, "why", 100);
    ok(state_guard_resume(s, NULL, false, &err), &err);
    struct state_guard after = guard_of(s);
    assert_int_equal(after.held_at_us, 0);
    assert_string_equal(after.detail, "");
    assert_true(after.accepted_revision > before);
    /* a producer that is ahead of the clock */
    int64_t ahead = clock_wall_us() + 60 * SECOND;
    hold(s, "why", ahead);
    ok(state_guard_resume(s, NULL, false, &err), &err);
    assert_int_equal(guard_of(s).accepted_revision, ahead);
    state_free(s);
}

static void a_database_is_pinned_once_and_changed_by_a_person(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct state *s = fresh_store();
    char mine[STATE_DATABASE_SIZE] = "one";
    char late[STATE_DATABASE_SIZE] = "two";
    ok(state_guard_pin(s, mine, &err), &err);
    ok(state_guard_pin(s, late, &err), &err);
    assert_string_equal(late, "one");
    assert_int_equal(guard_of(s).database_since, 0);
    int64_t before = clock_wall_us() - SECOND;
    ok(state_guard_resume(s, "two", true, &err), &err);
    assert_string_equal(guard_of(s).database, "two");
    assert_true(guard_of(s).database_since > before);
    ok(state_guard_resume(s, NULL, false, &err), &err);
    assert_string_equal(guard_of(s).database, "two");
    state_free(s);
}

struct seen {
    struct level_write last;
    size_t count;
};

static void note(void *arg, const struct level_write *write, int64_t at_us)
{
    struct seen *seen = arg;
    assert_true(at_us > 0);
    seen->last = *write;
    seen->count++;
}

static void write_at(struct state *s,
                     const char *key,
                     int32_t from,
                     int32_t to,
                     int64_t revision,
                     int64_t changed_at_us)
{
    struct err err = {0};
    struct level_write write = {.key = {1, 7},
                                .product_id = 5,
                                .quantity = to,
                                .desired = to,
                                .change_from = from,
                                .revision = revision,
                                .changed_at_us = changed_at_us};
    struct state_attempt attempt = {.variables = (char[]){"{}"}, .list = &write, .count = 1};
    (void)snprintf(attempt.key, sizeof attempt.key, "%s", key);
    ok(begin_one(s, &attempt, &err), &err);
    ok(settle_one(s, &attempt, "applied", "r", clock_wall_us(), &err), &err);
}

static void
write_level(struct state *s, const char *key, int32_t from, int32_t to, int64_t revision)
{
    write_at(s, key, from, to, revision, clock_wall_us());
}

static void
write_level_of(struct state *s, const char *key, int32_t from, int32_t to, int64_t changed_at_us)
{
    write_at(s, key, from, to, changed_at_us, changed_at_us);
}

static void the_journal_gives_first_and_last_value_after_the_first_load(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct seen seen = {0};
    size_t levels = 0;
    struct state *s = fresh_store();
    int64_t since = clock_wall_us() - 600 * SECOND;
    write_level(s, "00000000-0000-4000-8000-000000000001", 7777, 9, 100);
    ok(state_guard_journal(s, since, WINDOW, 0, note, &seen, &err), &err);
    assert_int_equal(seen.count, 0); /* the first load */
    ok(state_guard_loaded(s, &err), &err);
    write_level(s, "00000000-0000-4000-8000-000000000002", 9, 4, 101);
    write_level(s, "00000000-0000-4000-8000-000000000003", 4, 0, 102);
    ok(state_guard_journal(s, since, WINDOW, 0, note, &seen, &err), &err);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.last.change_from, 9);
    assert_int_equal(seen.last.quantity, 0);
    seen = (struct seen){0};
    ok(state_guard_journal(s, since, WINDOW, 102, note, &seen, &err), &err);
    assert_int_equal(seen.count, 0); /* accepted */
    ok(state_guard_levels(s, &levels, &err), &err);
    assert_int_equal(levels, 1);
    state_free(s);
}

/* Writes of a process that lives count there; of one that is gone, nobody else counts them. */
static void the_journal_leaves_out_writes_of_living_processes(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct seen seen = {0};
    struct state *s = fresh_store();
    struct state *other = state_new(dsn, "outlet");
    int64_t since = clock_wall_us() - 600 * SECOND;
    ok(state_guard_loaded(s, &err), &err);
    write_level(other, "00000000-0000-4000-8000-000000000004", 9, 4, 101);
    ok(state_guard_journal(s, since, WINDOW, 0, note, &seen, &err), &err);
    assert_int_equal(seen.count, 0);
    state_free(other);
    while (seen.count == 0) { /* the server notices a moment later */
        ok(state_guard_journal(s, since, WINDOW, 0, note, &seen, &err), &err);
    }
    assert_int_equal(seen.last.quantity, 4);
    state_free(s);
}

/* Of a level that was caught up, only the changes of its last window; confirmations are none. */
static void the_journal_goes_by_the_time_of_the_changes(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct seen seen = {0};
    struct state *s = fresh_store();
    int64_t now = clock_wall_us();
    ok(state_guard_loaded(s, &err), &err);
    write_level_of(s, "00000000-0000-4000-8000-000000000005", 9, 6, now - 3 * WINDOW);
    write_level_of(s, "00000000-0000-4000-8000-000000000006", 6, 5, now - WINDOW - SECOND);
    write_level_of(s, "00000000-0000-4000-8000-000000000007", 5, 4, now - 2 * SECOND - WINDOW);
    write_level_of(s, "00000000-0000-4000-8000-000000000008", 4, 4, now);
    ok(state_guard_journal(s, now - 600 * SECOND, WINDOW, 0, note, &seen, &err), &err);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.last.change_from, 6);
    assert_int_equal(seen.last.quantity, 4);
    assert_true(seen.last.changed_at_us == now - WINDOW - SECOND);
    state_free(s);
}

static struct state_contact contact_of(struct state *s, bool go)
{
    struct err err = {0};
    struct state_contact contact;
    ok(state_guard_contact(s, go, &contact, &err), &err);
    return contact;
}

static void hold_first_load(struct state *s)
{
    struct err err = {0};
    const struct state_guard guard = {
        .held_at_us = clock_wall_us(), .reason = "first_load", .detail = "first contact"};
    ok(state_guard_hold(s, &guard, 100, &err), &err);
}

static void a_first_load_waits_until_a_person_resumes_it(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct state *s = fresh_store();
    struct state *other = state_new(dsn, "outlet");
    const struct level_write found = {
        .key = {1, 7}, .product_id = 5, .quantity = 3, .desired = 3, .revision = 1};
    assert_true(contact_of(s, false).waits);
    assert_true(contact_of(s, false).is_fresh);
    ok(state_levels_note(s, &found, 1, &err), &err); /* found equal: no approval */
    assert_true(contact_of(other, false).waits);
    assert_false(contact_of(other, false).is_fresh);
    ok(state_guard_resume(s, NULL, false, &err), &err); /* nothing is approved beforehand */
    assert_true(guard_of(s).first_load_waits);
    hold(s, "another reason", 100);
    ok(state_guard_resume(s, NULL, false, &err), &err);
    assert_true(guard_of(s).first_load_waits);
    hold_first_load(s);
    assert_true(guard_of(other).first_load_waits);
    ok(state_guard_resume(other, NULL, false, &err), &err);
    assert_false(guard_of(s).first_load_waits);
    assert_int_equal(guard_of(s).held_at_us, 0);
    assert_false(contact_of(s, false).waits);
    state_free(other);
    state_free(s);
}

static void a_store_that_is_known_needs_no_approval(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct state *s = fresh_store();
    assert_true(contact_of(s, false).waits);
    assert_false(contact_of(s, true).waits); /* the option was changed */
    assert_false(contact_of(s, false).waits);
    ok(pg_exec(admin, "TRUNCATE stocksync.guard", &err), &err);
    write_level(s, "00000000-0000-4000-8000-000000000009", 1, 2, 1);
    assert_false(contact_of(s, false).waits); /* levels of an older version */
    ok(pg_exec(admin, "TRUNCATE stocksync.guard, stocksync.level", &err), &err);
    ok(state_guard_loaded(s, &err), &err);
    assert_false(contact_of(s, false).waits); /* its first load was over */
    state_free(s);
}

static void a_dry_run_writes_nothing(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    struct state *s = fresh_store();
    struct state *dry = state_new_read_only(dsn, "outlet");
    struct level_write write = {.key = {1, 7}, .product_id = 5, .quantity = 3, .revision = 1};
    struct state_attempt attempt = {.key = "00000000-0000-4000-8000-000000000009",
                                    .variables = (char[]){"{}"},
                                    .list = &write,
                                    .count = 1};
    struct state_attempt *adopted = NULL;
    char database[STATE_DATABASE_SIZE] = "one";
    struct level_known known = {0};
    size_t count = 1;
    hold(s, "why", 100);
    hold(dry, "another", 100);
    ok(state_guard_adopt(dry, &err), &err);
    ok(state_guard_release(dry, &err), &err);
    ok(state_guard_loaded(dry, &err), &err);
    assert_false(contact_of(dry, false).waits);
    ok(state_guard_pin(dry, database, &err), &err);
    ok(state_levels_note(dry, &write, 1, &err), &err);
    ok(begin_one(dry, &attempt, &err), &err);
    ok(settle_one(dry, &attempt, "applied", "r", 1, &err), &err);
    ok(state_attempts_adopt(dry, 0, &adopted, &count, &err), &err);
    assert_int_equal(count, 0);
    ok(state_levels_read(dry, &write.key, 1, 0, &known, &err), &err);
    assert_false(known.found);
    struct state_guard guard = guard_of(dry);
    assert_string_equal(guard.detail, "why");
    assert_false(guard.loaded);
    assert_string_equal(guard.database, "");
    /* what is forgotten in this program the server refuses */
    assert_int_not_equal(state_guard_resume(dry, "two", true, &err), STATUS_OK);
    state_free(dry);
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hold_belongs_to_its_holder_until_the_holder_is_gone),
        cmocka_unit_test(resume_accepts_all_changes_until_now),
        cmocka_unit_test(a_database_is_pinned_once_and_changed_by_a_person),
        cmocka_unit_test(the_journal_gives_first_and_last_value_after_the_first_load),
        cmocka_unit_test(the_journal_leaves_out_writes_of_living_processes),
        cmocka_unit_test(the_journal_goes_by_the_time_of_the_changes),
        cmocka_unit_test(a_first_load_waits_until_a_person_resumes_it),
        cmocka_unit_test(a_store_that_is_known_needs_no_approval),
        cmocka_unit_test(a_dry_run_writes_nothing),
    };
    return cmocka_run_group_tests(tests, make_schema, drop_schema);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/brake_control.h"
#include "tests/unit/lane/bench.h"

static struct source_guard guard;
static struct brake_control brake;

/* Which process holds the store, by the state. */
enum holder { FREE, OURS, ANOTHER };

static void open_brake(enum holder held)
{
    struct err err;
    bench.guard.levels = 10;
    bench.guard.row.loaded = true;
    bench.guard.row.held_at_us = held == FREE ? 0 : 1;
    bench.guard.row.ours = held == OURS;
    (void)snprintf(bench.guard.row.reason, sizeof bench.guard.row.reason, "brake_zero");
    (void)snprintf(bench.guard.row.detail, sizeof bench.guard.row.detail, "as stored");
    source_guard_open(&guard, &bench.c, &bench.streams.known, &bench.guard.row);
    assert_int_equal(brake_control_open(&brake, &bench.c, &guard, &bench.guard.row, &err),
                     STATUS_OK);
    assert_int_equal(brake_control_look(&brake, &err), STATUS_OK);
    bench_forget();
}

static int close_brake(void **state)
{
    source_guard_close(&guard);
    return bench_close(state);
}

#define BRAKE_TEST(function) cmocka_unit_test_setup_teardown(function, bench_open, close_brake)

/* A level that waits for its write, after the store was read or as we remember it. */
static struct level *
put_ready(int64_t item, int32_t product_id, int32_t to, int32_t from, bool is_read)
{
    struct level *level = bench_ready(item, product_id, to, from);
    level->memory.written = true;
    level->read = is_read ? level->desired.revision : 0;
    (void)coalescer_put_back(bench.c.coalescer, level, LEVEL_READY);
    return level;
}

/* READY levels of products 1 … count that would go from 5 to `to`. */
static void pending(int32_t count, int32_t to)
{
    for (int32_t i = 1; i <= count; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", (int)i);
        bench_product(i, sku, 40 + i);
        (void)put_ready(40 + i, i, to, 5, true);
    }
}

static void drop_pending(void)
{
    struct level *levels[BENCH_MAX];
    size_t count = coalescer_take(bench.c.coalescer, LEVEL_READY, levels, BENCH_MAX);
    for (size_t i = 0; i < count; i++) {
        coalescer_finish(bench.c.coalescer, levels[i], NULL);
    }
    brake_control_note_replaced(&brake);
}

static void judge(bool at_end)
{
    struct err err = {0};
    assert_int_equal(brake_control_judge(&brake, at_end, &err), STATUS_OK);
}

static void look(void)
{
    struct err err = {0};
    assert_int_equal(brake_control_look(&brake, &err), STATUS_OK);
}

static int value(const struct metric *m)
{
    return (int)metric_value(m);
}

/* --- counting --- */

static void recount(void)
{
    brake_count_begin(bench.c.brake, bench.wall_us);
    brake_count_end(bench.c.brake);
}

static void levels_are_counted_before_they_are_admitted(void **state)
{
    (void)state;
    open_brake(FREE);
    struct level *levels[6];
    for (int32_t i = 0; i < 6; i++) {
        levels[i] = bench_ready(41 + i, 1 + i, 0, 5);
    }
    assert_true(brake_control_admits(&brake, levels, 5)); /* half of the store is allowed */
    assert_int_equal(levels[4]->judged, 10);
    assert_true(brake_control_admits(&brake, levels, 5)); /* counted once */
    assert_false(brake_control_admits(&brake, levels, 6));
}

static void sent_levels_count_for_the_window(void **state)
{
    (void)state;
    open_brake(FREE);
    struct level *levels[6];
    for (int32_t i = 0; i < 6; i++) {
        levels[i] = bench_ready(41 + i, 1 + i, 0, 5);
    }
    (void)brake_control_admits(&brake, levels, 6);
    brake_control_note_sending(&brake, levels, 6);
    recount();
    assert_int_equal(brake_figures(bench.c.brake).fallen, 6);
    bench_pass_s(61);
    recount();
    assert_int_equal(brake_figures(bench.c.brake).fallen, 0);
}

static void the_journal_counts_and_so_do_adopted_writes_after_the_first_load(void **state)
{
    (void)state;
    const struct level_write writes[] = {{.key = {41, 70}, .change_from = 5, .revision = 3},
                                         {.key = {42, 70}, .change_from = 5, .revision = 3}};
    bench.guard.journal = writes;
    bench.guard.journal_count = 1;
    open_brake(FREE);
    assert_true(bench.guard.journal_since_us == bench.wall_us - 60000000);
    assert_int_equal(brake_figures(bench.c.brake).fallen, 1);
    brake_control_note_adopted(&brake, writes, 2);
    recount();
    assert_int_equal(brake_figures(bench.c.brake).fallen, 2);
    brake.loaded = false;
    const struct level_write more = {.key = {43, 70}, .change_from = 5, .revision = 3};
    brake_control_note_adopted(&brake, &more, 1);
    recount();
    assert_int_equal(brake_figures(bench.c.brake).fallen, 2);
}

static void a_count_gives_figures_and_examples_of_falls(void **state)
{
    (void)state;
    struct err err;
    enum brake_verdict verdict = BRAKE_OFF;
    struct lane_hold hold;
    open_brake(FREE);
    brake_control_note_replaced(&brake);
    (void)put_ready(60, 60, 4, 5, true);
    pending(12, 0);
    assert_int_equal(brake_control_count(&brake, &verdict, &hold, &err), STATUS_OK);
    assert_int_equal(verdict, BRAKE_ZERO);
    assert_string_equal(bench.calls, "guard_levels ");
    assert_string_equal(hold.reason, "brake_zero");
    assert_string_equal(hold.detail,
                        "12 of 10 levels would fall to zero within 60 s, more than brake_percent = "
                        "50: nothing is written until the cause is gone or 'stocksync-consumer "
                        "resume --store alpha' accepts it");
    assert_int_equal(hold.example_count, HOLD_EXAMPLES);
    assert_string_equal(hold.examples[0].sku, "S1");
    assert_int_equal(hold.examples[0].from, 5);
    assert_int_equal(hold.examples[0].to, 0);
    assert_int_equal(value(bench.metrics.brake.fallen), 12);
    assert_int_equal(value(bench.metrics.brake.changed), 13);
    assert_false(brake.replaced);
}

static void a_count_of_changes_leaves_out_levels_that_stay(void **state)
{
    (void)state;
    static const struct brake_limits LIMITS = {
        .window_us = 60000000, .zero_percent = 100, .change_percent = 30, .least = 2};
    struct err err;
    enum brake_verdict verdict = BRAKE_OFF;
    struct lane_hold hold;
    brake_free(bench.c.brake);
    bench.c.brake = brake_new(&LIMITS);
    bench.conf.brake_change_percent = 30;
    open_brake(FREE);
    pending(4, 7);
    (void)put_ready(60, 60, 5, 5, true);
    assert_int_equal(brake_control_count(&brake, &verdict, &hold, &err), STATUS_OK);
    assert_int_equal(verdict, BRAKE_CHANGE);
    assert_int_equal(hold.example_count, 4);
    assert_non_null(strstr(hold.detail, "4 of 10 levels would change within 60 s, more than "
                                        "brake_change_percent = 30"));
    bench.fails = "guard_levels";
    assert_int_equal(brake_control_count(&brake, &verdict, &hold, &err), STATUS_SOURCE_LOST);
}

static void a_process_answers_for_its_share_of_the_levels(void **state)
{
    (void)state;
    bench.options.shared.partitions = 4;
    open_brake(FREE);
    assert_int_equal(brake_figures(bench.c.brake).levels, 2);
    assert_int_equal(brake.known_levels, 10); /* of the whole store */
    bench.input.assigned = 2;
    bench_pass_s(2);
    look();
    assert_string_equal(bench.calls, "guard_read guard_levels streams_read ");
    assert_int_equal(brake_figures(bench.c.brake).levels, 5);
    bench_forget();
    bench_pass_s(2);
    look();
    assert_string_equal(bench.calls,
                        "guard_read streams_read "); /* levels are counted once a minute */
    bench_forget();
    bench_pass_s(60);
    look();
    assert_string_equal(bench.calls, "guard_read guard_levels streams_read ");
}

/* Recent writes of the journal are the whole store's. */
static void nothing_is_scaled_before_partitions_are_assigned(void **state)
{
    (void)state;
    bench.options.shared.partitions = 4;
    bench.input.assigned = 0;
    open_brake(FREE);
    assert_int_equal(brake_figures(bench.c.brake).levels, 10);
    pending(5, 0);
    brake_control_note_replaced(&brake);
    bench_pass_s(2);
    judge(false);
    assert_false(brake.hold.on);
}

/* --- asking before holding --- */

static void ask_about_six_falls(void)
{
    open_brake(FREE);
    for (int32_t i = 1; i <= 6; i++) {
        (void)put_ready(40 + i, i, 0, 5, false);
    }
    (void)put_ready(60, 60, 5, 5, false);
    judge(false);
    assert_true(brake.is_checking);
    assert_int_equal(bench_stage(LEVEL_UNREAD), 6);
    assert_int_equal(value(bench.metrics.brake.checks), 1);
}

/* The store was read; it holds this. */
static void answer(size_t count, int32_t holds)
{
    struct level *levels[BENCH_MAX];
    count = coalescer_take(bench.c.coalescer, LEVEL_UNREAD, levels, count);
    for (size_t i = 0; i < count; i++) {
        levels[i]->read = levels[i]->desired.revision;
        levels[i]->change_from = holds;
        if (holds == levels[i]->desired.quantity) {
            coalescer_finish(bench.c.coalescer, levels[i], NULL);
        } else {
            (void)coalescer_put_back(bench.c.coalescer, levels[i], LEVEL_READY);
        }
    }
}

static void falls_from_memory_are_asked_about(void **state)
{
    (void)state;
    ask_about_six_falls();
    assert_true(brake_control_stops(&brake));
    assert_true(brake_control_deadline_us(&brake) == bench.monotonic_us + 100000);
    judge(false); /* not due yet */
    bench_pass_s(0.1);
    judge(false);
    assert_true(brake.is_checking); /* nobody has answered */
    answer(1, 0);
    bench_pass_s(0.1);
    judge(false);
    assert_false(brake.is_checking); /* five of ten are allowed */
    assert_false(brake_control_stops(&brake));
    assert_true(brake_control_deadline_us(&brake) == INT64_MAX);
    assert_null(strstr(bench.calls, "hold"));
    assert_int_equal(value(bench.metrics.brake.holds), 0);
}

static void falls_that_the_store_confirms_hold_it_and_are_not_asked_again(void **state)
{
    (void)state;
    ask_about_six_falls();
    answer(6, 5);
    bench_pass_s(0.1);
    judge(false);
    assert_true(brake.hold.on);
    assert_false(brake.is_checking);
    assert_int_equal(brake.hold.figures.fallen, 6);
    bench_pass_s(2);
    judge(false);
    assert_int_equal(bench_stage(LEVEL_UNREAD), 0);
    /* a newer number is asked about */
    const struct desired newer = {.product_id = 1, .quantity = 0, .revision = 99};
    (void)coalescer_offer(bench.c.coalescer, (struct level_key){41, BENCH_LOCATION}, &newer);
    bench_pass_s(2);
    judge(false);
    assert_int_equal(bench_stage(LEVEL_UNREAD), 1);
}

static void a_check_ends_when_a_person_accepts_or_partitions_leave(void **state)
{
    (void)state;
    ask_about_six_falls();
    brake_control_note_assigned(&brake, 0);
    assert_false(brake.is_checking);
    brake_control_note_assigned(&brake, 1);
    bench_pass_s(2);
    judge(false);
    assert_true(brake.is_checking);
    bench.guard.row.accepted_revision = 10;
    look();
    assert_false(brake.is_checking);
}

/* --- holding and releasing --- */

static void a_fall_holds_the_store_once(void **state)
{
    (void)state;
    open_brake(FREE);
    guard.newest_revision = 99;
    pending(6, 0);
    brake_control_note_replaced(&brake);
    bench_pass_s(2);
    judge(false);
    assert_true(brake.hold.on && brake.hold.ours);
    assert_string_equal(bench.guard.held.reason, "brake_zero");
    assert_true(bench.guard.held.held_at_us == bench.wall_us);
    assert_int_equal(bench.guard.held_revision, 99);
    assert_non_null(strstr(bench.guard.held.examples, "product 1 sku S1 item 41"));
    assert_int_equal(value(bench.metrics.brake.holds), 1);
    assert_int_equal(value(bench.metrics.brake.held), 1);
    bench_forget();
    bench_pass_s(1);
    judge(false);
    assert_null(strstr(bench.calls, "hold")); /* nothing is new */
    (void)put_ready(47, 7, 0, 5, true);
    bench_pass_s(1);
    judge(false);
    assert_non_null(strstr(bench.calls, "hold"));
    assert_non_null(strstr(bench.guard.held.detail, "7 of 10"));
    assert_int_equal(value(bench.metrics.brake.holds), 1);
}

static void a_newer_revision_is_stored_with_the_hold(void **state)
{
    (void)state;
    open_brake(FREE);
    pending(6, 0);
    brake_control_note_replaced(&brake);
    bench_pass_s(2);
    judge(false);
    source_guard_note_revision(&guard, 500);
    bench_pass_s(0.5);
    bench_forget();
    judge(false);
    assert_string_equal(bench.calls, ""); /* at most once a second */
    bench_pass_s(0.5);
    judge(false);
    assert_int_equal(bench.guard.held_revision, 500);
}

static void hold_six_falls(void)
{
    open_brake(FREE);
    pending(6, 0);
    brake_control_note_replaced(&brake);
    bench_pass_s(2);
    judge(false);
    assert_true(brake.hold.on);
    bench_forget();
}

static void a_hold_ends_after_five_calm_seconds_at_the_end(void **state)
{
    (void)state;
    hold_six_falls();
    drop_pending();
    bench_pass_s(1);
    judge(true); /* calm from now on */
    bench_pass_s(4.9);
    judge(true);
    assert_null(strstr(bench.calls, "release"));
    bench_pass_s(1);
    judge(false);
    assert_true(brake.hold.on); /* records are left to read */
    bench_pass_s(1);
    bench.requests.running = 1;
    judge(true);
    assert_true(brake.hold.on); /* a read is on its way */
    bench.requests.running = 0;
    bench_pass_s(1);
    bench.fails = "release";
    struct err err;
    assert_int_equal(brake_control_judge(&brake, true, &err), STATUS_SOURCE_LOST);
    assert_true(brake.hold.on);
    bench.fails = NULL;
    bench_pass_s(1);
    judge(true);
    assert_false(brake.hold.on);
    assert_int_equal(value(bench.metrics.brake.held), 0);
}

static void a_level_that_is_not_resolved_keeps_the_hold(void **state)
{
    (void)state;
    hold_six_falls();
    drop_pending();
    struct level *level = bench_level(90, 90, 5, 10);
    (void)coalescer_put_back(bench.c.coalescer, level, LEVEL_UNREAD);
    for (int i = 0; i < 8; i++) {
        bench_pass_s(1);
        judge(true);
    }
    assert_true(brake.hold.on);
}

static void a_fall_that_comes_back_starts_the_calm_again(void **state)
{
    (void)state;
    hold_six_falls();
    drop_pending();
    bench_pass_s(1);
    judge(true);
    assert_true(brake.hold.calm_us > 0);
    pending(6, 0);
    bench_pass_s(1);
    judge(true);
    assert_int_equal(brake.hold.calm_us, 0);
    assert_true(brake.hold.on);
    drop_pending();
    bench_pass_s(1);
    judge(true);
    brake_control_note_assigned(&brake, 1);
    assert_int_equal(brake.hold.calm_us, 0);
}

/* Nothing of the store is here: the others judge, once this process has let go. */
static void a_process_without_partitions_lets_go(void **state)
{
    (void)state;
    hold_six_falls();
    drop_pending();
    brake_control_note_assigned(&brake, 0);
    judge(false);
    bench_pass_s(5);
    judge(false);
    assert_false(brake.hold.on);
    assert_string_equal(bench.calls, "release ");
    judge(false);
    assert_string_equal(bench.calls, "release ");
}

static void records_of_another_database_hold_the_store(void **state)
{
    (void)state;
    struct record_position at;
    open_brake(FREE);
    at = bench_record();
    foreign_records_add(guard.foreign, 7, at);
    judge(true);
    assert_true(brake.hold.on);
    assert_string_equal(bench.guard.held.reason, "another_database");
    bench_forget();
    source_guard_note_revision(&guard, 500);
    judge(true);
    assert_string_equal(bench.calls, ""); /* at most once a second */
    foreign_records_settle(guard.foreign, 7);
    offset_ledger_finish(bench.c.ledger, at);
    bench_pass_s(1);
    judge(true);
    bench_pass_s(5);
    judge(true);
    assert_false(brake.hold.on);
}

static void a_failing_hold_ends_the_turn(void **state)
{
    (void)state;
    struct err err;
    open_brake(FREE);
    pending(6, 0);
    brake_control_note_replaced(&brake);
    bench_pass_s(2);
    bench.fails = "hold";
    assert_int_equal(brake_control_judge(&brake, false, &err), STATUS_SOURCE_LOST);
}

/* --- decisions of others --- */

static void a_stored_hold_is_taken_up_but_not_by_a_dry_run(void **state)
{
    (void)state;
    open_brake(OURS);
    assert_true(brake.hold.on && brake.hold.ours);
    assert_string_equal(brake.hold.reason, "brake_zero");
    assert_string_equal(brake.hold.detail, "as stored");
    assert_int_equal(value(bench.metrics.brake.holds), 1);
    source_guard_close(&guard);
    bench.sink.writes = false;
    struct err err;
    assert_int_equal(brake_control_open(&brake, &bench.c, &guard, &bench.guard.row, &err),
                     STATUS_OK);
    assert_false(brake.hold.on);
}

static void the_hold_of_a_living_process_is_followed_until_it_ends(void **state)
{
    (void)state;
    open_brake(ANOTHER);
    assert_true(brake.hold.on);
    assert_false(brake.hold.ours);
    pending(6, 0);
    bench_pass_s(2);
    judge(false);
    assert_null(strstr(bench.calls, "hold")); /* the other one judges */
    bench.guard.row.held_at_us = 0;
    bench_pass_s(1);
    look();
    assert_false(brake.hold.on);
}

static void the_hold_of_a_dead_process_becomes_ours(void **state)
{
    (void)state;
    open_brake(ANOTHER);
    bench.guard.adopts = true;
    bench_pass_s(1);
    look();
    assert_string_equal(bench.calls, "guard_read adopt guard_read streams_read ");
    assert_true(brake.hold.ours);
}

static void a_process_without_partitions_adopts_no_hold(void **state)
{
    (void)state;
    open_brake(ANOTHER);
    brake_control_note_assigned(&brake, 0);
    bench_pass_s(1);
    look();
    assert_string_equal(bench.calls, "guard_read streams_read ");
}

static void a_person_who_resumes_accepts_what_is_pending(void **state)
{
    (void)state;
    hold_six_falls();
    look(); /* the hold looks at once */
    bench_forget();
    look();
    assert_string_equal(bench.calls, ""); /* and then once a second */
    bench.guard.row.accepted_revision = 10;
    bench_pass_s(1);
    look();
    assert_false(brake.hold.on);
    assert_int_equal(brake.accepted_revision, 10);
    bench_pass_s(1);
    judge(false);
    assert_false(brake.hold.on);
    assert_int_equal(brake_figures(bench.c.brake).fallen, 0);
}

static void a_confirmed_database_renews_the_session(void **state)
{
    (void)state;
    struct err err;
    open_brake(FREE);
    bench.guard.row.database_since = 5;
    bench_pass_s(2);
    assert_int_equal(brake_control_look(&brake, &err), STATUS_RENEW);
}

static void failures_of_a_look_are_returned(void **state)
{
    (void)state;
    static const char *const steps[] = {"guard_read", "adopt", "guard_levels"};
    struct err err;
    open_brake(ANOTHER);
    for (size_t i = 0; i < 3; i++) {
        bench_pass_s(61);
        bench.fails = steps[i];
        assert_int_equal(brake_control_look(&brake, &err), STATUS_SOURCE_LOST);
    }
}

/* --- the first load --- */

static void the_first_load_ends_when_most_levels_are_known(void **state)
{
    (void)state;
    open_brake(FREE);
    brake.loaded = false;
    bench_product(1, "A", 41);
    bench_product(2, "B", 42);
    bench_product(3, "C", 43);
    brake.known_levels = 0;
    judge(true);
    brake.known_levels = 1; /* of 3 */
    judge(true);
    brake.known_levels = 2;
    judge(false);
    struct level *level = bench_level(41, 1, 5, 10);
    judge(true); /* a level waits */
    assert_null(strstr(bench.calls, "loaded"));
    coalescer_finish(bench.c.coalescer, level, NULL);
    bench.fails = "loaded";
    struct err err;
    assert_int_equal(brake_control_judge(&brake, true, &err), STATUS_SOURCE_LOST);
    assert_false(brake.loaded);
    bench.fails = NULL;
    judge(true);
    assert_true(brake.loaded);
    bench_forget();
    judge(true);
    assert_string_equal(bench.calls, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BRAKE_TEST(levels_are_counted_before_they_are_admitted),
        BRAKE_TEST(sent_levels_count_for_the_window),
        BRAKE_TEST(the_journal_counts_and_so_do_adopted_writes_after_the_first_load),
        BRAKE_TEST(a_count_gives_figures_and_examples_of_falls),
        BRAKE_TEST(a_count_of_changes_leaves_out_levels_that_stay),
        BRAKE_TEST(a_process_answers_for_its_share_of_the_levels),
        BRAKE_TEST(nothing_is_scaled_before_partitions_are_assigned),
        BRAKE_TEST(falls_from_memory_are_asked_about),
        BRAKE_TEST(falls_that_the_store_confirms_hold_it_and_are_not_asked_again),
        BRAKE_TEST(a_check_ends_when_a_person_accepts_or_partitions_leave),
        BRAKE_TEST(a_fall_holds_the_store_once),
        BRAKE_TEST(a_newer_revision_is_stored_with_the_hold),
        BRAKE_TEST(a_hold_ends_after_five_calm_seconds_at_the_end),
        BRAKE_TEST(a_level_that_is_not_resolved_keeps_the_hold),
        BRAKE_TEST(a_fall_that_comes_back_starts_the_calm_again),
        BRAKE_TEST(a_process_without_partitions_lets_go),
        BRAKE_TEST(records_of_another_database_hold_the_store),
        BRAKE_TEST(a_failing_hold_ends_the_turn),
        BRAKE_TEST(a_stored_hold_is_taken_up_but_not_by_a_dry_run),
        BRAKE_TEST(the_hold_of_a_living_process_is_followed_until_it_ends),
        BRAKE_TEST(the_hold_of_a_dead_process_becomes_ours),
        BRAKE_TEST(a_process_without_partitions_adopts_no_hold),
        BRAKE_TEST(a_person_who_resumes_accepts_what_is_pending),
        BRAKE_TEST(a_confirmed_database_renews_the_session),
        BRAKE_TEST(failures_of_a_look_are_returned),
        BRAKE_TEST(the_first_load_ends_when_most_levels_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/outcomes.h"
#include "tests/unit/lane/bench.h"

static struct outcomes out;
static enum level_end completed[BENCH_MAX];
static size_t completed_count;

static void note_completed(void *arg, const struct outcome *outcome)
{
    (void)arg;
    completed[completed_count++] = outcome->end;
}

static int open_outcomes(void **state)
{
    completed_count = 0;
    return bench_open(state);
}

static int close_outcomes(void **state)
{
    outcomes_release(&out);
    return bench_close(state);
}

#define OUTCOMES_TEST(function)                                                                    \
    cmocka_unit_test_setup_teardown(function, open_outcomes, close_outcomes)

static void apply(void)
{
    struct err err = {0};
    bench.sink.completed = note_completed;
    assert_int_equal(outcomes_apply(&bench.c, &out, &err), STATUS_OK);
    assert_int_equal(out.count, 0);
    assert_int_equal(out.settled_count, 0);
}

static int value(const struct metric *m)
{
    return (int)metric_value(m);
}

static void an_applied_level_lets_its_record_go(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 5, 3);
    outcomes_add(&out, level, END_APPLIED)->write = outcomes_write_of(&bench.c, level);
    assert_int_equal(bench_unfinished(), 1);
    apply();
    assert_int_equal(bench_unfinished(), 0);
    assert_int_equal(coalescer_total(bench.c.coalescer), 0);
    assert_string_equal(bench.calls, ""); /* the settlement of the attempt stores it */
    assert_int_equal(completed_count, 1);
    assert_int_equal(completed[0], END_APPLIED);
}

/* The newer value is written against the number that was just written. */
static void a_newer_value_follows_an_applied_one_at_once(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 5, 3);
    struct desired newer = level->desired;
    newer.quantity = 8;
    newer.revision = 11;
    newer.at = bench_record();
    (void)coalescer_offer(bench.c.coalescer, level->key, &newer);
    offset_ledger_finish(bench.c.ledger, newer.at);
    outcomes_add(&out, level, END_APPLIED)->write = outcomes_write_of(&bench.c, level);
    apply();
    assert_int_equal(bench_stage(LEVEL_READY), 1);
    assert_int_equal(coalescer_take(bench.c.coalescer, LEVEL_READY, &level, 1), 1);
    assert_int_equal(level->change_from, 5);
    assert_int_equal(level->desired.quantity, 8);
    assert_int_equal(level->memory.quantity, 5);
    assert_int_equal(bench_unfinished(), 1);
}

static void a_confirmed_level_is_noted_and_counted(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 5, 5);
    struct outcome *one = outcomes_add(&out, level, END_CONFIRMED);
    one->write = outcomes_write_of(&bench.c, level);
    one->counted = bench.metrics.level.activated;
    apply();
    assert_string_equal(bench.calls, "note ");
    assert_int_equal(bench.levels.noted[0].quantity, 5);
    assert_int_equal(bench.levels.noted[0].revision, 10);
    assert_int_equal(value(bench.metrics.level.unchanged), 1);
    assert_int_equal(value(bench.metrics.level.activated), 1);
    assert_int_equal(bench_unfinished(), 0);
}

static void a_superseded_level_is_counted_and_stores_nothing(void **state)
{
    (void)state;
    outcomes_add(&out, bench_ready(41, 1, 5, 5), END_SUPERSEDED);
    apply();
    assert_string_equal(bench.calls, "");
    assert_int_equal(value(bench.metrics.record.superseded), 1);
    assert_int_equal(bench_unfinished(), 0);
}

static void a_parked_level_becomes_a_row(void **state)
{
    (void)state;
    struct outcome *one =
        outcomes_park(&out, bench_ready(41, 1, 5, 5), "level_missing", "item %d", 41);
    one->code = "CODE";
    one->request_id = "r-9";
    one->counted = bench.metrics.level.refused;
    apply();
    assert_string_equal(bench.calls, "park ");
    const struct bench_row *row = &bench.parked.rows[0];
    assert_string_equal(row->row.subject, "level/41/70");
    assert_string_equal(row->reason, "level_missing");
    assert_string_equal(row->detail, "item 41");
    assert_string_equal(row->code, "CODE");
    assert_string_equal(row->request_id, "r-9");
    assert_int_equal(row->row.quantity, 5);
    assert_int_equal(row->row.revision, 10);
    assert_int_equal(row->row.partition, 0);
    assert_int_equal(row->row.wait_s, 900);
    assert_int_equal(value(bench.metrics.level.refused), 1);
    assert_int_equal(value(bench.metrics.parked.parked), 1);
    assert_int_equal(bench_unfinished(), 0);
    assert_int_equal(value(bench.metrics.record.superseded), 0);
}

static void a_retried_level_waits_with_its_record(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 5, 3);
    struct outcome *one = outcomes_retry(&out, level, LEVEL_UNREAD);
    one->tried = true;
    one->counted = bench.metrics.level.stale;
    apply();
    assert_string_equal(bench.calls, "");
    assert_int_equal(bench_stage(LEVEL_UNREAD), 1);
    assert_int_equal(level->tries, 1);
    assert_int_equal(level->change_from, 3);
    assert_int_equal(value(bench.metrics.level.stale), 1);
    assert_int_equal(bench_unfinished(), 1);
    assert_int_equal(completed_count, 0);
}

static void a_ready_level_is_counted_by_the_brake_with_the_number_read(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 0, 3);
    outcomes_ready(&out, level, LEVEL_READY, 4);
    apply();
    assert_int_equal(bench_stage(LEVEL_READY), 1);
    assert_int_equal(level->change_from, 4);
    assert_int_equal(level->judged, 10);
    assert_int_equal(level->tries, 0);
    assert_int_equal(brake_figures(bench.c.brake).fallen, 1);
}

static void a_retry_takes_up_the_newer_value_and_counts_the_older(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 5, 3);
    struct desired newer = level->desired;
    newer.quantity = 8;
    newer.revision = 11;
    (void)coalescer_offer(bench.c.coalescer, level->key, &newer);
    outcomes_retry(&out, level, LEVEL_UNREAD);
    apply();
    assert_int_equal(level->desired.quantity, 8);
    assert_int_equal(value(bench.metrics.record.superseded), 1);
}

static void missing_units_are_stored_and_the_level_is_resolved_again(void **state)
{
    (void)state;
    struct level *levels[] = {bench_ready(41, 1, 5, 9), bench_ready(42, 2, 5, 9)};
    for (size_t i = 0; i < 2; i++) {
        outcomes_add(&out, levels[i], END_SIGHTED)->seen = (struct level_seen){
            .key = levels[i]->key, .before = 9, .now = 6, .sold = 3, .until_us = 77};
    }
    bench.levels.see_notes = bench.levels.see_first = true;
    apply();
    assert_string_equal(bench.calls, "sales_see ");
    assert_int_equal(bench.levels.seen_count, 2);
    assert_int_equal(bench.levels.seen[1].now, 6);
    assert_int_equal(value(bench.metrics.level.unimported_seen), 2);
    assert_int_equal(value(bench.metrics.level.unimported_units), 6);
    assert_int_equal(bench_stage(LEVEL_UNRESOLVED), 2);
    assert_int_equal(bench_unfinished(), 2);
}

/* The level moved meanwhile, or the write was ours. */
static void units_that_the_state_does_not_note_are_not_counted(void **state)
{
    (void)state;
    outcomes_add(&out, bench_ready(41, 1, 5, 9), END_SIGHTED)->seen =
        (struct level_seen){.before = 9, .now = 6};
    apply();
    assert_int_equal(value(bench.metrics.level.unimported_seen), 0);
    assert_int_equal(bench_stage(LEVEL_UNRESOLVED), 1);
}

static void a_write_of_ours_is_noted_and_the_level_is_resolved_again(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 5, 9);
    outcomes_add(&out, level, END_OURS)->write =
        (struct level_write){.key = level->key, .quantity = 7, .revision = 9};
    apply();
    assert_string_equal(bench.calls, "note ");
    assert_int_equal(bench.levels.noted[0].quantity, 7);
    assert_int_equal(bench_stage(LEVEL_UNRESOLVED), 1);
    assert_int_equal(value(bench.metrics.level.unchanged), 0);
    assert_int_equal(bench_unfinished(), 1);
}

static void settlements_are_stored_first_and_counted_by_level(void **state)
{
    (void)state;
    struct level_write list[3] = {{.changed_at_us = bench.wall_us - 2000000}};
    const struct state_attempt applied = {.key = "K1", .list = list, .count = 3};
    const struct state_attempt noop = {.key = "K2", .list = list, .count = 2};
    const struct state_attempt refused = {.key = "K3", .list = list, .count = 1};
    const struct settlement settlements[] = {
        {.attempt = &applied, .outcome = "applied", .applied = true},
        {.attempt = &noop, .outcome = "applied", .applied = true, .noop = true},
        {.attempt = &refused, .outcome = "refused"}};
    struct level *level = bench_ready(41, 1, 5, 5);
    for (size_t i = 0; i < 3; i++) {
        outcomes_settle(&out, &settlements[i]);
    }
    outcomes_park(&out, bench_ready(43, 3, 5, 5), "refused", "no");
    outcomes_add(&out, bench_ready(42, 2, 5, 9), END_SIGHTED);
    outcomes_add(&out, level, END_CONFIRMED)->write = outcomes_write_of(&bench.c, level);
    apply();
    assert_string_equal(bench.levels.settled, "K1:applied K2:applied K3:refused ");
    assert_string_equal(bench.calls, "attempts_settle note sales_see park ");
    assert_int_equal(value(bench.metrics.level.applied), 3);
    assert_int_equal(value(bench.metrics.level.unchanged), 2 + 1);
    assert_int_equal(value(bench.metrics.level.commit_to_applied), 5);
}

static void nothing_is_completed_when_a_store_fails(void **state)
{
    (void)state;
    static const char *const steps[] = {"attempts_settle", "note", "sales_see", "park"};
    const struct state_attempt attempt = {.key = "K1"};
    const struct settlement settlement = {
        .attempt = &attempt, .outcome = "applied", .applied = true};
    for (size_t i = 0; i < 4; i++) {
        struct err err = {0};
        int64_t item = 40 + 10 * (int64_t)i;
        struct level *level = bench_ready(item, 1, 5, 5);
        outcomes_settle(&out, &settlement);
        outcomes_park(&out, bench_ready(item + 1, 2, 5, 5), "refused", "no");
        outcomes_add(&out, bench_ready(item + 2, 3, 5, 9), END_SIGHTED);
        outcomes_add(&out, level, END_CONFIRMED)->write = outcomes_write_of(&bench.c, level);
        outcomes_add(&out, bench_ready(item + 3, 4, 5, 5), END_BISECT)->parts = 2;
        bench.fails = steps[i];
        assert_int_equal(outcomes_apply(&bench.c, &out, &err), STATUS_SOURCE_LOST);
        assert_int_equal(out.count, 0);
        assert_int_equal(bench_stage(LEVEL_BUSY), 4 * (i + 1));
        assert_int_equal(bench_unfinished(), 4 * (i + 1));
        assert_int_equal(value(bench.metrics.level.unchanged), 0);
        assert_int_equal(value(bench.metrics.request.bisected), 0);
    }
}

/* Two requests are halved; the halves of one never mix with those of the other. */
static void each_refused_request_is_bisected_for_itself(void **state)
{
    (void)state;
    struct level *taken[8];
    const int first = 1;
    const int second = 2;
    for (int32_t i = 0; i < 6; i++) {
        struct outcome *one = outcomes_add(&out, bench_ready(41 + i, i, 5, 3), END_BISECT);
        one->group = i < 4 ? &first : &second;
        one->parts = i < 4 ? 2 : 1;
        one->tried = i < 4;
    }
    apply();
    assert_int_equal(value(bench.metrics.request.bisected), 1); /* one part is no half */
    assert_int_equal(bench_stage(LEVEL_READY), 6);
    size_t sizes[3];
    for (size_t i = 0; i < 3; i++) {
        sizes[i] = coalescer_take(bench.c.coalescer, LEVEL_READY, taken, 8);
        assert_int_equal(sizes[i], 2);
        assert_true(taken[0]->bisecting);
        bool of_first = taken[0]->key.item < 45;
        assert_true((taken[1]->key.item < 45) == of_first);
        assert_int_equal(taken[0]->tries, of_first ? 1 : 0);
    }
}

static void a_write_asks_for_the_number_less_the_units_held_back(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 9, 6);
    level->memory = (struct unimported_memory){
        .written = true, .quantity = 6, .raw = 10, .missing = 4, .live = 2};
    struct level_write write = outcomes_write_of(&bench.c, level);
    assert_int_equal(write.quantity, 7);
    assert_int_equal(write.desired, 9);
    assert_int_equal(write.missing, 2);
    assert_int_equal(write.change_from, 6);
    struct brake_change change = outcomes_change_of(&bench.c, level);
    assert_int_equal(change.from, 6);
    assert_int_equal(change.to, 7);
    assert_false(change.first);
    level->memory.written = false;
    assert_true(outcomes_change_of(&bench.c, level).first);
}

static void the_stores_rules_are_applied_to_what_is_left(void **state)
{
    (void)state;
    struct level *level = bench_ready(41, 1, 9, 6);
    level->desired.raw = 1000;
    level->memory = (struct unimported_memory){
        .written = true, .quantity = 8, .raw = 1000, .missing = 2, .live = 2};
    bench.c.rules.cap = 10;
    assert_int_equal(outcomes_target(&bench.c, level), 10);
    bench.c.rules.cap = -1;
    bench.c.rules.percent = 10;
    assert_int_equal(outcomes_target(&bench.c, level), 99);
    level->desired.raw = (double)NAN; /* a row of an older version */
    assert_int_equal(outcomes_target(&bench.c, level), 7);
    level->memory.missing = level->memory.live = 20;
    assert_int_equal(outcomes_target(&bench.c, level), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OUTCOMES_TEST(an_applied_level_lets_its_record_go),
        OUTCOMES_TEST(a_newer_value_follows_an_applied_one_at_once),
        OUTCOMES_TEST(a_confirmed_level_is_noted_and_counted),
        OUTCOMES_TEST(a_superseded_level_is_counted_and_stores_nothing),
        OUTCOMES_TEST(a_parked_level_becomes_a_row),
        OUTCOMES_TEST(a_retried_level_waits_with_its_record),
        OUTCOMES_TEST(a_ready_level_is_counted_by_the_brake_with_the_number_read),
        OUTCOMES_TEST(a_retry_takes_up_the_newer_value_and_counts_the_older),
        OUTCOMES_TEST(missing_units_are_stored_and_the_level_is_resolved_again),
        OUTCOMES_TEST(units_that_the_state_does_not_note_are_not_counted),
        OUTCOMES_TEST(a_write_of_ours_is_noted_and_the_level_is_resolved_again),
        OUTCOMES_TEST(settlements_are_stored_first_and_counted_by_level),
        OUTCOMES_TEST(nothing_is_completed_when_a_store_fails),
        OUTCOMES_TEST(each_refused_request_is_bisected_for_itself),
        OUTCOMES_TEST(a_write_asks_for_the_number_less_the_units_held_back),
        OUTCOMES_TEST(the_stores_rules_are_applied_to_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

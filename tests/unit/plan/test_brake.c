#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "consumer/plan/brake.h"

#define SECOND INT64_C(1000000)
#define WINDOW (600 * SECOND)
#define NOW    (INT64_C(1800000000) * SECOND)

static struct brake *loaded_brake(size_t levels)
{
    struct brake *b = brake_new(&(struct brake_limits){
        .window_us = WINDOW, .zero_percent = 20, .change_percent = 80, .least = 20});
    brake_set_levels(b, levels);
    brake_set_loaded(b);
    return b;
}

static struct brake_change change_of(int64_t item, int32_t from, int32_t to)
{
    return (struct brake_change){
        .key = {item, 7}, .from = from, .to = to, .revision = 100, .at_us = NOW, .certain = true};
}

/* Counts again, with nothing that waits. */
static void count(struct brake *b, int64_t now_us)
{
    brake_count_begin(b, now_us);
    brake_count_end(b);
}

/* Levels first … first + count − 1 would go from one quantity to another. */
static void expect_many(struct brake *b, int64_t first, int64_t count, int32_t from, int32_t to)
{
    for (int64_t i = first; i < first + count; i++) {
        struct brake_change c = change_of(i, from, to);
        (void)brake_expect(b, &c);
    }
}

static void
write_many(struct brake *b, int64_t first, int64_t count, int32_t from, int32_t to, int64_t now_us)
{
    for (int64_t i = first; i < first + count; i++) {
        struct brake_change c = change_of(i, from, to);
        c.at_us = now_us;
        (void)brake_expect(b, &c);
        brake_write(b, &c, now_us);
    }
}

static void limits_are_crossed_only_by_more_than_their_share(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t levels;
        int64_t count;
        int32_t from, to;
        enum brake_verdict verdict;
    } rows[] = {
        {"nothing", 1000, 0, 5, 0, BRAKE_OFF},
        {"a fifth falls", 1000, 200, 5, 0, BRAKE_OFF},
        {"one more", 1000, 201, 5, 0, BRAKE_ZERO},
        {"below zero is fallen too", 1000, 201, 5, -1, BRAKE_ZERO},
        {"zero to zero is none", 1000, 1000, 0, 0, BRAKE_OFF},
        {"below zero to zero has not fallen", 1000, 500, -2, 0, BRAKE_OFF},
        {"rises are changes only", 1000, 800, 0, 5, BRAKE_OFF},
        {"one more rise", 1000, 801, 0, 5, BRAKE_CHANGE},
        {"a tiny shop sells out", 10, 10, 1, 0, BRAKE_OFF},
        {"just below the least", 50, 19, 1, 0, BRAKE_OFF},
        {"the least", 50, 20, 1, 0, BRAKE_ZERO},
        {"least and share are both needed", 100, 20, 1, 0, BRAKE_OFF},
        {"a store without levels", 0, 20, 1, 0, BRAKE_ZERO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct brake *b = loaded_brake(rows[i].levels);
        expect_many(b, 1, rows[i].count, rows[i].from, rows[i].to);
        if (brake_judge(b) != rows[i].verdict) {
            fail_msg("%s: %d", rows[i].name, (int)brake_judge(b));
        }
        brake_free(b);
    }
}

static void a_hundred_percent_is_off(void **state)
{
    (void)state;
    struct brake *b = brake_new(&(struct brake_limits){
        .window_us = WINDOW, .zero_percent = 100, .change_percent = 100, .least = 1});
    brake_set_loaded(b);
    expect_many(b, 1, 1000, 5, 0);
    assert_int_equal(brake_judge(b), BRAKE_OFF);
    brake_free(b);
}

static void written_and_expected_count_together_and_a_level_once(void **state)
{
    (void)state;
    struct brake *b = loaded_brake(1000);
    write_many(b, 1, 150, 5, 0, NOW);
    assert_int_equal(brake_figures(b).fallen, 150);
    brake_count_begin(b, NOW);
    expect_many(b, 1, 150, 0, 0); /* the same levels again */
    expect_many(b, 151, 50, 5, 0);
    brake_count_end(b);
    assert_int_equal(brake_figures(b).fallen, 200);
    assert_int_equal(brake_judge(b), BRAKE_OFF);
    expect_many(b, 201, 1, 5, 0);
    assert_int_equal(brake_judge(b), BRAKE_ZERO);
    brake_free(b);
}

/* Between two counts the figures only grow; the next count knows better. */
static void hot_items_count_once(void **state)
{
    (void)state;
    struct brake *b = loaded_brake(100);
    for (int32_t units = 1000; units > 0; units--) {
        int32_t item = units % 30;
        struct brake_change c = change_of(item, units > 970 ? 1000 : units + 30, units);
        c.at_us = NOW + 1000 - units;
        (void)brake_expect(b, &c);
        brake_write(b, &c, c.at_us);
    }
    assert_int_equal(brake_judge(b), BRAKE_CHANGE);
    count(b, NOW + 1000);
    assert_int_equal(brake_figures(b).changed, 30);
    assert_int_equal(brake_judge(b), BRAKE_OFF);
    brake_free(b);
}

static void returns_do_not_count(void **state)
{
    (void)state;
    struct brake *b = loaded_brake(1000);
    write_many(b, 1, 200, 5, 0, NOW);
    write_many(b, 1, 200, 0, 5, NOW + SECOND);
    count(b, NOW + SECOND);
    assert_int_equal(brake_figures(b).fallen, 0);
    assert_int_equal(brake_figures(b).changed, 0);
    /* what would come back makes room too */
    write_many(b, 1, 200, 5, 0, NOW + 2 * SECOND);
    brake_count_begin(b, NOW + 2 * SECOND);
    expect_many(b, 1, 200, 0, 5);
    expect_many(b, 201, 150, 5, 0);
    brake_count_end(b);
    assert_int_equal(brake_figures(b).fallen, 150);
    brake_free(b);
}

static void the_window_slides(void **state)
{
    (void)state;
    struct brake *b = loaded_brake(1000);
    write_many(b, 1, 150, 5, 0, NOW);
    write_many(b, 151, 50, 5, 0, NOW + WINDOW / 2);
    count(b, NOW + WINDOW - 1);
    assert_int_equal(brake_figures(b).fallen, 200);
    count(b, NOW + WINDOW);
    assert_int_equal(brake_figures(b).fallen, 50);
    for (int64_t i = 201; i <= 351; i++) {
        struct brake_change c = change_of(i, 5, 0);
        c.at_us = NOW + WINDOW;
        (void)brake_expect(b, &c);
    }
    assert_int_equal(brake_judge(b), BRAKE_ZERO);
    count(b, NOW + WINDOW + WINDOW / 2);
    assert_int_equal(brake_figures(b).fallen, 0);
    brake_free(b);
}

/* The store was away: what is harmless in each ten minutes is harmless at once. */
static void eight_hours_of_trade_that_arrive_at_once_are_harmless(void **state)
{
    (void)state;
    enum { WINDOWS = 48, EACH = 100, ALL = WINDOWS * EACH };
    struct brake *b = loaded_brake(1000);
    int64_t now = NOW + WINDOWS * WINDOW;
    brake_count_begin(b, now);
    for (int64_t i = 0; i < ALL; i++) { /* the topic's partitions mix them */
        int64_t k = i * 7919 % ALL;
        struct brake_change c = change_of(k, 5, k % 10 == 0 ? 0 : 3);
        c.at_us = NOW + k * (WINDOW / EACH);
        (void)brake_expect(b, &c);
    }
    brake_count_end(b);
    assert_int_equal(brake_figures(b).fallen, EACH / 10);
    assert_int_equal(brake_figures(b).changed, EACH);
    assert_int_equal(brake_judge(b), BRAKE_OFF);
    /* written within a second, they are as harmless */
    for (int64_t k = 0; k < ALL; k++) {
        struct brake_change c = change_of(k, 5, k % 10 == 0 ? 0 : 3);
        c.at_us = NOW + k * (WINDOW / EACH);
        brake_write(b, &c, now);
    }
    count(b, now + SECOND);
    assert_int_equal(brake_figures(b).changed, EACH);
    brake_free(b);
}

/* The first half was written before, and both are hours old. */
static void a_mistake_of_long_ago_counts_as_a_whole(void **state)
{
    (void)state;
    struct brake *b = loaded_brake(1000);
    int64_t now = NOW + 48 * WINDOW;
    for (int64_t i = 1; i <= 201; i++) {
        struct brake_change c = change_of(i, 5, 0);
        if (i <= 100) {
            brake_write(b, &c, now);
        }
    }
    brake_count_begin(b, now + WINDOW / 2);
    expect_many(b, 101, 101, 5, 0);
    brake_count_end(b);
    assert_int_equal(brake_judge(b), BRAKE_ZERO);
    brake_free(b);
}

/* Received and taken away within one window: at its beginning there was nothing to lose. */
static void a_fall_after_a_rise_counts(void **state)
{
    (void)state;
    struct brake *b = loaded_brake(1000);
    write_many(b, 1, 201, 0, 5, NOW);
    assert_int_equal(brake_figures(b).fallen, 0);
    expect_many(b, 1, 201, 5, 0);
    assert_int_equal(brake_judge(b), BRAKE_ZERO);
    brake_free(b);
}

/* Without a new base, 10 → 9 → … → 0 over hours would hide that the last step is a fall of today.
 */
static void a_level_that_is_written_all_the_time_gets_a_new_base(void **state)
{
    (void)state;
    struct brake *b = loaded_brake(1000);
    write_many(b, 1, 1, 0, 10, NOW); /* base 0: would never fall */
    for (int32_t i = 1; i < 10; i++) {
        write_many(b, 1, 1, 11 - i, 10 - i, NOW + i * (WINDOW / 2));
    }
    write_many(b, 1, 1, 1, 0, NOW + 5 * WINDOW);
    count(b, NOW + 5 * WINDOW);
    assert_int_equal(brake_figures(b).fallen, 1);
    brake_free(b);
}

/* We wrote 5, the store sold 5: then nothing of ours falls. */
static void what_the_store_sold_has_not_fallen(void **state)
{
    (void)state;
    struct brake *b = loaded_brake(100);
    write_many(b, 1, 50, 4, 5, NOW);
    brake_count_begin(b, NOW);
    expect_many(b, 1, 50, 0, 0);
    expect_many(b, 51, 30, -2, 0);
    brake_count_end(b);
    assert_int_equal(brake_figures(b).fallen, 0);
    /* sold to 3, and the rest is taken away */
    brake_count_begin(b, NOW);
    expect_many(b, 1, 50, 3, 0);
    brake_count_end(b);
    assert_int_equal(brake_figures(b).fallen, 50);
    brake_free(b);
}

/* Compare-and-set against our memory: the store holds another number, so nothing was written. */
static void a_refused_write_does_not_count(void **state)
{
    (void)state;
    struct brake *b = loaded_brake(1000);
    const struct level_write refused[] = {
        {.key = {1, 7}, .change_from = 5, .quantity = 0},
        {.key = {2, 7}, .change_from = 4, .quantity = 0}, /* another attempt's */
        {.key = {9, 7}, .change_from = 4, .quantity = 0},
    };
    write_many(b, 1, 3, 5, 0, NOW);
    brake_unwrite(b, refused, 3);
    count(b, NOW);
    assert_int_equal(brake_figures(b).fallen, 2);
    assert_int_equal(brake_figures(b).changed, 2);
    /* what was written before it still counts */
    write_many(b, 20, 1, 7, 6, NOW);
    write_many(b, 20, 1, 6, 0, NOW + SECOND);
    const struct level_write later = {.key = {20, 7}, .change_from = 6, .quantity = 0};
    brake_unwrite(b, &later, 1);
    count(b, NOW);
    assert_int_equal(brake_figures(b).fallen, 2);
    assert_int_equal(brake_figures(b).changed, 3);
    brake_free(b);
}

static void only_certain_levels_give_the_certain_verdict(void **state)
{
    (void)state;
    struct brake *b = loaded_brake(1000);
    write_many(b, 1, 150, 5, 0, NOW);
    brake_count_begin(b, NOW);
    for (int64_t i = 151; i <= 250; i++) {
        struct brake_change c = change_of(i, 5, 0);
        c.certain = i <= 200;
        assert_int_equal(brake_effect(b, &c), BRAKE_ZERO);
        (void)brake_expect(b, &c);
    }
    brake_count_end(b);
    assert_int_equal(brake_judge(b), BRAKE_ZERO);
    assert_int_equal(brake_judge_certain(b), BRAKE_OFF);
    brake_count_begin(b, NOW);
    expect_many(b, 151, 51, 5, 0);
    brake_count_end(b);
    assert_int_equal(brake_judge_certain(b), BRAKE_ZERO);
    brake_free(b);
}

static void a_first_load_does_not_count(void **state)
{
    (void)state;
    struct brake *b = brake_new(&(struct brake_limits){
        .window_us = WINDOW, .zero_percent = 20, .change_percent = 80, .least = 20});
    brake_count_begin(b, NOW);
    for (int64_t i = 1; i <= 500; i++) {
        struct brake_change c = change_of(i, 7777, i % 2 == 0 ? 0 : 5);
        c.first = true;
        assert_int_equal(brake_expect(b, &c), BRAKE_OFF);
        brake_write(b, &c, NOW);
    }
    brake_count_unwritten(b);
    brake_count_end(b);
    assert_int_equal(brake_judge(b), BRAKE_OFF);
    assert_int_equal(brake_figures(b).levels, 501);
    assert_int_equal(brake_figures(b).fallen, 0);
    /* afterwards, levels that we never wrote count as fallen, not as changed */
    brake_set_loaded(b);
    brake_set_levels(b, 500);
    brake_count_begin(b, NOW);
    for (int64_t i = 1001; i <= 1300; i++) {
        struct brake_change c = change_of(i, 9, i % 2 == 0 ? 0 : 5);
        c.first = true;
        (void)brake_expect(b, &c);
    }
    brake_count_end(b);
    assert_int_equal(brake_figures(b).levels, 800);
    assert_int_equal(brake_figures(b).fallen, 150);
    assert_int_equal(brake_figures(b).changed, 0);
    brake_free(b);
}

static void accepted_changes_do_not_count(void **state)
{
    (void)state;
    struct brake *b = loaded_brake(1000);
    struct brake_change later = change_of(900, 5, 0);
    write_many(b, 1, 100, 5, 0, NOW);
    expect_many(b, 101, 300, 5, 0);
    assert_int_equal(brake_judge(b), BRAKE_ZERO);
    brake_accept(b, 100);
    brake_count_begin(b, NOW);
    expect_many(b, 101, 300, 5, 0);
    brake_count_end(b);
    write_many(b, 101, 300, 5, 0, NOW);
    assert_int_equal(brake_judge(b), BRAKE_OFF);
    assert_int_equal(brake_figures(b).fallen, 0);
    later.revision = 101;
    assert_int_equal(brake_expect(b, &later), BRAKE_ZERO);
    assert_int_equal(brake_figures(b).fallen, 1);
    brake_free(b);
}

/* --- against a plain model --- */

enum { LEVELS = 60, STEPS = 20000 };

struct plain {
    int64_t since, at, written; /* of the writes that count */
    int64_t waits_since;
    int32_t base, now, desired;
    bool live, stocked;
};

struct plain_event {
    int64_t at;
    bool fallen, changed;
};

static bool plain_continues(const struct plain *p, int64_t at)
{
    return p->live && at - p->since <= WINDOW;
}

/* Of the waiting number and of the written one, unless the first takes the place of the second. */
static void plain_events_of(const struct plain *p, struct plain_event events[2])
{
    bool goes_on = plain_continues(p, p->waits_since);
    bool waits = p->desired != p->now;
    int32_t base = goes_on ? p->base : p->now;
    bool stocked = goes_on ? p->stocked : p->now > 0;
    bool replaces = waits && (goes_on || p->waits_since - p->at < WINDOW);
    events[0] = (struct plain_event){.at = p->waits_since,
                                     .fallen = waits && stocked && p->desired <= 0,
                                     .changed = waits && base != p->desired};
    events[1] = (struct plain_event){.at = p->at,
                                     .fallen = p->live && !replaces && p->stocked && p->now <= 0,
                                     .changed = p->live && !replaces && p->base != p->now};
}

static void plain_write(struct plain *p, int32_t to, int64_t at)
{
    if (!plain_continues(p, at)) {
        p->base = p->now;
        p->since = at;
        p->stocked = p->now > 0;
    }
    p->stocked = p->stocked || to > 0;
    p->live = p->live || p->now != to;
    p->at = p->at == 0 || p->now != to ? at : p->at;
    p->written = at;
    p->now = p->desired = to;
    p->waits_since = at;
}

static size_t plain_most(const struct plain_event *list, size_t count, bool falls)
{
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t here = 0;
        for (size_t k = 0; k < count; k++) {
            bool counts = falls ? list[k].fallen : list[k].changed;
            here += counts && list[k].at >= list[i].at && list[k].at < list[i].at + WINDOW;
        }
        most = here > most ? here : most;
    }
    return most;
}

/* Figures after a count are exact after any history, and falls are never too low before it. */
static void a_count_is_exact(void **state)
{
    (void)state;
    struct plain model[LEVELS] = {0};
    struct brake *b = loaded_brake(LEVELS);
    unsigned seed = 7;
    int64_t now = NOW;
    for (int step = 0; step < STEPS; step++) {
        seed = seed * 1103515245U + 12345U;
        int i = (int)(seed >> 16) % LEVELS;
        struct brake_change c = change_of(i, model[i].now, (int32_t)(seed >> 8) % 3);
        now += (int64_t)((seed >> 4) % 20) * SECOND;
        c.at_us = now;
        for (int k = 0; k < LEVELS; k++) {
            if (model[k].live && model[k].written <= now - WINDOW) {
                model[k].live = false;
            }
        }
        (void)brake_expect(b, &c);
        if ((seed >> 24) % 2 == 0) {
            model[i].desired = c.to;
            model[i].waits_since = now;
        } else {
            plain_write(&model[i], c.to, now);
            brake_write(b, &c, now);
        }
        struct plain_event events[2 * LEVELS];
        for (int k = 0; k < LEVELS; k++) {
            plain_events_of(&model[k], &events[2 * (size_t)k]);
        }
        struct brake_figures bound = brake_figures(b);
        brake_count_begin(b, now);
        for (int k = 0; k < LEVELS; k++) {
            struct brake_change waits = change_of(k, model[k].now, model[k].desired);
            waits.at_us = model[k].waits_since;
            (void)brake_expect(b, &waits);
        }
        brake_count_end(b);
        assert_int_equal(brake_figures(b).fallen, plain_most(events, (size_t)2 * LEVELS, true));
        assert_int_equal(brake_figures(b).changed, plain_most(events, (size_t)2 * LEVELS, false));
        assert_true(bound.fallen >= brake_figures(b).fallen);
    }
    brake_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_crossed_only_by_more_than_their_share),
        cmocka_unit_test(a_hundred_percent_is_off),
        cmocka_unit_test(written_and_expected_count_together_and_a_level_once),
        cmocka_unit_test(hot_items_count_once),
        cmocka_unit_test(returns_do_not_count),
        cmocka_unit_test(eight_hours_of_trade_that_arrive_at_once_are_harmless),
        cmocka_unit_test(a_mistake_of_long_ago_counts_as_a_whole),
        cmocka_unit_test(a_fall_after_a_rise_counts),
        cmocka_unit_test(the_window_slides),
        cmocka_unit_test(a_level_that_is_written_all_the_time_gets_a_new_base),
        cmocka_unit_test(what_the_store_sold_has_not_fallen),
        cmocka_unit_test(a_refused_write_does_not_count),
        cmocka_unit_test(only_certain_levels_give_the_certain_verdict),
        cmocka_unit_test(a_first_load_does_not_count),
        cmocka_unit_test(accepted_changes_do_not_count),
        cmocka_unit_test(a_count_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

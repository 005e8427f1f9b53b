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
    return (struct brake_change){.key = {item, 7}, .from = from, .to = to, .revision = 100};
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
    expect_many(b, 151, 50, 5, 0);
    assert_int_equal(brake_judge(b), BRAKE_OFF);
    expect_many(b, 1, 150, 0, 0); /* the same levels again */
    assert_int_equal(brake_judge(b), BRAKE_OFF);
    expect_many(b, 201, 1, 5, 0);
    assert_int_equal(brake_judge(b), BRAKE_ZERO);
    brake_free(b);
}

static void hot_items_count_once(void **state)
{
    (void)state;
    struct brake *b = loaded_brake(100);
    for (int32_t units = 1000; units > 0; units--) {
        struct brake_change c = change_of(units % 30, 1000, units);
        (void)brake_expect(b, &c);
        brake_write(b, &c, NOW + units);
    }
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
    assert_int_equal(brake_figures(b).fallen, 0);
    assert_int_equal(brake_figures(b).changed, 0);
    /* what would come back makes room too */
    write_many(b, 1, 200, 5, 0, NOW + 2 * SECOND);
    brake_recount(b, NOW + 2 * SECOND);
    expect_many(b, 1, 200, 0, 5);
    expect_many(b, 201, 150, 5, 0);
    assert_int_equal(brake_figures(b).fallen, 150);
    brake_free(b);
}

static void the_window_slides(void **state)
{
    (void)state;
    struct brake *b = loaded_brake(1000);
    write_many(b, 1, 150, 5, 0, NOW);
    write_many(b, 151, 50, 5, 0, NOW + WINDOW / 2);
    brake_recount(b, NOW + WINDOW - 1);
    assert_int_equal(brake_figures(b).fallen, 200);
    brake_recount(b, NOW + WINDOW);
    assert_int_equal(brake_figures(b).fallen, 50);
    expect_many(b, 201, 151, 5, 0);
    assert_int_equal(brake_judge(b), BRAKE_ZERO);
    brake_recount(b, NOW + WINDOW + WINDOW / 2);
    assert_int_equal(brake_figures(b).fallen, 0);
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
    assert_int_equal(brake_figures(b).fallen, 1);
    brake_free(b);
}

static void a_first_load_does_not_count(void **state)
{
    (void)state;
    struct brake *b = brake_new(&(struct brake_limits){
        .window_us = WINDOW, .zero_percent = 20, .change_percent = 80, .least = 20});
    for (int64_t i = 1; i <= 500; i++) {
        struct brake_change c = change_of(i, 7777, i % 2 == 0 ? 0 : 5);
        c.first = true;
        assert_int_equal(brake_expect(b, &c), BRAKE_OFF);
        brake_write(b, &c, NOW);
    }
    assert_int_equal(brake_judge(b), BRAKE_OFF);
    assert_int_equal(brake_figures(b).levels, 500);
    assert_int_equal(brake_figures(b).fallen, 0);
    /* afterwards, levels that we never wrote count as fallen, not as changed */
    brake_set_loaded(b);
    for (int64_t i = 1001; i <= 1300; i++) {
        struct brake_change c = change_of(i, 9, i % 2 == 0 ? 0 : 5);
        c.first = true;
        (void)brake_expect(b, &c);
    }
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
    brake_recount(b, NOW);
    expect_many(b, 101, 300, 5, 0);
    write_many(b, 101, 300, 5, 0, NOW);
    assert_int_equal(brake_judge(b), BRAKE_OFF);
    assert_int_equal(brake_figures(b).fallen, 0);
    later.revision = 101;
    assert_int_equal(brake_expect(b, &later), BRAKE_ZERO);
    assert_int_equal(brake_figures(b).fallen, 1);
    brake_free(b);
}

/* Against a plain model: figures after a recount are exact after any history. */
static void a_recount_is_exact(void **state)
{
    (void)state;
    enum { LEVELS = 60, STEPS = 20000 };
    struct {
        int64_t since, at;
        int32_t base, now, desired;
        bool live, stocked;
    } model[LEVELS] = {0};
    struct brake *b = loaded_brake(LEVELS);
    unsigned seed = 7;
    int64_t now = NOW;
    for (int step = 0; step < STEPS; step++) {
        seed = seed * 1103515245U + 12345U;
        int i = (int)(seed >> 16) % LEVELS;
        struct brake_change c = change_of(i, model[i].now, (int32_t)(seed >> 8) % 3);
        now += (int64_t)((seed >> 4) % 20) * SECOND;
        if (model[i].live && model[i].at <= now - WINDOW) {
            model[i].live = false;
        }
        if ((seed >> 24) % 2 == 0) {
            model[i].desired = c.to;
            (void)brake_expect(b, &c);
        } else {
            if (!model[i].live || now - model[i].since > WINDOW) {
                model[i].base = model[i].now;
                model[i].since = now;
                model[i].stocked = model[i].now > 0;
            }
            model[i].stocked = model[i].stocked || c.to > 0;
            model[i].live = model[i].live || model[i].now != c.to;
            model[i].at = now;
            model[i].now = model[i].desired = c.to;
            brake_write(b, &c, now);
        }
        size_t fallen = 0;
        size_t changed = 0;
        brake_recount(b, now);
        for (int k = 0; k < LEVELS; k++) {
            bool live = model[k].live && model[k].at > now - WINDOW;
            int32_t base = live ? model[k].base : model[k].now;
            struct brake_change waits = change_of(k, model[k].now, model[k].desired);
            (void)brake_expect(b, &waits);
            bool stocked = live ? model[k].stocked : model[k].now > 0;
            fallen += stocked && model[k].desired <= 0;
            changed += base != model[k].desired;
        }
        assert_int_equal(brake_figures(b).fallen, fallen);
        assert_int_equal(brake_figures(b).changed, changed);
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
        cmocka_unit_test(a_fall_after_a_rise_counts),
        cmocka_unit_test(the_window_slides),
        cmocka_unit_test(a_level_that_is_written_all_the_time_gets_a_new_base),
        cmocka_unit_test(a_first_load_does_not_count),
        cmocka_unit_test(accepted_changes_do_not_count),
        cmocka_unit_test(a_recount_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

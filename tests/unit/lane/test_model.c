#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/lane/model.h"

/*
 * MODEL_EPISODES of each kind of rules: by the build. One world and the history of one of its levels:
 *
 *     MODEL_SEED=30033 MODEL_LEVEL=68 build/debug/tests/test_lane_model
 *
 * Other worlds than the usual ones: MODEL_SHIFT=100000.
 */
#define LEVELS 100
/* At most, with each lie. */
#define LIE_EPISODES 20000

/* Every way a store can be, one after the other. */
static struct model_options world(uint64_t number)
{
    return (struct model_options){.seed = number,
                                  .percent = 100,
                                  .cap = -1,
                                  .levels = LEVELS,
                                  .locations = 1 + number % 2,
                                  .processes = 1 + number / 2 % MODEL_PROCESSES,
                                  .on_hand = number / 6 % 2 == 1,
                                  .verifies = number / 12 % 3 != 0};
}

static void report(const struct model_result *r)
{
    print_message(
        "%zu episodes: %zu unequal, %zu oversold, %zu older over newer, %zu not settled\n",
        r->episodes, r->unequal, r->oversold, r->regressed, r->unsettled);
    print_message("  %zu entries written, %zu sets stale, %zu reads, %zu adjustments, %zu parked; "
                  "%zu kills, %zu pauses, %zu moves, %zu attempts adopted, %zu abandoned\n",
                  r->writes, r->stale, r->reads, r->adjusted, r->parks, r->kills, r->pauses,
                  r->moves, r->adopted, r->abandoned);
}

static void every_level_ends_equal(uint64_t first, const struct model_options *rules)
{
    struct model_result result = {0};
    const char *only = getenv("MODEL_SEED");
    const char *level = getenv("MODEL_LEVEL");
    size_t traced = level != NULL ? strtoul(level, NULL, 10) : MODEL_LEVELS;
    const char *shift = getenv("MODEL_SHIFT");
    first += shift != NULL ? strtoul(shift, NULL, 10) : 0;
    size_t most = rules->restores ? MODEL_EPISODES / 5 : MODEL_EPISODES;
    for (uint64_t number = first; result.episodes < most; number++) {
        struct model_options options = world(number);
        if (only != NULL && strtoul(only, NULL, 10) != number) {
            result.episodes += LEVELS;
            continue;
        }
        options.buffer = rules->buffer;
        options.percent = rules->percent;
        options.cap = rules->cap;
        options.restores = rules->restores;
        model_run(&options, traced, &result);
    }
    report(&result);
    assert_int_equal(result.unequal, 0);
    assert_int_equal(result.oversold, 0);
    assert_int_equal(result.regressed, 0);
    assert_int_equal(result.unsettled, 0);
}

static void plain_rules(void **state)
{
    (void)state;
    every_level_ends_equal(10000, &(struct model_options){.percent = 100, .cap = -1});
}

static void a_cap(void **state)
{
    (void)state;
    every_level_ends_equal(20000, &(struct model_options){.percent = 100, .cap = 10});
}

static void a_percentage(void **state)
{
    (void)state;
    every_level_ends_equal(30000, &(struct model_options){.percent = 10, .cap = -1});
}

static void a_buffer(void **state)
{
    (void)state;
    every_level_ends_equal(40000, &(struct model_options){.percent = 100, .cap = -1, .buffer = 3});
}

/* Some worlds whose state goes back in time. */
static void a_restored_state(void **state)
{
    (void)state;
    every_level_ends_equal(60000,
                           &(struct model_options){.percent = 100, .cap = 10, .restores = true});
}

/* Ports that lie stand for faults: the model finds each, or it finds nothing. */
static void every_lie_is_found_out(void **state)
{
    (void)state;
    for (int lie = LIE_NONE + 1; lie < LIE_COUNT; lie++) {
        struct model_result result = {0};
        for (uint64_t number = 50000;
             result.episodes < LIE_EPISODES && result.unequal + result.regressed == 0; number++) {
            struct model_options options = world(number);
            options.percent = number % 3 == 0 ? 10 : 100;
            options.cap = number % 3 == 1 ? 10 : -1;
            options.lie = (enum model_lie)lie;
            options.restores = lie == LIE_STREAM;
            model_run(&options, MODEL_LEVELS, &result);
        }
        report(&result);
        assert_true(result.unequal + result.regressed > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_state),
        cmocka_unit_test(plain_rules),
        cmocka_unit_test(a_cap),
        cmocka_unit_test(a_percentage),
        cmocka_unit_test(a_buffer),
        cmocka_unit_test(every_lie_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

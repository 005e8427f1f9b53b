#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/backoff.h"

static void backoff_stays_below_a_doubling_ceiling(void **state)
{
    (void)state;
    struct backoff b;
    for (uint64_t seed = 0; seed < 200; seed++) {
        int64_t ceiling = 100;
        backoff_init(&b, 100, 5000, seed);
        for (int i = 0; i < 70; i++) {
            int64_t delay = backoff_next_ms(&b, 0);
            assert_true(delay >= 0 && delay <= ceiling);
            ceiling = ceiling * 2 < 5000 ? ceiling * 2 : 5000;
        }
    }
}

static void backoff_uses_the_whole_range(void **state)
{
    (void)state;
    int64_t least = INT64_MAX;
    int64_t most = 0;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct backoff b;
        backoff_init(&b, 1000, 1000, seed);
        int64_t delay = backoff_next_ms(&b, 0);
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    assert_true(least < 50);
    assert_true(most > 950);
}

static void backoff_respects_the_minimum(void **state)
{
    (void)state;
    struct backoff b;
    backoff_init(&b, 10, 100, 7);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(backoff_next_ms(&b, 30000), 30000);
    }
}

static void backoff_reset_starts_from_the_base(void **state)
{
    (void)state;
    struct backoff b;
    backoff_init(&b, 10, 1000000, 7);
    for (int i = 0; i < 30; i++) {
        (void)backoff_next_ms(&b, 0);
    }
    backoff_reset(&b);
    assert_in_range(backoff_next_ms(&b, 0), 0, 10);
}

static void backoff_two_seeds_differ_and_one_repeats(void **state)
{
    (void)state;
    struct backoff a, b, c;
    int differ = 0;
    backoff_init(&a, 1000000, 1000000, 1);
    backoff_init(&b, 1000000, 1000000, 2);
    backoff_init(&c, 1000000, 1000000, 1);
    for (int i = 0; i < 20; i++) {
        int64_t delay = backoff_next_ms(&a, 0);
        differ += delay != backoff_next_ms(&b, 0);
        assert_int_equal(delay, backoff_next_ms(&c, 0));
    }
    assert_true(differ > 15);
}

static void backoff_survives_extreme_settings(void **state)
{
    (void)state;
    struct backoff b;
    backoff_init(&b, 0, 0, 1);
    assert_int_equal(backoff_next_ms(&b, 0), 0);
    backoff_init(&b, INT64_MAX / 2 + 1, INT64_MAX, 1);
    for (int i = 0; i < 100; i++) {
        assert_true(backoff_next_ms(&b, 0) >= 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backoff_stays_below_a_doubling_ceiling),
        cmocka_unit_test(backoff_uses_the_whole_range),
        cmocka_unit_test(backoff_respects_the_minimum),
        cmocka_unit_test(backoff_reset_starts_from_the_base),
        cmocka_unit_test(backoff_two_seeds_differ_and_one_repeats),
        cmocka_unit_test(backoff_survives_extreme_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

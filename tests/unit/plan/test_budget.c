#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/plan/budget.h"
#include "tests/unit/plan/random.h"

#define SECOND INT64_C(1000000)

/* A bucket of 2000 points that fills by 100 a second and was at `level` at time 0. */
static struct budget standard(double level, double reserve_ratio)
{
    struct budget b;
    budget_init(&b, reserve_ratio);
    budget_sent(&b, 10);
    budget_answered(&b, 10, 2000, level, 100, 0);
    return b;
}

static void budget_lets_one_request_at_a_time_go_before_the_first_answer(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 0.1);
    assert_true(budget_allows(&b, 10, 0));
    assert_int_equal(budget_next_us(&b, 10, 5), 5);
    budget_sent(&b, 10);
    assert_false(budget_allows(&b, 10, 0));
    assert_true(budget_next_us(&b, 10, 5) == INT64_MAX);
    budget_answered(&b, 10, 0, 0, 0, SECOND); /* no throttleStatus */
    assert_true(budget_allows(&b, 10, SECOND));
}

static void budget_allows_follows_the_table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double level, reserve_ratio, in_flight, cost;
        int64_t at_us;
        bool allowed;
    } cases[] = {
        {"enough", 10, 0, 0, 10, 0, true},
        {"one point short", 9, 0, 0, 10, 0, false},
        {"restored by then", 0, 0, 0, 10, SECOND / 10, true},
        {"a microsecond too early", 0, 0, 0, 10, SECOND / 10 - 1, false},
        {"reserve is kept", 205, 0.1, 0, 10, 0, false},
        {"above the reserve", 210, 0.1, 0, 10, 0, true},
        {"points on their way are gone", 100, 0, 95, 10, 0, false},
        {"what is on its way leaves room", 100, 0, 90, 10, 0, true},
        {"never above the maximum", 1990, 0, 1995, 10, 3600 * SECOND, false},
        {"larger than the reserve leaves, bucket not full", 1900, 0.1, 0, 1900, 0, false},
        {"larger than the reserve leaves, bucket full", 1900, 0.1, 0, 1900, SECOND, true},
        {"larger than the bucket, bucket full", 2000, 0.1, 0, 5000, 0, true},
        {"time that runs back restores nothing", 9, 0, 0, 10, -SECOND, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct budget b = standard(cases[i].level, cases[i].reserve_ratio);
        budget_sent(&b, cases[i].in_flight);
        if (budget_allows(&b, cases[i].cost, cases[i].at_us) != cases[i].allowed) {
            fail_msg("%s", cases[i].name);
        }
    }
}

static void budget_next_is_the_first_moment_that_is_allowed(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 20000; i++) {
        struct budget b = standard(random_below(&seed, 3000) / 3.0, random_below(&seed, 10) / 10.0);
        b.restore_rate = (1 + random_below(&seed, 2000)) / 7.0;
        budget_sent(&b, random_below(&seed, 50) * 10.0);
        double cost = 10.0 + random_below(&seed, 1000);
        int64_t now = random_below(&seed, 2000000);
        if (random_below(&seed, 3) == 0) {
            budget_block(&b, random_below(&seed, 3000000), 0);
        }
        int64_t next = budget_next_us(&b, cost, now);
        assert_true(next >= now);
        if (next == INT64_MAX) {
            assert_false(budget_allows(&b, cost, now + 86400 * SECOND));
        } else {
            assert_true(budget_allows(&b, cost, next));
            assert_true(next == now || !budget_allows(&b, cost, next - 2));
        }
    }
}

static void budget_block_holds_everything_until_its_time(void **state)
{
    (void)state;
    struct budget b = standard(2000, 0);
    budget_block(&b, SECOND, 0);
    budget_block(&b, SECOND / 2, 0); /* a shorter one does not lift it */
    assert_false(budget_allows(&b, 10, SECOND - 1));
    assert_true(budget_allows(&b, 10, SECOND));
    assert_int_equal(budget_next_us(&b, 10, 0), SECOND);
    budget_block(&b, INT64_MAX, SECOND);
    assert_false(budget_allows(&b, 10, INT64_MAX - 1));
}

static void budget_answer_without_throttle_status_counts_as_charged(void **state)
{
    (void)state;
    struct budget b = standard(15, 0);
    budget_sent(&b, 10);
    assert_false(budget_allows(&b, 10, 0));
    budget_answered(&b, 10, 0, 0, 0, 0);
    assert_false(budget_allows(&b, 10, 0)); /* 5 left */
    assert_true(budget_allows(&b, 10, SECOND / 20));
}

static void budget_survives_nonsensical_answers(void **state)
{
    (void)state;
    static const struct {
        double maximum, level, restore_rate;
    } cases[] = {
        {(double)NAN, 1, 1},
        {(double)INFINITY, 1, 1},
        {-5, 1, 1},
        {2000, (double)NAN, 100},
        {2000, 1, 0},
        {2000, 1, -1},
        {2000, 1, (double)NAN},
        {2000, -1e300, 100},
        {2000, 1e300, 100},
        {2000, 0, 1e-300},
        {1e-300, 0, 1e-300},
        {1e300, 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct budget b;
        budget_init(&b, 0.1);
        budget_sent(&b, 10);
        budget_answered(&b, 10, cases[i].maximum, cases[i].level, cases[i].restore_rate, 0);
        int64_t next = budget_next_us(&b, 10, SECOND);
        assert_true(next == INT64_MAX || budget_allows(&b, 10, next));
        budget_sent(&b, 10);
        budget_answered(&b, 10, 2000, 2000, 100, SECOND);
        assert_true(budget_allows(&b, 10, SECOND));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget_lets_one_request_at_a_time_go_before_the_first_answer),
        cmocka_unit_test(budget_allows_follows_the_table),
        cmocka_unit_test(budget_next_is_the_first_moment_that_is_allowed),
        cmocka_unit_test(budget_block_holds_everything_until_its_time),
        cmocka_unit_test(budget_answer_without_throttle_status_counts_as_charged),
        cmocka_unit_test(budget_survives_nonsensical_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/plan/budget.h"
#include "tests/unit/plan/random.h"

#define SECOND INT64_C(1000000)

/* A bucket of 2000 points that fills by 100 a second. */
static struct budget_report report(double level, double charged)
{
    return (struct budget_report){
        .maximum = 2000, .restore_rate = 100, .level = level, .charged = charged};
}

static const struct budget_report NOTHING_TOLD = {.charged = -1};

/* It was at `level` at time 0. */
static struct budget standard(double level, double reserve_ratio)
{
    struct budget b;
    struct budget_ticket ticket;
    struct budget_report first = report(level, 10);
    budget_init(&b, reserve_ratio);
    budget_sent(&b, 10, 0, &ticket);
    budget_answered(&b, &ticket, &first, 0);
    return b;
}

static void budget_lets_one_request_at_a_time_go_before_the_first_answer(void **state)
{
    (void)state;
    struct budget b;
    struct budget_ticket ticket;
    budget_init(&b, 0.1);
    assert_true(budget_allows(&b, 10, 0));
    assert_int_equal(budget_next_us(&b, 10, 5), 5);
    budget_sent(&b, 10, 5, &ticket);
    assert_false(budget_allows(&b, 10, 5));
    assert_int_equal(budget_next_us(&b, 10, 5), 5 + SECOND);
    budget_answered(&b, &ticket, &NOTHING_TOLD, SECOND);
    assert_true(budget_allows(&b, 10, SECOND));
}

static void budget_asks_with_one_request_after_a_silence(void **state)
{
    (void)state;
    struct budget b = standard(2000, 0.1);
    struct budget_ticket first;
    struct budget_ticket second;
    int64_t now = 60 * SECOND;
    assert_true(budget_allows(&b, 10, now));
    budget_sent(&b, 10, now, &first);
    assert_false(budget_allows(&b, 10, now)); /* others may have emptied it meanwhile */
    assert_int_equal(budget_next_us(&b, 10, now), now + SECOND); /* it may hang */
    assert_false(budget_allows(&b, 10, now + SECOND - 1));
    assert_true(budget_allows(&b, 10, now + SECOND));
    struct budget_report low = report(30, 10);
    budget_answered(&b, &first, &low, now);
    assert_true(b.level == 30);
    struct budget_report high = report(1990, 10);
    budget_sent(&b, 10, now, &first); /* no silence: the answer came just now */
    budget_answered(&b, &first, &high, now);
    budget_mark_uncertain(&b);
    budget_sent(&b, 10, now, &first);
    assert_false(budget_allows(&b, 10, now));
    budget_answered(&b, &first, &high, now);
    budget_sent(&b, 10, now, &first);
    assert_true(budget_allows(&b, 10, now));
    budget_sent(&b, 10, now + 60 * SECOND, &second); /* nor while an answer is awaited */
    assert_true(budget_allows(&b, 10, now + 60 * SECOND));
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
        /* without a reserve the pace is the restore rate: 10 points in 0.1 s after the last one */
        {"enough", 10, 0, 0, 10, 0, true},
        {"one point short", 9, 0, 0, 10, 0, false},
        {"restored by then", 0, 0, 0, 10, SECOND / 10, true},
        {"a microsecond too early", 0, 0, 0, 10, SECOND / 10 - 1, false},
        {"points on their way are gone", 100, 0, 95, 10, 0, false},
        {"half of what stands above may be on its way", 100, 0, 45, 10, 0, true},
        {"but no more, ahead of the pace", 100, 0, 46, 10, 0, false},
        {"in pace, what is there may go", 80, 0, 80, 10, SECOND / 10, true},
        {"in pace, but not there", 80, 0, 81, 10, SECOND / 10, false},
        {"never above the maximum", 1990, 0, 1995, 10, 3600 * SECOND, false},
        {"above the reserve", 210, 0.1, 0, 10, 0, true},
        {"at the reserve, ahead of the pace", 200, 0.1, 0, 10, SECOND / 20, false},
        {"at the reserve, in pace", 200, 0.1, 0, 10, SECOND / 10, true},
        {"half of the reserve: half of the pace", 100, 0.1, 0, 10, SECOND / 5, true},
        {"half of the reserve, too early", 100, 0.1, 0, 10, SECOND / 5 - 1, false},
        {"nothing there: not before all is restored", 0, 0.1, 0, 10, 21 * SECOND / 10 - 1, false},
        {"nothing there, all restored", 0, 0.1, 0, 10, 21 * SECOND / 10, true},
        {"larger than the reserve leaves, full", 1900, 0.1, 0, 1900, SECOND, true},
        {"larger than the reserve leaves, not full", 1850, 0.1, 0, 1900, SECOND, false},
        {"larger than the bucket, full", 2000, 0.1, 0, 5000, 0, true},
        {"time that runs back restores nothing", 9, 0, 0, 10, -SECOND, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct budget b = standard(cases[i].level, cases[i].reserve_ratio);
        struct budget_ticket ticket;
        budget_sent(&b, cases[i].in_flight, 0, &ticket);
        if (budget_allows(&b, cases[i].cost, cases[i].at_us) != cases[i].allowed) {
            fail_msg("%s", cases[i].name);
        }
    }
}

static void budget_next_is_the_first_moment_that_is_allowed(void **state)
{
    (void)state;
    uint64_t seed = 3;
    struct budget_ticket ticket;
    for (int i = 0; i < 20000; i++) {
        struct budget b = standard(random_below(&seed, 3000) / 3.0, random_below(&seed, 10) / 10.0);
        b.restore_rate = (1 + random_below(&seed, 2000)) / 7.0;
        budget_sent(&b, random_below(&seed, 50) * 10.0, random_below(&seed, 1000000), &ticket);
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

/* A and B are on their way at the same time; nobody knows which one the store saw first. */
static void budget_takes_answers_in_any_order(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double first, second; /* levels shown by the answers, as they come */
        double level;         /* then */
    } cases[] = {
        {"in order", 990, 980, 980},
        {"the later one first: the earlier one does not lift", 980, 990, 980},
        {"others took points between them", 990, 880, 880},
        {"others took points before both", 700, 690, 690},
        {"the later one first, others took points", 680, 700, 680},
        {"more than all charges explain: not lifted either", 900, 960, 900},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct budget b = standard(1000, 0);
        struct budget_ticket one;
        struct budget_ticket other;
        budget_sent(&b, 10, 0, &one);
        budget_sent(&b, 10, 0, &other);
        struct budget_report first = report(cases[i].first, 10);
        struct budget_report second = report(cases[i].second, 10);
        budget_answered(&b, &one, &first, 0);
        budget_answered(&b, &other, &second, 0);
        if (b.level != cases[i].level || b.in_flight != 0) {
            fail_msg("%s: %.0f", cases[i].name, b.level);
        }
    }
}

static void budget_believes_an_answer_to_what_was_sent_after_all_others_came(void **state)
{
    (void)state;
    struct budget b = standard(100, 0);
    struct budget_ticket ticket;
    struct budget_report more = report(1500, 10);
    budget_sent(&b, 10, 0, &ticket);
    budget_answered(&b, &ticket, &more, 0);
    assert_true(b.level == 1500);
}

static void budget_charges_the_actual_cost(void **state)
{
    (void)state;
    struct budget b = standard(1000, 0);
    struct budget_ticket read;
    struct budget_ticket set;
    budget_sent(&b, 27, 0, &read);
    budget_sent(&b, 10, 0, &set);
    assert_true(b.in_flight == 37);
    struct budget_report refunded = report(991, 9);
    budget_answered(&b, &read, &refunded, 0);
    assert_true(b.level == 991 && b.in_flight == 10);
    struct budget_report last = report(981, -1); /* not shown: as requested */
    budget_answered(&b, &set, &last, 0);
    assert_true(b.level == 981 && b.in_flight == 0);
}

static void budget_waits_as_the_formula_says_after_throttled(void **state)
{
    (void)state;
    struct budget b = standard(500, 0);
    struct budget_ticket ticket;
    budget_sent(&b, 50, 0, &ticket);
    struct budget_report throttled = report(4, 0);
    budget_answered(&b, &ticket, &throttled, 0);
    assert_int_equal(budget_next_us(&b, 50, 0), 46 * SECOND / 100); /* (50 - 4) / 100 s */
    budget_block(&b, SECOND, 0);
    assert_int_equal(budget_next_us(&b, 50, 0), SECOND);
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
    struct budget_ticket ticket;
    budget_sent(&b, 10, 0, &ticket);
    assert_false(budget_allows(&b, 10, 0));
    budget_answered(&b, &ticket, &NOTHING_TOLD, 0);
    assert_false(budget_allows(&b, 10, 0)); /* 5 left */
    assert_true(budget_allows(&b, 10, SECOND / 10));
}

static void budget_survives_nonsensical_answers(void **state)
{
    (void)state;
    static const struct budget_report cases[] = {
        {(double)NAN, 1, 1, 10},
        {(double)INFINITY, 1, 1, 10},
        {-5, 1, 1, 10},
        {2000, 100, (double)NAN, 10},
        {2000, 0, 1, 10},
        {2000, -1, 1, 10},
        {2000, (double)NAN, 1, 10},
        {2000, 100, -1e300, 10},
        {2000, 100, 1e300, 10},
        {2000, 1e-300, 0, 10},
        {1e-300, 1e-300, 0, 10},
        {1e300, 1, 0, 10},
        {2000, 100, 1000, 1e300},
        {2000, 100, 1000, (double)NAN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct budget b;
        struct budget_ticket ticket;
        struct budget_report full = report(2000, 10);
        budget_init(&b, 0.1);
        budget_sent(&b, 10, 0, &ticket);
        budget_answered(&b, &ticket, &cases[i], 0);
        int64_t next = budget_next_us(&b, 10, SECOND);
        assert_true(next == INT64_MAX || budget_allows(&b, 10, next));
        budget_sent(&b, 10, SECOND, &ticket);
        budget_answered(&b, &ticket, &full, SECOND);
        assert_true(budget_allows(&b, 10, SECOND));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget_lets_one_request_at_a_time_go_before_the_first_answer),
        cmocka_unit_test(budget_asks_with_one_request_after_a_silence),
        cmocka_unit_test(budget_allows_follows_the_table),
        cmocka_unit_test(budget_next_is_the_first_moment_that_is_allowed),
        cmocka_unit_test(budget_takes_answers_in_any_order),
        cmocka_unit_test(budget_believes_an_answer_to_what_was_sent_after_all_others_came),
        cmocka_unit_test(budget_charges_the_actual_cost),
        cmocka_unit_test(budget_waits_as_the_formula_says_after_throttled),
        cmocka_unit_test(budget_block_holds_everything_until_its_time),
        cmocka_unit_test(budget_answer_without_throttle_status_counts_as_charged),
        cmocka_unit_test(budget_survives_nonsensical_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

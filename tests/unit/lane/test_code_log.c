#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/code_log.h"
#include "tests/unit/lane/bench.h"

static const struct reaction_rule ALARM = {.alarm = true, .next = "look"};
static const struct reaction_rule QUIET = {.alarm = false, .next = "none"};

static struct answer with_code(const char *code, const struct reaction_rule *rule)
{
    struct answer answer = {.rule = rule};
    (void)snprintf(answer.code, sizeof answer.code, "%s", code);
    return answer;
}

static double counted(void)
{
    return metric_value(bench.metrics.request.odd_codes);
}

static void take(struct code_log *log, const struct answer *answer)
{
    code_log_answer(log, "alpha", answer, bench.metrics.request.odd_codes);
}

static void codes_without_an_alarm_are_not_counted(void **state)
{
    (void)state;
    struct code_log log = {0};
    const struct answer none = with_code("", NULL);
    const struct answer quiet = with_code("THROTTLED", &QUIET);
    take(&log, &none);
    take(&log, &quiet);
    assert_int_equal((int)counted(), 0);
    assert_int_equal(log.count, 0);
}

static void a_code_is_counted_each_time_and_remembered_once(void **state)
{
    (void)state;
    struct code_log log = {0};
    const struct answer odd = with_code("ODD", &ALARM);
    take(&log, &odd);
    take(&log, &odd);
    assert_int_equal((int)counted(), 2);
    assert_int_equal(log.count, 1);
    assert_string_equal(log.codes[0], "ODD");
}

static void entries_count_unless_they_repeat_the_code_of_the_answer(void **state)
{
    (void)state;
    struct code_log log = {0};
    struct answer odd = with_code("ODD", &ALARM);
    struct entry_error entries[] = {{.rule = &ALARM, .code = "ODD"},
                                    {.rule = &ALARM, .code = "OTHER"},
                                    {.rule = &QUIET, .code = "STALE"}};
    odd.entries = entries;
    odd.entry_count = 3;
    take(&log, &odd);
    assert_int_equal((int)counted(), 2);
    assert_int_equal(log.count, 2);
    assert_string_equal(log.codes[1], "OTHER");
}

static void further_codes_are_only_counted(void **state)
{
    (void)state;
    struct code_log log = {0};
    for (int i = 0; i < CODE_LOG_MAX + 5; i++) {
        char code[16];
        (void)snprintf(code, sizeof code, "ODD_%d", i);
        const struct answer odd = with_code(code, &ALARM);
        take(&log, &odd);
    }
    assert_int_equal((int)counted(), CODE_LOG_MAX + 5);
    assert_int_equal(log.count, CODE_LOG_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(codes_without_an_alarm_are_not_counted),
        BENCH_TEST(a_code_is_counted_each_time_and_remembered_once),
        BENCH_TEST(entries_count_unless_they_repeat_the_code_of_the_answer),
        BENCH_TEST(further_codes_are_only_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

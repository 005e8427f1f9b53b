#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/parents/pace.h"

#define NOW INT64_C(7000000000)

static void pace_lets_the_first_statement_go_at_once(void **state)
{
    (void)state;
    const struct pace pace = {0};
    assert_int_equal(pace_left_us(&pace, NOW), 0);
}

static void pace_waits_for_what_was_marked(void **state)
{
    (void)state;
    static const struct {
        size_t marks;
        bool any_kits;
        int64_t expected_us;
    } cases[] = {
        {0, true, PACE_STATEMENT_US},
        {1, true, PACE_STATEMENT_US + 50},
        {5000, true, PACE_STATEMENT_US + 250000},
        {20000, true, PACE_STATEMENT_US + 1000000},
        {199999, true, PACE_MAX_US},
        {SIZE_MAX, true, PACE_MAX_US},
        {0, false, PACE_NO_KITS_US},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pace pace = {0};
        pace_note(&pace, cases[i].marks, cases[i].any_kits, NOW);
        assert_int_equal(pace_left_us(&pace, NOW), cases[i].expected_us);
        assert_int_equal(pace_left_us(&pace, NOW + cases[i].expected_us - 1), 1);
        assert_int_equal(pace_left_us(&pace, NOW + cases[i].expected_us), 0);
    }
}

static void pace_does_not_add_up_quiet_time(void **state)
{
    (void)state;
    struct pace pace = {0};
    pace_note(&pace, 5000, true, NOW);
    assert_int_equal(pace_left_us(&pace, NOW + 60000000), 0);
    pace_note(&pace, 5000, true, NOW + 60000000);
    assert_int_equal(pace_left_us(&pace, NOW + 60000000), PACE_STATEMENT_US + 250000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pace_lets_the_first_statement_go_at_once),
        cmocka_unit_test(pace_waits_for_what_was_marked),
        cmocka_unit_test(pace_does_not_add_up_quiet_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

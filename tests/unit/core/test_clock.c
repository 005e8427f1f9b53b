#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/clock.h"

static void clock_format_is_utc_with_milliseconds(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } CASES[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {999, "1970-01-01T00:00:00.000Z"},
        {1000, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {INT64_C(951782400000000), "2000-02-29T00:00:00.000Z"},
        {INT64_C(1795466647123456), "2026-11-23T20:44:07.123Z"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char text[CLOCK_TEXT_SIZE];
        assert_ptr_equal(clock_format_utc(CASES[i].us, text), text);
        assert_string_equal(text, CASES[i].text);
    }
}

static void clock_format_never_overruns(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    (void)clock_format_utc(INT64_MAX, text);
    assert_true(strlen(text) < CLOCK_TEXT_SIZE);
    (void)clock_format_utc(INT64_MIN, text);
    assert_true(strlen(text) < CLOCK_TEXT_SIZE);
}

static void clock_left_is_bounded_and_rounded_up(void **state)
{
    (void)state;
    int64_t now = clock_monotonic_us();
    assert_int_equal(clock_left_ms(now - 1), 0);
    assert_int_equal(clock_left_ms(INT64_MIN), 0);
    assert_int_equal(clock_left_ms(INT64_MAX), INT_MAX);
    int left = clock_left_ms(clock_monotonic_us() + 60000000);
    assert_in_range(left, 50000, 60000);
}

static void clock_monotonic_never_goes_back(void **state)
{
    (void)state;
    int64_t before = clock_monotonic_us();
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_monotonic_us();
        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_wall_us() > INT64_C(1700000000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_format_is_utc_with_milliseconds),
        cmocka_unit_test(clock_format_never_overruns),
        cmocka_unit_test(clock_left_is_bounded_and_rounded_up),
        cmocka_unit_test(clock_monotonic_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/plan/bisection.h"

static void group(struct bisection *s, uint32_t first, size_t count)
{
    bisection_begin(s);
    for (uint32_t i = 0; i < count; i++) {
        bisection_add(s, first + i);
    }
}

/* The next group holds count numbers from first on. */
static void expect(struct bisection *s, uint32_t first, size_t count)
{
    uint32_t numbers[1000];
    assert_int_equal(bisection_next_size(s), count);
    bisection_take(s, numbers);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(numbers[i], first + i);
    }
}

static void bisection_gives_whole_groups_the_last_one_first(void **state)
{
    (void)state;
    struct bisection s = {0};
    assert_int_equal(bisection_next_size(&s), 0);
    for (uint32_t g = 0; g < 100; g++) {
        group(&s, g * 1000, g + 1);
    }
    assert_int_equal(s.count, 5050);
    for (uint32_t g = 100; g > 0; g--) {
        expect(&s, (g - 1) * 1000, g);
    }
    assert_int_equal(bisection_next_size(&s), 0);
    assert_int_equal(s.count, 0);
    bisection_release(&s);
}

static void bisection_group_that_stayed_empty_is_none(void **state)
{
    (void)state;
    struct bisection s = {0};
    group(&s, 10, 2);
    bisection_begin(&s);
    group(&s, 20, 3);
    expect(&s, 20, 3);
    expect(&s, 10, 2);
    assert_int_equal(s.group_count, 0);
    bisection_release(&s);
}

static bool is_listed(void *arg, uint32_t number)
{
    for (const uint32_t *p = arg; *p != 0; p++) {
        if (*p == number) {
            return true;
        }
    }
    return false;
}

static void bisection_drop_keeps_the_groups_of_the_rest(void **state)
{
    (void)state;
    struct bisection s = {0};
    group(&s, 10, 3);
    group(&s, 20, 2);
    group(&s, 30, 4);
    bisection_drop(&s, is_listed, (uint32_t[]){12, 20, 21, 30, 0});
    assert_int_equal(s.count, 5);
    expect(&s, 31, 3);
    expect(&s, 10, 2);
    assert_int_equal(bisection_next_size(&s), 0);
    bisection_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bisection_gives_whole_groups_the_last_one_first),
        cmocka_unit_test(bisection_group_that_stayed_empty_is_none),
        cmocka_unit_test(bisection_drop_keeps_the_groups_of_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

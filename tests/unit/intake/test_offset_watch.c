#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/intake/offset_watch.h"

static struct offset_watch watch;

static int release(void **state)
{
    (void)state;
    offset_watch_release(&watch);
    return 0;
}

static void offsets_that_rise_are_fine(void **state)
{
    (void)state;
    assert_int_equal(offset_watch_note(&watch, 3, 5), 0); /* nothing is known of it */
    assert_int_equal(offset_watch_note(&watch, 3, 5), 0); /* its end, behind the record */
    assert_int_equal(offset_watch_note(&watch, 3, 90), 0);
    assert_int_equal(offset_watch_note(&watch, 0, 1), 0);
}

static void a_smaller_offset_is_told_once_with_what_was_expected(void **state)
{
    (void)state;
    offset_watch_expect(&watch, 1, 500);
    assert_int_equal(offset_watch_note(&watch, 1, 0), 500);
    assert_int_equal(offset_watch_note(&watch, 1, 1), 0);
    offset_watch_expect(&watch, 1, 500);
    assert_int_equal(offset_watch_note(&watch, 1, 500), 0);
    assert_int_equal(offset_watch_note(&watch, 1, 499), 500);
}

static void a_partition_may_be_read_from_anywhere(void **state)
{
    (void)state;
    assert_int_equal(offset_watch_note(&watch, 2, 700), 0);
    offset_watch_expect(&watch, 2, 40);
    assert_int_equal(offset_watch_note(&watch, 2, 40), 0);
    offset_watch_expect(&watch, 2, -1001); /* no committed offset */
    assert_int_equal(offset_watch_note(&watch, 2, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(offsets_that_rise_are_fine, release),
        cmocka_unit_test_teardown(a_smaller_offset_is_told_once_with_what_was_expected, release),
        cmocka_unit_test_teardown(a_partition_may_be_read_from_anywhere, release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

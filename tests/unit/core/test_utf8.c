#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/utf8.h"

/* Boundaries of RFC 3629 section 4, both sides of each. */
static void utf8_sequence_accepts_exactly_the_well_formed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } CASES[] = {
        {"a", 1},
        {"\x7F", 1},
        {"\x80", 0},
        {"\xBF", 0},
        {"\xC1\xBF", 0},
        {"\xC2\x80", 2},
        {"\xDF\xBF", 2},
        {"\xC2", 0},
        {"\xC2z", 0},
        {"\xE0\x9F\xBF", 0},
        {"\xE0\xA0\x80", 3},
        {"\xED\x9F\xBF", 3},
        {"\xED\xA0\x80", 0},
        {"\xEF\xBF\xBF", 3},
        {"\xE2\x82", 0},
        {"\xE2\x82z", 0},
        {"\xF0\x8F\xBF\xBF", 0},
        {"\xF0\x90\x80\x80", 4},
        {"\xF4\x8F\xBF\xBF", 4},
        {"\xF4\x90\x80\x80", 0},
        {"\xF5\x80\x80\x80", 0},
        {"\xFF", 0},
        {"\xF0\x9F\x98", 0},
        {"\xC3\xA4z", 2},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_int_equal(utf8_sequence(bytes_text(CASES[i].text)), CASES[i].len);
    }
    assert_int_equal(utf8_sequence(bytes_of(NULL, 0)), 0);
    assert_int_equal(utf8_sequence(bytes_of("\xC3\xA4", 1)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_sequence_accepts_exactly_the_well_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

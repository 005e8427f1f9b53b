#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/uuid5.h"

/* Expected values from Python 3.11: uuid.uuid5(uuid.UUID("6d4f1c52-9b37-4e0a-b163-0fc827d95e84"),
 * name). */
static void uuid5_equals_another_implementation(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
    } CASES[] = {
        {"", "9499dd2b-d0f8-5534-b5f6-05c3ae2edecc"},
        {"a", "ace4cf2a-d1c2-58ea-82f1-ed6c8d049d24"},
        {"outlet|42@7=5#1", "fc23fb4d-f18d-5bb2-b327-4b77fee7e67e"},
        {"K\xC3\xB6"
         "ln",
         "bd22a141-0268-598e-97cb-4c942e10f452"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char text[UUID5_TEXT_SIZE];
        assert_ptr_equal(uuid5_text(bytes_text(CASES[i].name), text), text);
        assert_string_equal(text, CASES[i].text);
    }
}

static void uuid5_bytes_behind_a_nul_count(void **state)
{
    (void)state;
    char a[UUID5_TEXT_SIZE];
    char b[UUID5_TEXT_SIZE];
    (void)uuid5_text(bytes_of("a\0b", 3), a);
    (void)uuid5_text(bytes_of("a\0c", 3), b);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuid5_equals_another_implementation),
        cmocka_unit_test(uuid5_bytes_behind_a_nul_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

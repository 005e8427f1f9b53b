#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/avro/avro_fingerprint.h"

/* Apache Avro's own values, for schemas in Parsing Canonical Form. */
static const struct {
    const char *schema;
    uint64_t expected;
} CASES[] = {
    {"\"null\"", UINT64_C(0x63dd24e7cc258f8a)},
    {"\"int\"", UINT64_C(0x7275d51a3f395c8f)},
    {"\"string\"", UINT64_C(0x8f014872634503c7)},
    {"", UINT64_C(0xc15d213aa4d7a795)},
};

static void avro_fingerprint_equals_the_published_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        assert_true(avro_fingerprint(bytes_text(CASES[i].schema)) == CASES[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(avro_fingerprint_equals_the_published_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

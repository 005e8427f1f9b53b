#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#include "common/kafka/kafka_assignor.h"

#define DEBIAN_12 0x020002ff
#define LAST_BAD  0x020200ff
#define CANDIDATE 0x02030001
#define FIXED     0x020300ff

static char name[] = KAFKA_ASSIGNOR_PROPERTY;

/* NOLINTNEXTLINE(readability-non-const-parameter): the pair owns its value elsewhere */
static struct conf_pairs pairs_of(struct conf_pair *pair, char *value)
{
    *pair = (struct conf_pair){.name = name, .value = value, .line = 3};
    return (struct conf_pairs){.list = pair, .count = 1};
}

static void the_library_decides(void **state)
{
    (void)state;
    static const struct {
        int version;
        bool is_cooperative;
    } rows[] = {
        {DEBIAN_12, false}, {LAST_BAD, false},  {CANDIDATE, false},
        {FIXED, true},      {0x021000ff, true},
    };
    const struct conf_pairs none = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct kafka_assignor a = kafka_assignor_for(&none, rows[i].version, "v");
        assert_int_equal(a.is_cooperative, rows[i].is_cooperative);
        assert_string_equal(a.strategy, rows[i].is_cooperative ? "cooperative-sticky" : "range");
        assert_string_equal(a.library, "v");
        assert_false(a.is_given);
        assert_false(a.may_abort);
    }
}

static void the_option_wins_and_its_danger_is_named(void **state)
{
    (void)state;
    struct conf_pair pair;
    char cooperative[] = "cooperative-sticky";
    char eager[] = "roundrobin,range";
    struct conf_pairs pairs = pairs_of(&pair, cooperative);
    struct kafka_assignor a = kafka_assignor_for(&pairs, DEBIAN_12, "2.0.2");
    assert_true(a.is_cooperative && a.is_given && a.may_abort);
    assert_non_null(strstr(kafka_assignor_reason(&a), "update librdkafka to 2.3.0"));
    a = kafka_assignor_for(&pairs, FIXED, "2.3.0");
    assert_true(a.is_cooperative && a.is_given);
    assert_false(a.may_abort);
    pairs = pairs_of(&pair, eager);
    a = kafka_assignor_for(&pairs, FIXED, "2.3.0");
    assert_false(a.is_cooperative || a.may_abort);
    assert_string_equal(a.strategy, eager);
}

static void the_library_in_use_is_asked(void **state)
{
    (void)state;
    const struct conf_pairs none = {0};
    const struct kafka_assignor a = kafka_assignor_of(&none);
    assert_int_equal(a.is_cooperative, rd_kafka_version() >= FIXED);
    assert_string_equal(a.library, rd_kafka_version_str());
}

static void words_that_no_client_could_use_are_refused(void **state)
{
    (void)state;
    static const char *const good[] = {"range", "roundrobin", "range,roundrobin",
                                       "cooperative-sticky", " range , roundrobin "};
    static const char *const bad[] = {"",
                                      ",",
                                      "sticky",
                                      "range,sticky",
                                      "cooperative",
                                      "cooperative-sticky,range",
                                      "range,cooperative-sticky"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_null(kafka_assignor_refusal(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_non_null(kafka_assignor_refusal(bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_decides),
        cmocka_unit_test(the_option_wins_and_its_danger_is_named),
        cmocka_unit_test(the_library_in_use_is_asked),
        cmocka_unit_test(words_that_no_client_could_use_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/kafka/kafka_stats.h"

static struct kafka_stats of(const char *json)
{
    struct kafka_stats stats;
    assert_true(kafka_stats_read(json, strlen(json), &stats));
    return stats;
}

#define BROKER(node, waiting, received, received_ago, sent_ago)                                    \
    "\"b" #node "\":{\"nodeid\":" #node ",\"waitresp_cnt\":" #waiting ",\"rx\":" #received         \
    ",\"rxidle\":" #received_ago ",\"txidle\":" #sent_ago "}"

static void answers_of_all_brokers_are_added(void **state)
{
    (void)state;
    struct kafka_stats stats =
        of("{\"brokers\":{" BROKER(1, 0, 7, 10, 20) "," BROKER(-1, 0, 3, 10, 20) "}}");
    assert_int_equal(stats.received, 10);
    assert_int_equal(stats.silent_us, 0);
}

static void a_broker_is_silent_while_a_request_waits(void **state)
{
    (void)state;
    /* the second was idle for long, and was asked a moment ago */
    struct kafka_stats stats = of("{\"brokers\":{" BROKER(1, 1, 7, 8000, 9000) "," BROKER(
        2, 1, 7, 90000, 20) "," BROKER(3, 0, 7, 70000, 80000) "}}");
    assert_int_equal(stats.silent_us, 8000);
    stats = of("{\"brokers\":{" BROKER(1, 1, 0, -1, 600) "}}"); /* of a new connection */
    assert_int_equal(stats.silent_us, 600);
}

static void the_coordinator_may_keep_a_member_waiting(void **state)
{
    (void)state;
    assert_int_equal(of("{\"brokers\":{" BROKER(-1, 1, 7, 90000, 90000) "}}").silent_us, 0);
}

static void other_texts_are_no_statistics(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "{", "[]", "{}", "{\"brokers\":3}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct kafka_stats stats;
        assert_false(kafka_stats_read(texts[i], strlen(texts[i]), &stats));
        assert_int_equal(stats.received, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_all_brokers_are_added),
        cmocka_unit_test(a_broker_is_silent_while_a_request_waits),
        cmocka_unit_test(the_coordinator_may_keep_a_member_waiting),
        cmocka_unit_test(other_texts_are_no_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

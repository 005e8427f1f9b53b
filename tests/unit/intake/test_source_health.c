#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/intake/source_health.h"

#define SECOND INT64_C(1000000)
#define BEGIN  (1000 * SECOND)

static struct source_health h;
static struct err err;

static int set_up(void **state)
{
    (void)state;
    source_health_begin(&h, BEGIN);
    return 0;
}

/* Statistics with one answer more. */
static void answer(int64_t at_us)
{
    const struct kafka_stats stats = {.received = h.received + 1};
    source_health_note_stats(&h, &stats, at_us);
}

static void expect_away(int64_t at_us, const char *why)
{
    assert_int_equal(source_health_check(&h, at_us, &err), STATUS_BROKER_LOST);
    assert_string_equal(err.msg, why);
}

static void expect_answers(int64_t at_us)
{
    assert_int_equal(source_health_check(&h, at_us, &err), STATUS_OK);
}

static void a_cluster_is_away_when_it_is_silent(void **state)
{
    (void)state;
    expect_answers(BEGIN + SOURCE_SILENCE_US - 1);
    expect_away(BEGIN + SOURCE_SILENCE_US, "no answer from the Kafka cluster for 10 s");
    answer(BEGIN + 20 * SECOND);
    expect_answers(BEGIN + 25 * SECOND);
    const struct kafka_stats none = {.received = h.received};
    source_health_note_stats(&h, &none, BEGIN + 29 * SECOND);
    expect_away(BEGIN + 31 * SECOND, "no answer from the Kafka cluster for 11 s");
}

static void one_broker_that_keeps_a_request_waiting_is_enough(void **state)
{
    (void)state;
    const struct kafka_stats stats = {.received = 5, .silent_us = SOURCE_SILENCE_US};
    source_health_note_stats(&h, &stats, BEGIN + 11 * SECOND);
    expect_away(BEGIN + 11 * SECOND, "no answer from the Kafka cluster for 11 s");
}

static void brokers_that_are_gone_are_known_at_once(void **state)
{
    (void)state;
    answer(BEGIN + SECOND);
    source_health_note_failure(&h, BEGIN + 2 * SECOND, true, SOURCE_DOWN);
    expect_away(BEGIN + 2 * SECOND, SOURCE_DOWN);
    answer(BEGIN + 3 * SECOND); /* may have come before they were gone */
    expect_away(BEGIN + 3 * SECOND, SOURCE_DOWN);
    answer(BEGIN + 4 * SECOND);
    expect_answers(BEGIN + 4 * SECOND);
}

static void only_a_member_has_answers_that_count(void **state)
{
    (void)state;
    struct health_server kafka = {.name = "kafka"};
    answer(BEGIN + SECOND);
    source_health_show(&h, &kafka);
    assert_int_equal(kafka.answered_us, 0);
    assert_string_equal(kafka.why, "the group has not assigned partitions yet");
    source_health_note_joined(&h, BEGIN + 2 * SECOND);
    source_health_show(&h, &kafka);
    assert_int_equal(kafka.answered_us, BEGIN + 2 * SECOND);
    assert_string_equal(kafka.why, "");
    source_health_note_left(&h);
    answer(BEGIN + 3 * SECOND);
    source_health_show(&h, &kafka);
    assert_int_equal(kafka.answered_us, BEGIN + 2 * SECOND);
}

static void lost_partitions_are_a_failure_and_no_silence(void **state)
{
    (void)state;
    struct health_server kafka = {.name = "kafka"};
    source_health_note_joined(&h, BEGIN + SECOND);
    source_health_note_lost(&h, BEGIN + 2 * SECOND);
    answer(BEGIN + 3 * SECOND);
    expect_answers(BEGIN + 3 * SECOND);
    source_health_show(&h, &kafka);
    assert_true(kafka.failed_us > kafka.answered_us);
    assert_string_equal(kafka.why, "the group has taken the partitions away");
}

static void a_new_source_keeps_what_the_last_one_noted(void **state)
{
    (void)state;
    struct health_server kafka = {.name = "kafka", .answered_us = 7, .failed_us = 5};
    source_health_show(&h, &kafka);
    assert_int_equal(kafka.answered_us, 7);
    assert_int_equal(kafka.failed_us, 5);
}

#define HEALTH_TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HEALTH_TEST(a_cluster_is_away_when_it_is_silent),
        HEALTH_TEST(one_broker_that_keeps_a_request_waiting_is_enough),
        HEALTH_TEST(brokers_that_are_gone_are_known_at_once),
        HEALTH_TEST(only_a_member_has_answers_that_count),
        HEALTH_TEST(lost_partitions_are_a_failure_and_no_silence),
        HEALTH_TEST(a_new_source_keeps_what_the_last_one_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/logger.h"
#include "producer/publish/topic_probe.h"
#include "tests/unit/kafka/mock_kafka.h"

#define LIMIT_MS   10000
#define PARTITIONS 3
#define STREAM     "0b5c9b1e-5f0e-4b3a-9d53-0f6f4c8f8f01"

static struct mock_kafka mock;
static struct topic_probe *probe;
static struct topic_facts facts;
static struct err err;
static int32_t given[10];
static size_t given_count;

static int start(void **state)
{
    (void)state;
    given_count = 0;
    mock_kafka_start(&mock, PARTITIONS);
    return topic_probe_open(&mock.conf, MOCK_TOPIC, &probe, &err) == STATUS_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    topic_facts_release(&facts);
    topic_probe_close(probe);
    probe = NULL;
    mock_kafka_stop(&mock);
    return 0;
}

static void topic_probe_knows_an_empty_topic(void **state)
{
    (void)state;
    assert_int_equal(topic_probe_facts(probe, LIMIT_MS, &facts, &err), STATUS_OK);
    assert_int_equal(facts.count, PARTITIONS);
    assert_true(strlen(facts.cluster) > 0);
    for (size_t p = 0; p < PARTITIONS; p++) {
        assert_int_equal(facts.partition[p].end, 0);
        assert_int_equal(facts.partition[p].revision, 0);
        assert_string_equal(facts.partition[p].stream, "");
        assert_false(facts.partition[p].has_record);
    }
}

static void topic_probe_finds_the_newest_record_of_each_partition(void **state)
{
    (void)state;
    mock_kafka_write_of_stream(&mock, 0, "1", "a", "11", "an older one");
    mock_kafka_write_of_stream(&mock, 0, "2", NULL, "12", STREAM);
    mock_kafka_write(&mock, 2, "9", "z", "7");
    assert_int_equal(topic_probe_ends(probe, LIMIT_MS, &facts, &err), STATUS_OK);
    assert_int_equal(facts.count, PARTITIONS);
    assert_int_equal(facts.partition[0].end, 2);
    assert_false(facts.partition[0].has_record);
    assert_int_equal(topic_probe_facts(probe, LIMIT_MS, &facts, &err), STATUS_OK);
    assert_int_equal(facts.partition[0].end, 2);
    assert_int_equal(facts.partition[0].revision, 12);
    assert_string_equal(facts.partition[0].stream, STREAM);
    assert_false(facts.partition[1].has_record);
    assert_int_equal(facts.partition[2].end, 1);
    assert_int_equal(facts.partition[2].revision, 7);
    assert_string_equal(facts.partition[2].stream, "");
    assert_true(facts.partition[2].has_record);
    /* The same probe asks again. */
    mock_kafka_write_of_stream(&mock, 1, "3", "c", "13", STREAM "-that-is-longer-than-any-uuid");
    assert_int_equal(topic_probe_facts(probe, LIMIT_MS, &facts, &err), STATUS_OK);
    assert_int_equal(facts.partition[1].revision, 13);
    assert_int_equal(strlen(facts.partition[1].stream), TOPIC_STREAM_SIZE - 1);
}

static enum status give(void *arg, int32_t product_id, struct err *why)
{
    const size_t *limit = arg;
    assert_true(given_count < sizeof given / sizeof *given);
    given[given_count++] = product_id;
    return limit != NULL && given_count == *limit ? err_set(why, STATUS_SOURCE_LOST, "away")
                                                  : STATUS_OK;
}

/* The partitions are mixed. */
static int compare_ids(const void *left, const void *right)
{
    const int32_t a = *(const int32_t *)left;
    const int32_t b = *(const int32_t *)right;
    return (a > b) - (a < b);
}

static void topic_probe_gives_the_product_of_each_record(void **state)
{
    (void)state;
    const int32_t wanted[] = {1, 2, 2, 30};
    size_t limit = 2;
    mock_kafka_write(&mock, 0, "1", "a", "10");
    mock_kafka_write(&mock, 0, "2", "b", "11");
    mock_kafka_write(&mock, 0, "2", NULL, "12");
    mock_kafka_write(&mock, 1, "30", "c", "13");
    mock_kafka_write(&mock, 1, "no product", "d", "14");
    assert_int_equal(topic_probe_keys(probe, LIMIT_MS, give, NULL, &err), STATUS_OK);
    assert_int_equal(given_count, 4);
    qsort(given, given_count, sizeof given[0], compare_ids);
    assert_memory_equal(given, wanted, sizeof wanted);
    given_count = 0;
    assert_int_equal(topic_probe_keys(probe, LIMIT_MS, give, &limit, &err), STATUS_SOURCE_LOST);
    assert_int_equal(given_count, 2);
    assert_string_equal(err.msg, "away");
}

static void topic_probe_without_a_broker_ends_in_time(void **state)
{
    (void)state;
    (void)rd_kafka_mock_broker_set_down(mock.cluster, 1);
    assert_int_equal(topic_probe_ends(probe, 500, &facts, &err), STATUS_BROKER_LOST);
    assert_int_equal(topic_probe_facts(probe, 500, &facts, &err), STATUS_BROKER_LOST);
    assert_int_equal(topic_probe_keys(probe, 500, give, NULL, &err), STATUS_BROKER_LOST);
    assert_int_equal(given_count, 0);
}

int main(void)
{
    log_init("test", LOG_ERROR);
#define PROBE_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        PROBE_TEST(topic_probe_knows_an_empty_topic),
        PROBE_TEST(topic_probe_finds_the_newest_record_of_each_partition),
        PROBE_TEST(topic_probe_gives_the_product_of_each_record),
        PROBE_TEST(topic_probe_without_a_broker_ends_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "producer/publish/record_sink.h"
#include "tests/unit/kafka/mock_kafka.h"

#define LIMIT_MS 10000

static struct mock_kafka mock;
static struct record_sink *sink;
static char stream[40];
static struct err err;

static int start(void **state)
{
    (void)state;
    mock_kafka_start(&mock, 1);
    /* One batch a wait, so that an injected error meets all that was added. */
    mock_kafka_set(&mock, "linger.ms", "2000");
    stream[0] = '\0';
    const struct record_sink_options options = {
        .kafka = &mock.conf, .topic = MOCK_TOPIC, .max_message_bytes = 2000, .stream = stream};
    return record_sink_new(&options, &sink, &err) == STATUS_OK &&
                   record_sink_take_over(sink, LIMIT_MS, &err) == STATUS_OK
               ? 0
               : -1;
}

static int stop(void **state)
{
    (void)state;
    record_sink_free(sink);
    sink = NULL;
    mock_kafka_stop(&mock);
    return 0;
}

static enum status add(const char *key, const char *value, size_t index)
{
    const struct record record = {.key = key,
                                  .value = value != NULL ? bytes_text(value) : bytes_of(NULL, 0),
                                  .revision = INT64_C(1700000000000001),
                                  .cause = "product",
                                  .epoch = 3};
    return record_sink_add(sink, &record, index, &err);
}

static void record_sink_writes_key_value_and_headers(void **state)
{
    (void)state;
    struct mock_record found[4];
    assert_false(record_sink_is_open(sink));
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_true(record_sink_is_open(sink));
    assert_int_equal(add("17", "seventeen", 0), STATUS_OK);
    assert_int_equal(add("18", NULL, 1), STATUS_OK);
    assert_int_equal(record_sink_wait(sink, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(record_sink_commit(sink, &err), STATUS_OK);
    assert_false(record_sink_is_open(sink));
    assert_int_equal(mock_kafka_read(&mock, 0, found, 4), 2);
    assert_string_equal(found[0].stream, "");
    assert_string_equal(found[0].key, "17");
    assert_string_equal(found[0].value, "seventeen");
    assert_string_equal(found[0].revision, "1700000000000001");
    assert_string_equal(found[0].cause, "product");
    assert_string_equal(found[0].epoch, "3");
    assert_string_equal(found[1].key, "18");
    assert_true(found[1].tombstone);
    assert_string_equal(found[1].revision, "1700000000000001");
}

static void record_sink_names_the_stream_that_was_set_after_it_was_made(void **state)
{
    (void)state;
    struct mock_record found[4];
    (void)snprintf(stream, sizeof stream, "0b5c9b1e-5f0e-4b3a-9d53-0f6f4c8f8f01");
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_int_equal(add("17", "seventeen", 0), STATUS_OK);
    assert_int_equal(add("18", NULL, 1), STATUS_OK);
    assert_int_equal(record_sink_commit(sink, &err), STATUS_OK);
    assert_int_equal(mock_kafka_read(&mock, 0, found, 4), 2);
    assert_string_equal(found[0].stream, stream);
    assert_string_equal(found[1].stream, stream);
}

static void record_sink_knows_where_its_records_end(void **state)
{
    (void)state;
    const int64_t *ends = NULL;
    assert_int_equal(record_sink_ends(sink, &ends), 0);
    mock_kafka_write(&mock, 0, "1", "of another producer", NULL);
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_int_equal(add("17", "seventeen", 0), STATUS_OK);
    assert_int_equal(add("18", NULL, 1), STATUS_OK);
    assert_int_equal(record_sink_wait(sink, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(record_sink_ends(sink, &ends), 1);
    assert_int_equal(ends[0], 3);
    assert_int_equal(record_sink_commit(sink, &err), STATUS_OK);
    rd_kafka_mock_push_request_errors(mock.cluster, API_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_POLICY_VIOLATION);
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_int_equal(add("19", "refused", 0), STATUS_OK);
    assert_int_equal(record_sink_wait(sink, LIMIT_MS, &err), STATUS_BATCH_ABORTED);
    assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
    assert_int_equal(record_sink_ends(sink, &ends), 1);
    assert_int_equal(ends[0], 3);
}

static void record_sink_does_nothing_when_nothing_is_open(void **state)
{
    (void)state;
    assert_int_equal(record_sink_wait(sink, 0, &err), STATUS_OK);
    assert_int_equal(record_sink_commit(sink, &err), STATUS_OK);
    assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
    assert_int_equal(record_sink_poll(sink, &err), STATUS_OK);
}

static void record_sink_refuses_an_oversize_record_alone(void **state)
{
    (void)state;
    char large[3000];
    struct mock_record found[4];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_int_equal(add("1", "before", 0), STATUS_OK);
    assert_int_equal(add("2", large, 1), STATUS_TOO_LARGE);
    assert_non_null(strstr(err.msg, "product 2"));
    assert_int_equal(add("3", "after", 2), STATUS_OK);
    assert_int_equal(record_sink_wait(sink, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(record_sink_commit(sink, &err), STATUS_OK);
    assert_int_equal(mock_kafka_read(&mock, 0, found, 4), 2);
}

/*
 * After a refusal the client's sequence numbers have a gap (librdkafka 2.0.2; brokers and the mock
 * alike): the next transaction is refused once more, as a whole, and its abort renumbers.
 */
static void spend_the_gap(void)
{
    const size_t *indexes = NULL;
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_int_equal(add("9", "gap", 0), STATUS_OK);
    assert_int_equal(record_sink_wait(sink, LIMIT_MS, &err), STATUS_BATCH_ABORTED);
    assert_int_equal(record_sink_refused(sink, &indexes), 0);
    assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
}

static void record_sink_names_what_the_broker_refused(void **state)
{
    (void)state;
    const size_t *indexes = NULL;
    struct mock_record found[4];
    rd_kafka_mock_push_request_errors(mock.cluster, API_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_int_equal(add("1", "a", 41), STATUS_OK);
    assert_int_equal(add("2", "b", 42), STATUS_OK);
    assert_int_equal(record_sink_wait(sink, LIMIT_MS, &err), STATUS_BATCH_ABORTED);
    assert_int_equal(record_sink_refused(sink, &indexes), 2);
    assert_int_equal(indexes[0] + indexes[1], 83);
    /* From here on the transaction takes nothing. */
    assert_int_equal(add("3", "c", 43), STATUS_BATCH_ABORTED);
    assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
    assert_false(record_sink_is_open(sink));
    spend_the_gap();
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_int_equal(add("4", "d", 0), STATUS_OK);
    assert_int_equal(record_sink_wait(sink, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(record_sink_commit(sink, &err), STATUS_OK);
    assert_int_equal(mock_kafka_read(&mock, 0, found, 4), 1);
    assert_string_equal(found[0].key, "4");
}

static void record_sink_failure_that_is_not_the_records_names_none(void **state)
{
    (void)state;
    const size_t *indexes = NULL;
    rd_kafka_mock_push_request_errors(mock.cluster, API_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_POLICY_VIOLATION);
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_int_equal(add("1", "a", 0), STATUS_OK);
    assert_int_equal(record_sink_wait(sink, LIMIT_MS, &err), STATUS_BATCH_ABORTED);
    assert_string_equal(err.origin, "POLICY_VIOLATION");
    assert_int_equal(record_sink_refused(sink, &indexes), 0);
    assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
}

static void record_sink_whose_topic_is_forbidden_wants_a_new_client(void **state)
{
    (void)state;
    rd_kafka_mock_push_request_errors(mock.cluster, API_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_int_equal(add("1", "a", 0), STATUS_OK);
    assert_int_equal(record_sink_wait(sink, LIMIT_MS, &err), STATUS_BATCH_ABORTED);
    assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_int_equal(add("1", "a", 0), STATUS_CLIENT_BROKEN);
    assert_non_null(strstr(err.msg, "authorization"));
    assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
}

static void record_sink_retries_what_passes(void **state)
{
    (void)state;
    rd_kafka_mock_push_request_errors(mock.cluster, API_PRODUCE, 2,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                      RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
    rd_kafka_mock_push_request_errors(mock.cluster, API_END_TXN, 1,
                                      RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_int_equal(add("1", "a", 0), STATUS_OK);
    assert_int_equal(record_sink_wait(sink, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(record_sink_commit(sink, &err), STATUS_OK);
}

static void record_sink_that_is_fenced_says_so_for_ever(void **state)
{
    (void)state;
    rd_kafka_mock_push_request_errors(mock.cluster, API_END_TXN, 1,
                                      RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_int_equal(add("1", "a", 0), STATUS_OK);
    assert_int_equal(record_sink_wait(sink, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(record_sink_commit(sink, &err), STATUS_FENCED);
    assert_int_equal(record_sink_poll(sink, &err), STATUS_FENCED);
    assert_int_equal(add("2", "b", 1), STATUS_FENCED);
    assert_int_equal(record_sink_wait(sink, 100, &err), STATUS_FENCED);
    assert_int_equal(record_sink_abort(sink, &err), STATUS_FENCED);
}

static void record_sink_waits_for_a_broker_that_comes_back(void **state)
{
    (void)state;
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_int_equal(add("1", "a", 0), STATUS_OK);
    assert_int_equal(record_sink_wait(sink, LIMIT_MS, &err), STATUS_OK);
    (void)rd_kafka_mock_broker_set_down(mock.cluster, 1);
    assert_int_equal(add("2", "b", 1), STATUS_OK);
    assert_int_equal(record_sink_wait(sink, 300, &err), STATUS_BROKER_LOST);
    (void)rd_kafka_mock_broker_set_up(mock.cluster, 1);
    assert_int_equal(record_sink_wait(sink, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(record_sink_commit(sink, &err), STATUS_OK);
}

static void record_sink_waits_for_room_in_a_full_queue(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    static struct mock_record found[COUNT + 1];
    struct record_sink *small = NULL;
    mock_kafka_set(&mock, "queue.buffering.max.messages", "20");
    /* The first one's linger would make every round a long one. */
    mock_kafka_set(&mock, "linger.ms", "0");
    const struct record_sink_options options = {.kafka = &mock.conf, .topic = MOCK_TOPIC};
    assert_int_equal(record_sink_new(&options, &small, &err), STATUS_OK);
    assert_int_equal(record_sink_take_over(small, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(record_sink_begin(small, &err), STATUS_OK);
    for (size_t i = 0; i < COUNT; i++) {
        const struct record record = {
            .key = "1", .value = bytes_text("a"), .revision = 1, .cause = "stock", .epoch = 1};
        assert_int_equal(record_sink_add(small, &record, i, &err), STATUS_OK);
    }
    assert_int_equal(record_sink_wait(small, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(record_sink_commit(small, &err), STATUS_OK);
    record_sink_free(small);
    assert_int_equal(mock_kafka_read(&mock, 0, found, COUNT + 1), COUNT);
}

static void record_sink_take_over_without_a_broker_ends_in_time(void **state)
{
    (void)state;
    struct record_sink *lonely = NULL;
    (void)rd_kafka_mock_broker_set_down(mock.cluster, 1);
    const struct record_sink_options options = {.kafka = &mock.conf, .topic = MOCK_TOPIC};
    assert_int_equal(record_sink_new(&options, &lonely, &err), STATUS_OK);
    const int64_t began_us = clock_monotonic_us();
    assert_int_equal(record_sink_take_over(lonely, 500, &err), STATUS_BROKER_LOST);
    assert_in_range(clock_monotonic_us() - began_us, 0, 3000000);
    (void)rd_kafka_mock_broker_set_up(mock.cluster, 1);
    assert_int_equal(record_sink_take_over(lonely, LIMIT_MS, &err), STATUS_OK);
    record_sink_free(lonely);
}

static void record_sink_new_refuses_wrong_properties(void **state)
{
    (void)state;
    struct record_sink *none = NULL;
    mock_kafka_set(&mock, "linger.ms", "never");
    const struct record_sink_options options = {.kafka = &mock.conf, .topic = MOCK_TOPIC};
    assert_int_equal(record_sink_new(&options, &none, &err), STATUS_CONFIG);
    assert_null(none);
}

int main(void)
{
    log_init("test", LOG_ERROR);
#define SINK_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        SINK_TEST(record_sink_writes_key_value_and_headers),
        SINK_TEST(record_sink_names_the_stream_that_was_set_after_it_was_made),
        SINK_TEST(record_sink_knows_where_its_records_end),
        SINK_TEST(record_sink_does_nothing_when_nothing_is_open),
        SINK_TEST(record_sink_refuses_an_oversize_record_alone),
        SINK_TEST(record_sink_names_what_the_broker_refused),
        SINK_TEST(record_sink_failure_that_is_not_the_records_names_none),
        SINK_TEST(record_sink_whose_topic_is_forbidden_wants_a_new_client),
        SINK_TEST(record_sink_retries_what_passes),
        SINK_TEST(record_sink_that_is_fenced_says_so_for_ever),
        SINK_TEST(record_sink_waits_for_a_broker_that_comes_back),
        SINK_TEST(record_sink_waits_for_room_in_a_full_queue),
        SINK_TEST(record_sink_take_over_without_a_broker_ends_in_time),
        SINK_TEST(record_sink_new_refuses_wrong_properties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/logger.h"
#include "common/core/signals.h"
#include "common/kafka/topic_reader.h"
#include "tests/unit/kafka/mock_kafka.h"

#define LIMIT_MS   10000
#define PARTITIONS 3
#define MAX_SEEN   40

static struct mock_kafka mock;
static struct topic_reader *reader;
static struct err err;

/* What the callback saw. */
static struct {
    int64_t offset;
    int64_t revision;
    int32_t partition;
    bool tombstone;
    char key[24];
    char value[24];
} seen[MAX_SEEN];
static size_t seen_count;
static size_t enough; /* stop after so many; 0: never */
static void (*meanwhile)(void);

static bool note(void *arg, const struct topic_record *record)
{
    (void)arg;
    assert_true(seen_count < MAX_SEEN);
    seen[seen_count].partition = record->partition;
    seen[seen_count].offset = record->offset;
    assert_in_range(record->key.len, 1, 23);
    memcpy(seen[seen_count].key, record->key.ptr, record->key.len);
    seen[seen_count].tombstone = record->value.ptr == NULL;
    if (!seen[seen_count].tombstone) {
        memcpy(seen[seen_count].value, record->value.ptr, record->value.len);
    }
    seen[seen_count].revision = topic_record_revision(record);
    seen_count++;
    if (meanwhile != NULL) {
        meanwhile();
    }
    return enough == 0 || seen_count < enough;
}

static int start(void **state)
{
    (void)state;
    memset(seen, 0, sizeof seen);
    seen_count = 0;
    enough = 0;
    meanwhile = NULL;
    mock_kafka_start(&mock, PARTITIONS);
    const struct topic_reader_options options = {
        .kafka = &mock.conf, .topic = MOCK_TOPIC, .client_id = "test", .uncommitted = true};
    return topic_reader_open(&options, &reader, &err) == STATUS_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    topic_reader_close(reader);
    reader = NULL;
    mock_kafka_stop(&mock);
    return 0;
}

static enum status read_as(struct topic_reading reading)
{
    seen_count = 0;
    memset(seen, 0, sizeof seen);
    reading.each = note;
    reading.answer_ms = reading.answer_ms != 0 ? reading.answer_ms : LIMIT_MS;
    return topic_reader_read(reader, &reading, &err);
}

/* Offsets 0 to 4 of partition 0, and one record in partition 2. */
static void fill(void)
{
    mock_kafka_write(&mock, 0, "1", "a", "11");
    mock_kafka_write(&mock, 0, "2", "b", "12");
    mock_kafka_write(&mock, 0, "1", NULL, "13");
    mock_kafka_write(&mock, 0, "3", "c", NULL);
    mock_kafka_write(&mock, 0, "4", "d", "15");
    mock_kafka_write(&mock, 2, "9", "z", "14");
}

static void assert_offsets(int32_t partition, int64_t first, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < seen_count; i++) {
        if (seen[i].partition == partition) {
            assert_int_equal(seen[i].offset, first + (int64_t)found);
            found++;
        }
    }
    assert_int_equal(found, count);
}

static void topic_reader_reads_every_partition_to_its_end(void **state)
{
    (void)state;
    size_t at = 0;
    fill();
    assert_int_equal(read_as((struct topic_reading){0}), STATUS_OK);
    assert_offsets(0, 0, 5);
    assert_offsets(1, 0, 0);
    assert_offsets(2, 0, 1);
    while (seen[at].partition != 0) {
        at++;
    }
    assert_string_equal(seen[at].key, "1");
    assert_string_equal(seen[at].value, "a");
    assert_int_equal(seen[at].revision, 11);
    for (; seen[at].partition != 0 || seen[at].offset < 2; at++) {
    }
    assert_true(seen[at].tombstone);
    assert_int_equal(seen[at].revision, 13);
    for (; seen[at].partition != 0 || seen[at].offset < 3; at++) {
    }
    assert_int_equal(seen[at].revision, 0);
}

static void topic_reader_begins_where_it_is_told(void **state)
{
    (void)state;
    const int64_t offsets[] = {3, 0};
    const bool chosen[] = {true, true, false};
    fill();
    assert_int_equal(read_as((struct topic_reading){
                         .start = TOPIC_START_OFFSETS, .offsets = offsets, .offset_count = 2}),
                     STATUS_OK);
    assert_offsets(0, 3, 2);
    assert_offsets(2, 0, 1);
    assert_int_equal(read_as((struct topic_reading){.start = TOPIC_START_LAST, .last = 1}),
                     STATUS_OK);
    assert_offsets(0, 4, 1);
    assert_offsets(2, 0, 1);
    assert_int_equal(
        read_as((struct topic_reading){
            .start = TOPIC_START_LAST, .last = 1000, .partitions = chosen, .partition_count = 3}),
        STATUS_OK);
    assert_offsets(0, 0, 5);
    assert_offsets(2, 0, 0);
    /* Offsets behind the end are no failure: there is nothing to read. */
    const int64_t behind[] = {500, 500, 500};
    assert_int_equal(read_as((struct topic_reading){
                         .start = TOPIC_START_OFFSETS, .offsets = behind, .offset_count = 3}),
                     STATUS_OK);
    assert_int_equal(seen_count, 0);
}

static void topic_reader_stops_when_the_caller_has_enough(void **state)
{
    (void)state;
    fill();
    enough = 2;
    assert_int_equal(read_as((struct topic_reading){0}), STATUS_OK);
    assert_int_equal(seen_count, 2);
    enough = 0;
    assert_int_equal(read_as((struct topic_reading){0}), STATUS_OK);
    assert_int_equal(seen_count, 6);
}

static void topic_reader_measures_without_reading(void **state)
{
    (void)state;
    size_t count = 0;
    char cluster[64];
    fill();
    assert_int_equal(topic_reader_measure(reader, LIMIT_MS, &err), STATUS_OK);
    const struct topic_range *ranges = topic_reader_ranges(reader, &count);
    assert_int_equal(count, PARTITIONS);
    assert_int_equal(ranges[0].end, 5);
    assert_int_equal(ranges[1].end, 0);
    assert_int_equal(ranges[2].end, 1);
    assert_non_null(strstr(topic_reader_cluster(reader, cluster, sizeof cluster), "mock"));
    mock_kafka_write(&mock, 1, "5", "e", NULL);
    assert_int_equal(topic_reader_measure(reader, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(topic_reader_ranges(reader, &count)[1].end, 1);
}

static void write_one_more(void)
{
    if (seen_count <= 3) {
        mock_kafka_write(&mock, 0, "7", "late", NULL);
    }
}

/* Else a busy topic would never be read to its end. */
static void topic_reader_ends_where_the_topic_ended_when_it_began(void **state)
{
    (void)state;
    fill();
    meanwhile = write_one_more;
    assert_int_equal(read_as((struct topic_reading){0}), STATUS_OK);
    assert_offsets(0, 0, 5);
    assert_offsets(2, 0, 1);
    meanwhile = NULL;
    assert_int_equal(read_as((struct topic_reading){0}), STATUS_OK);
    assert_offsets(0, 0, 8);
}

static void refuse_fetches(void)
{
    for (int i = 0; i < 100; i++) {
        rd_kafka_mock_push_request_errors(mock.cluster, API_FETCH, 1,
                                          RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    }
}

static void count_tick(void *arg)
{
    (void)arg;
    enough++;
}

static void topic_reader_takes_no_silence_for_the_end(void **state)
{
    (void)state;
    fill();
    refuse_fetches();
    const struct topic_reading reading = {.answer_ms = 1500, .each = note, .tick = count_tick};
    assert_int_equal(topic_reader_read(reader, &reading, &err), STATUS_BROKER_LOST);
    assert_non_null(strstr(err.msg, "partition 0 of topic '" MOCK_TOPIC "'"));
    assert_int_equal(seen_count, 0);
    assert_in_range(enough, 1, 5);
}

static void topic_reader_without_a_broker_ends_in_time(void **state)
{
    (void)state;
    (void)rd_kafka_mock_broker_set_down(mock.cluster, 1);
    assert_int_equal(topic_reader_measure(reader, 500, &err), STATUS_BROKER_LOST);
    (void)rd_kafka_mock_broker_set_up(mock.cluster, 1);
    assert_int_equal(topic_reader_measure(reader, LIMIT_MS, &err), STATUS_OK);
}

static void ask_to_stop(void)
{
    (void)raise(SIGTERM);
}

/* The last test: the request stays. */
static void topic_reader_ends_when_the_process_is_asked_to_stop(void **state)
{
    (void)state;
    fill();
    assert_int_equal(signals_install(&err), STATUS_OK);
    meanwhile = ask_to_stop;
    enough = 1;
    assert_int_equal(read_as((struct topic_reading){0}), STATUS_OK);
    meanwhile = NULL;
    enough = 0;
    assert_int_equal(read_as((struct topic_reading){0}), STATUS_STOPPING);
    assert_int_equal(seen_count, 1);
}

int main(void)
{
    log_init("test", LOG_ERROR);
#define READER_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        READER_TEST(topic_reader_reads_every_partition_to_its_end),
        READER_TEST(topic_reader_begins_where_it_is_told),
        READER_TEST(topic_reader_stops_when_the_caller_has_enough),
        READER_TEST(topic_reader_measures_without_reading),
        READER_TEST(topic_reader_ends_where_the_topic_ended_when_it_began),
        READER_TEST(topic_reader_takes_no_silence_for_the_end),
        READER_TEST(topic_reader_without_a_broker_ends_in_time),
        READER_TEST(topic_reader_ends_when_the_process_is_asked_to_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

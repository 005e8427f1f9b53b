#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/metric.h"
#include "common/kafka/kafka_assignor.h"
#include "consumer/intake/record_source.h"
#include "tests/unit/kafka/mock_kafka.h"

#define LIMIT_MS 20000
#define STEP_MS  100
/* Long for a fetch, short for the group: it goes on without a member that lets it wait for 3 s. */
#define HOLD_US    INT64_C(500000)
#define PARTITIONS 2
#define PLACES     13

/* Nothing in these tests closes a client before its first assignment, so cooperative groups can be
 * tested with every librdkafka. */
#define COOPERATIVE "cooperative-sticky"

/* What one test works with: a cluster and the first member of its group. */
struct place {
    struct mock_kafka mock;
    struct record_source *source;
    bool is_cooperative;
};

static struct place places[PLACES];
static size_t used; /* places that a test has taken */
static struct mock_kafka *mock;
static bool is_cooperative; /* the present place */
static struct err err;

static struct record_source *open_source(const char *client_id)
{
    struct record_source *source = NULL;
    const struct record_source_options options = {.kafka = &mock->conf,
                                                  .topic = MOCK_TOPIC,
                                                  .group_id = "stocksync-a",
                                                  .client_id = client_id};
    assert_int_equal(record_source_open(&options, &source, &err), STATUS_OK);
    return source;
}

/*
 * The mock cluster lets the first member of a group wait for three seconds, and offers no setting
 * for it. So all groups are joined at the same time. A later member waits for the session's timeout
 * less one second.
 */
static int start_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < PLACES; i++) {
        mock = &places[i].mock;
        places[i].is_cooperative = i % 2 == 1;
        mock_kafka_start(mock, PARTITIONS);
        mock_kafka_set(mock, KAFKA_ASSIGNOR_PROPERTY, i % 2 == 1 ? COOPERATIVE : "range");
        mock_kafka_set(mock, "session.timeout.ms", "4000");
        mock_kafka_set(mock, "heartbeat.interval.ms", "250");
        /* All places fetch all the time: more often, and they keep each other from the group. */
        mock_kafka_set(mock, "fetch.wait.max.ms", "50");
        places[i].source = open_source("a");
    }
    return 0;
}

static int take_place(void **state)
{
    if (used == PLACES) {
        return -1;
    }
    mock = &places[used].mock;
    is_cooperative = places[used].is_cooperative;
    *state = places[used++].source;
    return 0;
}

static void *stop_one(void *arg)
{
    mock_kafka_stop(arg);
    return NULL;
}

/* Each takes up to a second. */
static int stop_all(void **state)
{
    (void)state;
    pthread_t threads[PLACES];
    int failed = 0;
    for (size_t i = 0; i < PLACES; i++) {
        failed |= pthread_create(&threads[i], NULL, stop_one, &places[i].mock);
    }
    for (size_t i = 0; i < PLACES && failed == 0; i++) {
        failed |= pthread_join(threads[i], NULL);
    }
    return failed;
}

/* Waits on the descriptor, as a lane does. @return the event, SOURCE_NOTHING at the deadline */
static struct source_event next(struct record_source *source, int timeout_ms)
{
    const int64_t deadline_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    for (;;) {
        struct source_event event;
        assert_int_equal(record_source_poll(source, &event, &err), STATUS_OK);
        const int left_ms = clock_left_ms(deadline_us);
        if (event.type != SOURCE_NOTHING || left_ms == 0) {
            return event;
        }
        struct pollfd fd = {.fd = record_source_fd(source), .events = POLLIN};
        (void)poll(&fd, 1, left_ms);
    }
}

static struct source_event expect(struct record_source *source, enum source_event_type type)
{
    const struct source_event event = next(source, LIMIT_MS);
    if (event.type != type) {
        fail_msg("event %d, expected %d", (int)event.type, (int)type);
    }
    return event;
}

/* The next event of that type; skips all others. */
static struct source_event expect_later(struct record_source *source, enum source_event_type type)
{
    for (;;) {
        const struct source_event event = next(source, LIMIT_MS);
        if (event.type == type) {
            return event;
        }
        if (event.type == SOURCE_NOTHING) {
            fail_msg("event %d did not come", (int)type);
        }
    }
}

static void assert_bytes(struct bytes found, const char *expected)
{
    assert_int_equal(found.len, strlen(expected));
    assert_memory_equal(found.ptr, expected, found.len);
}

static void record_source_gives_assignment_records_and_end(void **state)
{
    struct record_source *source = *state;
    mock_kafka_write_caused(mock, 0, "1", "one", "1700000000000001", "parent");
    mock_kafka_write(mock, 0, "2", NULL, "1700000000000002");
    mock_kafka_write_caused(mock, 0, "3", "", NULL, "stock");
    mock_kafka_write(mock, 0, "4", "four", "12x");
    struct source_event event = expect(source, SOURCE_ASSIGNED);
    assert_int_equal(event.partition_count, PARTITIONS);
    assert_int_equal(record_source_assigned_count(source), PARTITIONS);
    struct source_event records[4] = {0};
    size_t count = 0;
    bool ended[PARTITIONS] = {false};
    while (!ended[0] || !ended[1]) {
        event = next(source, LIMIT_MS);
        if (event.type == SOURCE_AT_END) {
            ended[event.partition] = true;
            continue;
        }
        assert_int_equal(event.type, SOURCE_RECORD);
        assert_int_equal(event.partition, 0);
        assert_int_equal(event.offset, (int64_t)count);
        assert_true(event.timestamp_ms > 0);
        if (count == 0) {
            assert_bytes(event.key, "1");
            assert_bytes(event.value, "one");
            assert_bytes(event.header_cause, "parent");
        } else if (count == 2) {
            assert_bytes(event.header_cause, "stock");
        } else {
            assert_null(event.header_cause.ptr);
        }
        if (count == 1) {
            assert_bytes(event.key, "2");
        }
        records[count++] = event;
    }
    assert_int_equal(count, 4);
    assert_true(records[0].header_revision == INT64_C(1700000000000001));
    assert_null(records[1].value.ptr);
    assert_true(records[1].header_revision == INT64_C(1700000000000002));
    assert_true(records[2].header_revision == 0);
    assert_true(records[3].header_revision == 0);
    record_source_close(source, LIMIT_MS);
}

static void record_source_starts_behind_what_was_committed(void **state)
{
    struct record_source *source = *state;
    mock_kafka_write(mock, 0, "1", "one", NULL);
    mock_kafka_write(mock, 0, "2", "two", NULL);
    assert_int_equal(expect_later(source, SOURCE_RECORD).offset, 0);
    /* Partition 7 is not ours: left out, and no reason to fail. */
    const struct partition_offset list[] = {{.partition = 0, .next_offset = 1},
                                            {.partition = 7, .next_offset = 5}};
    assert_int_equal(record_source_commit_wait(source, list, 2, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(record_source_commit_wait(source, list + 1, 1, LIMIT_MS, &err), STATUS_OK);
    record_source_close(source, LIMIT_MS);
    source = open_source("b");
    const struct source_event event = expect_later(source, SOURCE_RECORD);
    assert_int_equal(event.offset, 1);
    assert_bytes(event.key, "2");
    record_source_close(source, LIMIT_MS);
    source = open_source("c");
    expect(source, SOURCE_ASSIGNED);
    record_source_read_from(source, 0, 0);
    record_source_read_from(source, 7, 0);
    assert_int_equal(expect_later(source, SOURCE_RECORD).offset, 0);
    assert_int_equal(expect_later(source, SOURCE_RECORD).offset, 1);
    record_source_close(source, LIMIT_MS);
    source = open_source("d"); /* assigned, and closed before anything was read */
    expect(source, SOURCE_ASSIGNED);
    record_source_read_from(source, 0, 0);
    record_source_close(source, LIMIT_MS);
}

static void record_source_counts_refused_commits(void **state)
{
    struct record_source *source = *state;
    struct metric *cells[2] = {NULL, NULL};
    assert_int_equal(record_source_metric_table.count, 2);
    metric_table_register(&record_source_metric_table, "stocksync-a", cells);
    struct metric *failures = cells[0];
    const double before = metric_value(failures);
    expect(source, SOURCE_ASSIGNED);
    const struct partition_offset list = {.partition = 0, .next_offset = 1};
    rd_kafka_mock_push_request_errors(mock->cluster, API_OFFSET_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    record_source_commit(source, &list, 1);
    for (int i = 0; i < LIMIT_MS / STEP_MS && metric_value(failures) < before + 1; i++) {
        (void)next(source, STEP_MS);
    }
    assert_true(metric_value(failures) == before + 1);
    /* last: with this one the group begins a rebalance, which may refuse what comes after it */
    rd_kafka_mock_push_request_errors(mock->cluster, API_OFFSET_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    const enum status rc = record_source_commit_wait(source, &list, 1, LIMIT_MS, &err);
    assert_int_equal(status_class(rc), CLASS_TRANSIENT);
    assert_true(metric_value(failures) == before + 2);
    record_source_close(source, LIMIT_MS);
}

/* The paused partition delivers nothing, also what was fetched before, and loses nothing. */
static void record_source_pauses_one_partition_and_loses_none_of_its_records(void **state)
{
    struct record_source *source = *state;
    expect(source, SOURCE_ASSIGNED);
    record_source_pause(source, 7, true); /* not ours: ignored */
    for (int i = 0; i < 5; i++) {
        mock_kafka_write(mock, 1, "1", "one", NULL);
    }
    assert_int_equal(expect_later(source, SOURCE_RECORD).offset, 0);
    record_source_pause(source, 1, true);
    record_source_pause(source, 1, true);
    mock_kafka_write(mock, 0, "2", "two", NULL);
    bool other = false;
    const int64_t until_us = clock_monotonic_us() + 1500000;
    while (clock_left_ms(until_us) > 0) {
        const struct source_event event = next(source, STEP_MS);
        assert_true(event.type != SOURCE_RECORD || event.partition == 0);
        other = other || event.type == SOURCE_RECORD;
    }
    assert_true(other);
    record_source_pause(source, 1, false);
    for (int64_t offset = 1; offset < 5; offset++) {
        const struct source_event event = expect_later(source, SOURCE_RECORD);
        assert_int_equal(event.partition, 1);
        assert_int_equal(event.offset, offset);
    }
    record_source_close(source, LIMIT_MS);
}

/* Taken, or refused because the group turns once more: the contract allows that answer, and trying
 * again does not help, since the group waits for this member to let go. */
static void assert_commit_is_answered(struct record_source *source,
                                      const struct partition_offset *last)
{
    const enum status rc = record_source_commit_wait(source, last, 1, LIMIT_MS, &err);
    if (rc != STATUS_OK) {
        assert_int_equal(status_class(rc), CLASS_TRANSIENT);
    }
}

static void pause_all(struct record_source *source)
{
    for (int32_t partition = 0; partition < PARTITIONS; partition++) {
        record_source_pause(source, partition, true);
    }
}

/* The first member's revocation while a second one joins. Of a cooperative group it has one
 * partition, of an eager group both. */
static struct source_event
await_revocation(struct record_source *first, struct record_source *second, bool is_paused)
{
    struct source_event event = {0};
    const int64_t deadline_us = clock_monotonic_us() + LIMIT_MS * INT64_C(1000);
    while (event.type != SOURCE_REVOKED) {
        event = next(first, STEP_MS);
        if (event.type == SOURCE_ASSIGNED && is_paused) {
            pause_all(first); /* it had lost its partitions, and their pauses with them */
        }
        (void)next(second, 0);
        assert_true(clock_left_ms(deadline_us) > 0);
    }
    assert_int_equal(event.partition_count, is_cooperative ? 1 : PARTITIONS);
    return event;
}

/* Lets go of what is revoked: the group may turn once more. */
static struct source_event next_after_release(struct record_source *source)
{
    const struct source_event event = next(source, STEP_MS / 2);
    if (event.type == SOURCE_REVOKED) {
        record_source_release_partitions(source);
    }
    return event;
}

/* Polls both until one of them delivers a record of the partition. @return which one */
static struct record_source *
await_record(struct record_source *first, struct record_source *second, int32_t partition)
{
    struct record_source *const both[2] = {first, second};
    const int64_t deadline_us = clock_monotonic_us() + LIMIT_MS * INT64_C(1000);
    for (size_t i = 0;; i = 1 - i) {
        const struct source_event event = next_after_release(both[i]);
        if (event.type == SOURCE_RECORD && event.partition == partition) {
            assert_bytes(event.key, "1");
            return both[i];
        }
        assert_true(clock_left_ms(deadline_us) > 0);
    }
}

/* A member may read its partition before the other one has taken its own. */
static void await_one_each(struct record_source *first, struct record_source *second)
{
    const int64_t deadline_us = clock_monotonic_us() + LIMIT_MS * INT64_C(1000);
    while (record_source_assigned_count(first) != 1 || record_source_assigned_count(second) != 1) {
        (void)next_after_release(first);
        (void)next_after_release(second);
        assert_true(clock_left_ms(deadline_us) > 0);
    }
}

/* Two members: what leaves the first is not given to the second before the first lets go. */
static void record_source_keeps_revoked_partitions_until_released(void **state)
{
    struct record_source *first = *state;
    expect(first, SOURCE_ASSIGNED);
    struct record_source *second = open_source("b");
    struct source_event event = await_revocation(first, second, false);
    const int32_t leaving = event.partitions[0];
    /* Still ours for a last commit, but its records are for the next owner. */
    mock_kafka_write(mock, leaving, "1", "one", NULL);
    const struct partition_offset last = {.partition = leaving, .next_offset = 0};
    assert_commit_is_answered(first, &last);
    const int64_t until_us = clock_monotonic_us() + HOLD_US;
    while (clock_left_ms(until_us) > 0) {
        event = next(first, STEP_MS);
        assert_true(event.type != SOURCE_RECORD);
        event = next(second, 0);
        assert_true(event.type != SOURCE_ASSIGNED || event.partition_count == 0);
    }
    assert_int_equal(record_source_assigned_count(first), PARTITIONS);
    record_source_release_partitions(first);
    assert_int_equal(record_source_assigned_count(first), is_cooperative ? 1 : 0);
    const struct record_source *owner = await_record(first, second, leaving);
    if (is_cooperative) {
        assert_ptr_equal(owner, second);
    }
    await_one_each(first, second);
    record_source_close(first, LIMIT_MS);
    record_source_close(second, LIMIT_MS);
}

/* A pause does not outlive its assignment: the next owner, or the same one, reads on. The partition
 * that stays, in a cooperative group, stays paused. */
static void record_source_ends_a_pause_with_its_assignment(void **state)
{
    struct record_source *first = *state;
    expect(first, SOURCE_ASSIGNED);
    pause_all(first);
    struct record_source *second = open_source("b");
    const int32_t leaving = await_revocation(first, second, true).partitions[0];
    record_source_release_partitions(first);
    mock_kafka_write(mock, leaving, "1", "one", NULL);
    (void)await_record(first, second, leaving);
    mock_kafka_write(mock, 1 - leaving, "2", "two", NULL);
    const int64_t until_us = clock_monotonic_us() + HOLD_US;
    while (is_cooperative && clock_left_ms(until_us) > 0) {
        const struct source_event event = next(first, STEP_MS);
        assert_true(event.type != SOURCE_RECORD);
        (void)next(second, 0);
    }
    record_source_close(first, LIMIT_MS);
    record_source_close(second, LIMIT_MS);
}

static void record_source_says_when_no_broker_answers(void **state)
{
    struct record_source *source = *state;
    expect(source, SOURCE_ASSIGNED);
    (void)rd_kafka_mock_broker_set_down(mock->cluster, 1);
    struct source_event event;
    enum status rc = STATUS_OK;
    for (int i = 0; rc == STATUS_OK && i < LIMIT_MS / STEP_MS; i++) {
        struct pollfd fd = {.fd = record_source_fd(source), .events = POLLIN};
        (void)poll(&fd, 1, STEP_MS);
        rc = record_source_poll(source, &event, &err);
    }
    assert_int_equal(rc, STATUS_BROKER_LOST);
    (void)rd_kafka_mock_broker_set_up(mock->cluster, 1);
    mock_kafka_write(mock, 0, "1", "one", NULL);
    for (int i = 0; i < LIMIT_MS / STEP_MS; i++) {
        /* Reported once per loss at most; then polling goes on. */
        if (record_source_poll(source, &event, &err) == STATUS_OK && event.type == SOURCE_RECORD) {
            break;
        }
        struct pollfd fd = {.fd = record_source_fd(source), .events = POLLIN};
        (void)poll(&fd, 1, STEP_MS);
    }
    assert_int_equal(event.type, SOURCE_RECORD);
    record_source_close(source, LIMIT_MS);
}

static void record_source_closes_in_time_without_a_broker(void **state)
{
    struct record_source *source = *state;
    expect(source, SOURCE_ASSIGNED);
    (void)rd_kafka_mock_broker_set_down(mock->cluster, 1);
    const int64_t began_us = clock_monotonic_us();
    record_source_close(source, 3000);
    assert_in_range(clock_monotonic_us() - began_us, 0, 6000000);
    record_source_close(NULL, 0);
}

/* What was fetched and not polled still lies in the client's queue. */
static void record_source_closes_with_records_unread(void **state)
{
    struct record_source *source = *state;
    for (int i = 0; i < 20; i++) {
        mock_kafka_write(mock, i % PARTITIONS, "1", "one", NULL);
    }
    (void)expect_later(source, SOURCE_RECORD);
    record_source_close(source, LIMIT_MS);
}

static void record_source_open_refuses_wrong_properties(void **state)
{
    record_source_close(*state, LIMIT_MS);
    struct record_source *source = NULL;
    mock_kafka_set(mock, "fetch.min.bytes", "many");
    const struct record_source_options options = {
        .kafka = &mock->conf, .topic = MOCK_TOPIC, .group_id = "g", .client_id = "c"};
    assert_int_equal(record_source_open(&options, &source, &err), STATUS_CONFIG);
    assert_null(source);
}

int main(void)
{
    log_init("test", LOG_ERROR);
#define SOURCE_TEST(name) cmocka_unit_test_setup(name, take_place)
    const struct CMUnitTest tests[] = {
        SOURCE_TEST(record_source_gives_assignment_records_and_end),
        SOURCE_TEST(record_source_starts_behind_what_was_committed),
        SOURCE_TEST(record_source_counts_refused_commits),
        /* twice each: eager, cooperative */
        SOURCE_TEST(record_source_keeps_revoked_partitions_until_released),
        SOURCE_TEST(record_source_pauses_one_partition_and_loses_none_of_its_records),
        SOURCE_TEST(record_source_pauses_one_partition_and_loses_none_of_its_records),
        SOURCE_TEST(record_source_keeps_revoked_partitions_until_released),
        SOURCE_TEST(record_source_ends_a_pause_with_its_assignment),
        SOURCE_TEST(record_source_ends_a_pause_with_its_assignment),
        SOURCE_TEST(record_source_says_when_no_broker_answers),
        SOURCE_TEST(record_source_closes_in_time_without_a_broker),
        SOURCE_TEST(record_source_closes_with_records_unread),
        SOURCE_TEST(record_source_open_refuses_wrong_properties),
    };
    return cmocka_run_group_tests(tests, start_all, stop_all);
}

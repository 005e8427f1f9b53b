/*
 * Streams over a fake topic, state and database. Only the outbox has a real client, which is not
 * asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/producer_app/floors.h"
#include "tests/unit/producer_app/topic.h"

static struct mock_kafka mock;
static struct floors floors;
static struct err err;

static int start_cluster(void **state)
{
    (void)state;
    topic_open(&mock, "0");
    return 0;
}

static int stop_cluster(void **state)
{
    (void)state;
    topic_close(&mock);
    return 0;
}

static int start(void **state)
{
    (void)state;
    floors_open(&floors, &mock, 0);
    memset(fake.calls, 0, sizeof fake.calls);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    floors_close(&floors);
    return 0;
}

static void name(struct topic_probe_record *record, const char *stream)
{
    (void)snprintf(record->stream, sizeof record->stream, "%s", stream);
}

/* A record at the end of a partition. */
static void put(int32_t partition, int32_t product_id, int64_t revision, const char *stream)
{
    struct topic_probe_record *record = &fake_stream.records[fake_stream.record_count++];
    *record = (struct topic_probe_record){.partition = partition,
                                          .offset = fake_stream.end_offsets[partition]++,
                                          .product_id = product_id,
                                          .revision = revision};
    name(record, stream);
}

/* The state knows that what the topic holds now is settled. */
static void settle_all(int64_t revision)
{
    for (size_t i = 0; i < fake_stream.partition_count; i++) {
        fake_stream.known.next_offsets[i] = fake_stream.end_offsets[i];
    }
    fake_stream.known.settled = revision;
    fake_stream.settled = revision;
}

static bool open_again(void)
{
    bool all = false;
    assert_int_equal(streams_open(floors.streams, fake_leader.epoch, &all, &err), STATUS_OK);
    return all;
}

static enum status run_after(int64_t seconds)
{
    fake_process.clock_us += seconds * 1000000;
    return streams_run(floors.streams, &err);
}

/* Publishes one product and settles it. */
static void publish(int32_t product_id)
{
    (void)fake_mark(product_id, CAUSE_STOCK);
    assert_int_equal(round_run(floors.round, &err), STATUS_OK);
    fake_process.clock_us += 2000000;
    assert_int_equal(round_run(floors.round, &err), STATUS_OK);
}

static void streams_go_on_and_publish_nothing_again(void **state)
{
    (void)state;
    put(0, 1, 50, "stream-0");
    put(1, 2, 60, "stream-0");
    settle_all(60);
    assert_false(open_again());
    assert_int_equal(fake_stream.streams, 0);
    assert_int_equal(fake.mark_count, 0);
    assert_int_equal(fake.calls[FAKE_READ_KEYS], 0);
}

static void streams_read_again_what_was_not_settled(void **state)
{
    (void)state;
    put(0, 1, 50, "stream-0");
    settle_all(50);
    put(0, 2, 60, "stream-0");
    put(1, 3, 70, "stream-0");
    put(1, 3, 80, "stream-0");
    put(1, 0, 90, "");        /* no product's */
    fake_stream.settled = 60; /* the second one is settled, but not noted in the state */
    fake_leader.revision = 55;
    assert_false(open_again());
    assert_int_equal(fake.mark_count, 1);
    assert_int_equal(fake.marks[0].product_id, 3);
    assert_int_equal(fake_leader.revision, 90); /* every later one is greater */
}

static void assert_began(const char *why, int number)
{
    assert_int_equal(fake_stream.streams, number);
    assert_string_equal(fake_stream.known.why, why);
    assert_false(fake_stream.known.marked);
    assert_int_equal(fake.calls[FAKE_FORGET], number); /* digests belong to a stream */
}

static void streams_begin_with_everything_and_what_only_the_topic_has(void **state)
{
    (void)state;
    put(0, 1, 50, "stream-0");
    put(1, FAKE_PRODUCTS + 5, 60, "stream-0"); /* created and lost with the database */
    settle_all(60);
    fake_stream.settled = 40; /* restored */
    assert_true(open_again());
    assert_began("restored", 1);
    assert_true(fake_stream.known.first_revision > 60);
    assert_int_equal(fake_stream.known.first_offsets[0], 1);
    assert_int_equal(fake.mark_count, 1);
    assert_int_equal(fake.marks[0].product_id, FAKE_PRODUCTS + 5);
    /* The same leader goes on marking after a failure, a successor begins again. */
    assert_false(open_again());
    fake_leader.epoch++;
    assert_true(open_again());
    assert_int_equal(fake_stream.streams, 1);
    assert_int_equal(streams_marked(floors.streams, &err), STATUS_OK);
    fake_leader.epoch++;
    assert_false(open_again());
}

static void streams_begin_when_an_acknowledged_record_is_gone(void **state)
{
    (void)state;
    fake_stream.end_offsets[0] = INT32_MAX;
    fake_stream.end_offsets[1] = INT32_MAX;
    publish(1);
    assert_int_equal(run_after(16), STATUS_OK);
    memset(fake_stream.end_offsets, 0, sizeof fake_stream.end_offsets); /* created again */
    memset(fake_stream.known.next_offsets, 0, 2 * sizeof fake_stream.known.next_offsets[0]);
    fake_stream.settled = 0;
    fake_stream.known.settled = 0;
    assert_true(open_again());
    assert_began("topic", 1);
}

static void streams_begin_when_the_settled_records_are_anothers(void **state)
{
    (void)state;
    put(0, 1, 50, "stream-0");
    settle_all(50);
    name(&fake_stream.records[0], "strange"); /* re-created, and filled by somebody else */
    put(0, 2, 60, "strange");
    assert_true(open_again());
    assert_began("topic", 1);
    assert_int_equal(fake_stream.known.first_offsets[0], 2);
}

static void streams_judge_no_record_from_before_their_first_offset(void **state)
{
    (void)state;
    put(0, 1, 50, "stream-of-before");
    settle_all(50);
    fake_stream.known.first_offsets[0] = 1;
    fake_stream.known.first_revision = 50;
    assert_false(open_again());
    assert_int_equal(fake_stream.streams, 0);
}

static void streams_begin_anew_when_the_first_attempt_failed(void **state)
{
    static const enum fake_call steps[] = {FAKE_READ_NEWEST, FAKE_FORGET, FAKE_STREAM_BEGIN,
                                           FAKE_READ_KEYS, FAKE_MARK_GONE};
    (void)state;
    put(0, 1, 50, "stream-0");
    settle_all(50);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        bool all = false;
        fake_leader.identity.timeline++;
        fake.fail[steps[i]] = STATUS_SOURCE_LOST;
        assert_int_equal(streams_open(floors.streams, fake_leader.epoch, &all, &err),
                         STATUS_SOURCE_LOST);
        assert_false(all);
        assert_true(open_again());
        assert_string_equal(fake_stream.known.why, "timeline");
        assert_int_equal(fake_stream.streams, (int)i + 1);
    }
}

static void streams_refuse_an_unexpected_number_of_partitions(void **state)
{
    bool all = false;
    (void)state;
    fake_stream.partition_count = 3;
    assert_int_equal(streams_open(floors.streams, 1, &all, &err), STATUS_TOPIC_UNFIT);
    assert_int_equal(fake_stream.streams, 0);
    fake_stream.known.wanted_partitions = 3;
    assert_true(open_again());
    assert_began("partitions", 1);
    assert_int_equal(fake_stream.known.partition_count, 3);
}

static void streams_are_judged_again_and_again(void **state)
{
    (void)state;
    assert_int_equal(run_after(10), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_FACTS], 0);
    assert_int_equal(run_after(6), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_FACTS], 1);
    fake_leader.identity.timeline = 2;
    assert_int_equal(run_after(10), STATUS_OK);
    assert_int_equal(run_after(6), STATUS_STREAM_ENDED);
    assert_non_null(strstr(err.msg, "timeline"));
    fake_leader.identity.timeline = 1;
    fake_stream.partition_count = 1;
    assert_int_equal(run_after(16), STATUS_TOPIC_UNFIT);
    fake.fail[FAKE_FACTS] = STATUS_BROKER_LOST;
    assert_int_equal(run_after(16), STATUS_BROKER_LOST);
}

static void streams_look_at_the_settled_records_every_half_minute(void **state)
{
    (void)state;
    put(0, 1, 50, "stream-0");
    settle_all(50);
    assert_false(open_again());
    fake.calls[FAKE_READ_FROM] = 0;
    assert_int_equal(run_after(16), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_READ_FROM], 0);
    assert_int_equal(run_after(16), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_READ_FROM], 1);
    name(&fake_stream.records[0], "strange"); /* the topic is another's, and longer than ours was */
    put(0, 7, 1, "strange");
    put(1, 8, 2, "strange");
    put(1, 9, 3, "strange");
    assert_int_equal(run_after(16), STATUS_OK);
    assert_int_equal(run_after(16), STATUS_STREAM_ENDED);
    assert_non_null(strstr(err.msg, "topic"));
}

static int64_t noted(void)
{
    return fake_stream.known.next_offsets[0] + fake_stream.known.next_offsets[1];
}

/* Else an offset in somebody's topic would take the place of ours. */
static void streams_move_an_offset_only_after_a_look_at_its_record(void **state)
{
    (void)state;
    outbox_set_stream(floors.outbox, "stream-0", 0);
    publish(1);
    assert_int_equal(run_after(6), STATUS_OK);
    int64_t first = noted();
    assert_true(first > 0);
    fake_stream.end_offsets[0] = INT32_MAX; /* the mock cluster's offsets are not counted here */
    fake_stream.end_offsets[1] = INT32_MAX;
    publish(1);
    assert_int_equal(run_after(6), STATUS_OK);
    assert_int_equal(noted(), first);
    assert_int_equal(fake_stream.known.settled, fake_stream.settled);
    assert_int_equal(run_after(31), STATUS_OK);
    assert_true(noted() > first);
}

static void streams_note_what_is_settled_first_in_odoos_database(void **state)
{
    (void)state;
    outbox_set_stream(floors.outbox, "stream-0", 0);
    (void)fake_mark(1, CAUSE_STOCK);
    assert_int_equal(round_run(floors.round, &err), STATUS_OK);
    fake_process.clock_us += 2000000;
    assert_int_equal(round_run(floors.round, &err), STATUS_OK); /* settled */
    assert_true(fake_stream.settled > 0);
    assert_false(fake_stream.durable);
    assert_int_equal(fake_stream.known.settled, 0);
    fake.fail[FAKE_SETTLED_WRITE] = STATUS_SOURCE_LOST;
    assert_int_equal(run_after(6), STATUS_SOURCE_LOST);
    assert_int_equal(fake_stream.known.settled, 0);
    assert_int_equal(streams_stop(floors.streams, &err), STATUS_OK);
    assert_true(fake_stream.durable);
    assert_int_equal(fake_stream.known.settled, fake_stream.settled);
    assert_true(fake_stream.known.next_offsets[0] > 0 || fake_stream.known.next_offsets[1] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(streams_go_on_and_publish_nothing_again),
        TEST(streams_read_again_what_was_not_settled),
        TEST(streams_begin_with_everything_and_what_only_the_topic_has),
        TEST(streams_begin_when_an_acknowledged_record_is_gone),
        TEST(streams_begin_when_the_settled_records_are_anothers),
        TEST(streams_judge_no_record_from_before_their_first_offset),
        TEST(streams_begin_anew_when_the_first_attempt_failed),
        TEST(streams_refuse_an_unexpected_number_of_partitions),
        TEST(streams_are_judged_again_and_again),
        TEST(streams_look_at_the_settled_records_every_half_minute),
        TEST(streams_move_an_offset_only_after_a_look_at_its_record),
        TEST(streams_note_what_is_settled_first_in_odoos_database),
    };
    return cmocka_run_group_tests(tests, start_cluster, stop_cluster);
}

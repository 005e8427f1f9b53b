/*
 * What the mock cluster cannot show: topic settings, fencing, a record that the broker refuses for
 * its size, markers of transactions, open transactions, a topic that is created again. Needs a broker that is ours alone: tests/unit/with_kafka.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/kafka/kafka_topic.h"
#include "common/kafka/topic_reader.h"
#include "producer/publish/publisher.h"
#include "producer/publish/topic_probe.h"
#include "tests/unit/publish/submit_and_wait.h"

#define LIMIT_MS 20000

static struct conf_pair pairs[2];
static struct conf_pairs conf = {.list = pairs};
static struct strbuf notes;
static struct err err;

static struct kafka_topic_design design_of(const char *name)
{
    return (struct kafka_topic_design){.name = name,
                                       .partitions = 3,
                                       .replication_factor = -1,
                                       .compaction_lag_ms = INT64_C(2592000000),
                                       .tombstone_retention_ms = INT64_C(2592000000),
                                       .message_max_bytes = 1048576};
}

static enum status ensure(const struct kafka_topic_design *design, bool may_create)
{
    strbuf_reset(&notes);
    return kafka_topic_ensure(&conf, design, may_create, LIMIT_MS, &notes, &err);
}

static void make_topic(const char *name)
{
    const struct kafka_topic_design design = design_of(name);
    assert_int_equal(ensure(&design, true), STATUS_OK);
}

static struct record_sink *new_sink(const char *topic)
{
    struct record_sink *sink = NULL;
    const struct record_sink_options options = {.kafka = &conf, .topic = topic};
    assert_int_equal(record_sink_new(&options, &sink, &err), STATUS_OK);
    return sink;
}

static enum status add_and_wait(struct record_sink *sink, const char *key)
{
    const struct record record = {
        .key = key, .value = bytes_text("value"), .revision = 1, .cause = "stock", .epoch = 1};
    enum status rc = record_sink_begin(sink, &err);
    if (rc == STATUS_OK) {
        rc = record_sink_add(sink, &record, 0, &err);
    }
    return rc == STATUS_OK ? record_sink_wait(sink, LIMIT_MS, &err) : rc;
}

static void kafka_topic_ensure_says_how_to_create_a_missing_one(void **state)
{
    (void)state;
    const struct kafka_topic_design design = design_of("missing");
    assert_int_equal(ensure(&design, false), STATUS_TOPIC_UNFIT);
    static const char *const parts[] = {"'missing'",
                                        "--create --topic missing --partitions 3",
                                        "cleanup.policy=compact",
                                        "min.compaction.lag.ms=2592000000",
                                        "delete.retention.ms=2592000000",
                                        "max.message.bytes=1048576",
                                        "segment.ms=86400000"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strstr(err.msg, parts[i]) == NULL) {
            fail_msg("'%s' is not in: %s", parts[i], err.msg);
        }
    }
}

static void kafka_topic_ensure_creates_and_then_finds_nothing_to_say(void **state)
{
    (void)state;
    const struct kafka_topic_design design = design_of("created");
    assert_int_equal(ensure(&design, true), STATUS_OK);
    assert_string_equal(notes.ptr, "");
    assert_int_equal(ensure(&design, false), STATUS_OK);
    assert_string_equal(notes.ptr, "");
}

static void kafka_topic_ensure_names_what_differs(void **state)
{
    (void)state;
    struct kafka_topic_design design = design_of("differs");
    assert_int_equal(ensure(&design, true), STATUS_OK);

    design.partitions = 4;
    design.compaction_lag_ms += 1;
    assert_int_equal(ensure(&design, true), STATUS_TOPIC_UNFIT);
    assert_non_null(strstr(err.msg, "partitions are 3, wanted 4"));
    assert_non_null(
        strstr(err.msg, "min.compaction.lag.ms is 2592000000, wanted at least 2592000001"));

    design = design_of("differs");
    design.partitions = 2;
    design.tombstone_retention_ms -= 1;
    assert_int_equal(ensure(&design, true), STATUS_OK);
    assert_non_null(strstr(notes.ptr, "3 partitions, designed 2"));
    assert_non_null(strstr(notes.ptr, "delete.retention.ms is 2592000000, designed 2591999999"));
}

static void kafka_topic_ensure_refuses_what_no_broker_takes(void **state)
{
    (void)state;
    struct kafka_topic_design design = design_of("no such name!");
    assert_int_equal(status_class(ensure(&design, true)), CLASS_FATAL);
    design = design_of("replicas");
    design.replication_factor = 3;
    assert_int_equal(ensure(&design, true), STATUS_TOPIC_UNFIT);
    assert_non_null(strstr(err.msg, "creating topic 'replicas'"));
}

static void record_sink_take_over_names_a_missing_topic(void **state)
{
    (void)state;
    struct record_sink *sink = new_sink("nowhere");
    assert_int_equal(record_sink_take_over(sink, LIMIT_MS, &err), STATUS_TOPIC_UNFIT);
    assert_non_null(strstr(err.msg, "nowhere"));
    record_sink_free(sink);
}

static void record_sink_is_fenced_by_its_successor(void **state)
{
    (void)state;
    make_topic("fencing");
    struct record_sink *first = new_sink("fencing");
    struct record_sink *second = new_sink("fencing");
    assert_int_equal(record_sink_take_over(first, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(add_and_wait(first, "1"), STATUS_OK);
    assert_int_equal(record_sink_take_over(second, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(add_and_wait(first, "1"), STATUS_FENCED);
    assert_int_equal(record_sink_commit(first, &err), STATUS_FENCED);
    assert_int_equal(record_sink_poll(first, &err), STATUS_FENCED);
    assert_int_equal(add_and_wait(second, "1"), STATUS_OK);
    assert_int_equal(record_sink_commit(second, &err), STATUS_OK);
    record_sink_free(first);
    record_sink_free(second);
}

static void record_sink_commit_alone_is_fenced_too(void **state)
{
    (void)state;
    make_topic("fencing.commit");
    struct record_sink *first = new_sink("fencing.commit");
    struct record_sink *second = new_sink("fencing.commit");
    assert_int_equal(record_sink_take_over(first, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(add_and_wait(first, "1"), STATUS_OK);
    assert_int_equal(record_sink_take_over(second, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(record_sink_commit(first, &err), STATUS_FENCED);
    record_sink_free(first);
    record_sink_free(second);
}

/* One of 64 products is too large for the topic, though not for the client. */
static void publisher_parks_the_one_record_the_broker_refuses(void **state)
{
    (void)state;
    enum { COUNT = 64, BAD = 37, BATCHES = 60 };
    static struct product_stock stocks[COUNT];
    static struct publish_item items[COUNT];
    static char texts[2][PRODUCT_STOCK_MAX_TEXT_BYTES + 1];
    bool done[COUNT] = {false};
    size_t left = COUNT;
    int aborts = 0;
    struct publisher *publisher = NULL;
    struct kafka_topic_design design = design_of("oversize");
    design.partitions = 1;
    design.message_max_bytes = 6000;
    assert_int_equal(ensure(&design, true), STATUS_OK);
    struct record_sink *sink = new_sink("oversize");
    assert_int_equal(record_sink_take_over(sink, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(publisher_new(1, 0, &publisher, &err), STATUS_OK);
    memset(texts[0], 'a', PRODUCT_STOCK_MAX_TEXT_BYTES);
    memset(texts[1], 'b', PRODUCT_STOCK_MAX_TEXT_BYTES);
    for (int32_t i = 0; i < COUNT; i++) {
        stocks[i] = (struct product_stock){.product_id = i + 1, .revision = i + 1};
    }
    stocks[BAD].sku = texts[0];
    stocks[BAD].barcode = texts[1];
    for (int batch = 0; left > 0 && batch < BATCHES; batch++) {
        size_t count = 0;
        for (size_t i = 0; i < COUNT; i++) {
            if (!done[i]) {
                items[count++] = (struct publish_item){.stock = &stocks[i]};
            }
        }
        const enum status rc = submit_and_wait(publisher, sink, items, count, LIMIT_MS, &err);
        if (rc == STATUS_BATCH_ABORTED) {
            assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
            aborts++;
            continue;
        }
        assert_int_equal(rc, STATUS_OK);
        for (size_t i = 0; i < count; i++) {
            const size_t at = (size_t)items[i].stock->product_id - 1;
            assert_true((items[i].end == PUBLISH_PARKED) ==
                        (at == BAD && items[i].end != PUBLISH_HELD));
            if (items[i].end != PUBLISH_HELD) {
                done[at] = true;
                left--;
            }
        }
        assert_int_equal(record_sink_commit(sink, &err), STATUS_OK);
    }
    assert_int_equal(left, 0);
    /* 64, 32, … 1, and for each one more to renumber. */
    assert_in_range(aborts, 1, 14);
    publisher_free(publisher);
    record_sink_free(sink);
}

/* --- the topic's own words --- */

#define STREAM "0b5c9b1e-5f0e-4b3a-9d53-0f6f4c8f8f01"

static struct topic_probe *new_probe(const char *topic)
{
    struct topic_probe *probe = NULL;
    assert_int_equal(topic_probe_open(&conf, topic, &probe, &err), STATUS_OK);
    return probe;
}

static void make_small_topic(const char *name)
{
    struct kafka_topic_design design = design_of(name);
    design.partitions = 1;
    assert_int_equal(ensure(&design, true), STATUS_OK);
}

static void delete_topic(const char *name)
{
    char text[200];
    rd_kafka_conf_t *own = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_set(own, pairs[0].name, pairs[0].value, text, sizeof text),
                     RD_KAFKA_CONF_OK);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, own, text, sizeof text);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);
    rd_kafka_DeleteTopics(client, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, LIMIT_MS);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
}

/* The broker forgets a deleted topic a moment later. */
static void make_topic_again(const char *name)
{
    const int64_t deadline_us = clock_monotonic_us() + INT64_C(1000) * LIMIT_MS;
    int partitions = 0;
    delete_topic(name);
    while (kafka_topic_count(&conf, name, LIMIT_MS, &partitions, &err) == STATUS_OK) {
        assert_true(clock_left_ms(deadline_us) > 0);
    }
    assert_string_equal(err.origin, KAFKA_TOPIC_MISSING);
    make_small_topic(name);
}

static void publish_one(struct record_sink *sink, const char *key, int64_t revision)
{
    const struct record record = {.key = key,
                                  .value = bytes_text("value"),
                                  .revision = revision,
                                  .cause = "stock",
                                  .epoch = 1};
    assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
    assert_int_equal(record_sink_add(sink, &record, 0, &err), STATUS_OK);
    assert_int_equal(record_sink_wait(sink, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(record_sink_commit(sink, &err), STATUS_OK);
}

static int64_t end_of(struct topic_probe *probe)
{
    struct topic_facts facts = {0};
    assert_int_equal(topic_probe_ends(probe, LIMIT_MS, &facts, &err), STATUS_OK);
    const int64_t end = facts.partition[0].end;
    topic_facts_release(&facts);
    return end;
}

/* The marker of a transaction is written after its commit has returned. */
static void await_end(struct topic_probe *probe, int64_t end)
{
    const int64_t deadline_us = clock_monotonic_us() + INT64_C(1000) * LIMIT_MS;
    while (end_of(probe) != end) {
        assert_true(clock_left_ms(deadline_us) > 0);
    }
}

/*
 * Transactions without a record that still leave a marker: the partition was registered, and the
 * record waited in the client when the transaction was aborted.
 */
static void write_markers(const char *topic, struct topic_probe *probe, int64_t until)
{
    struct record_sink *sink = NULL;
    char linger[][10] = {"linger.ms", "10000"};
    struct conf_pair slow[3] = {pairs[0], pairs[1], {.name = linger[0], .value = linger[1]}};
    const struct conf_pairs slow_conf = {.list = slow, .count = 3};
    const struct record_sink_options options = {.kafka = &slow_conf, .topic = topic};
    const struct record record = {
        .key = "1", .value = bytes_text("never sent"), .revision = 9, .cause = "stock", .epoch = 1};
    const int64_t deadline_us = clock_monotonic_us() + INT64_C(1000) * LIMIT_MS;
    assert_int_equal(record_sink_new(&options, &sink, &err), STATUS_OK);
    assert_int_equal(record_sink_take_over(sink, LIMIT_MS, &err), STATUS_OK);
    while (end_of(probe) < until) {
        assert_true(clock_left_ms(deadline_us) > 0);
        assert_int_equal(record_sink_begin(sink, &err), STATUS_OK);
        assert_int_equal(record_sink_add(sink, &record, 0, &err), STATUS_OK);
        (void)end_of(probe); /* meanwhile the partition is registered */
        assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
    }
    record_sink_free(sink);
}

static void topic_probe_looks_behind_markers(void **state)
{
    (void)state;
    struct topic_facts facts = {0};
    make_small_topic("markers");
    struct topic_probe *probe = new_probe("markers");
    struct record_sink *sink = NULL;
    const struct record_sink_options options = {
        .kafka = &conf, .topic = "markers", .stream = STREAM};
    assert_int_equal(record_sink_new(&options, &sink, &err), STATUS_OK);
    assert_int_equal(record_sink_take_over(sink, LIMIT_MS, &err), STATUS_OK);
    publish_one(sink, "1", 7);
    record_sink_free(sink);
    write_markers("markers", probe, 14);
    assert_int_equal(topic_probe_facts(probe, LIMIT_MS, &facts, &err), STATUS_OK);
    assert_in_range(facts.partition[0].end, 14, 20);
    assert_int_equal(facts.partition[0].revision, 7);
    assert_string_equal(facts.partition[0].stream, STREAM);
    assert_true(strlen(facts.cluster) > 0);
    topic_facts_release(&facts);
    topic_probe_close(probe);
}

struct found {
    int32_t ids[4];
    size_t count;
};

static enum status
note_record(void *arg, const struct topic_probe_record *record, struct err *unused)
{
    struct found *found = arg;
    (void)unused;
    assert_true(found->count < 4);
    found->ids[found->count++] = record->product_id;
    return STATUS_OK;
}

/* An open transaction counts, in records and in ends. */
static void topic_probe_sees_what_is_not_committed(void **state)
{
    (void)state;
    struct found found = {0};
    make_small_topic("open");
    struct topic_probe *probe = new_probe("open");
    struct record_sink *sink = new_sink("open");
    assert_int_equal(record_sink_take_over(sink, LIMIT_MS, &err), STATUS_OK);
    publish_one(sink, "1", 1);
    publish_one(sink, "2", 2);
    await_end(probe, 4);
    assert_int_equal(add_and_wait(sink, "3"), STATUS_OK);
    assert_int_equal(end_of(probe), 5);
    /* from the marker of the first one on */
    int64_t from = 1;
    assert_int_equal(topic_probe_from(probe, LIMIT_MS, &from, 1, note_record, &found, &err),
                     STATUS_OK);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.ids[0], 2);
    assert_int_equal(found.ids[1], 3);
    from = 5;
    found.count = 0;
    assert_int_equal(topic_probe_from(probe, LIMIT_MS, &from, 1, note_record, &found, &err),
                     STATUS_OK);
    assert_int_equal(found.count, 0);
    record_sink_free(sink);
    topic_probe_close(probe);
}

static void topic_probe_names_a_missing_topic(void **state)
{
    (void)state;
    struct topic_facts facts = {0};
    struct topic_probe *probe = new_probe("missing");
    assert_int_equal(topic_probe_ends(probe, LIMIT_MS, &facts, &err), STATUS_TOPIC_UNFIT);
    assert_string_equal(err.msg, "the topic 'missing' does not exist");
    assert_int_equal(topic_probe_facts(probe, LIMIT_MS, &facts, &err), STATUS_TOPIC_UNFIT);
    topic_facts_release(&facts);
    topic_probe_close(probe);
}

/* A probe and a sink knew the topic before it was deleted and created again. */
static enum status write_to_another_topic_of_that_name(const char *name)
{
    const int64_t *ends = NULL;
    make_small_topic(name);
    struct topic_probe *probe = new_probe(name);
    struct record_sink *sink = new_sink(name);
    assert_int_equal(record_sink_take_over(sink, LIMIT_MS, &err), STATUS_OK);
    publish_one(sink, "1", 1);
    publish_one(sink, "1", 2);
    assert_int_equal(record_sink_ends(sink, &ends), 1);
    assert_int_equal(ends[0], 3);
    await_end(probe, 4);
    make_topic_again(name);
    assert_int_equal(end_of(probe), 0);
    const enum status rc = add_and_wait(sink, "1");
    if (rc == STATUS_STREAM_ENDED) {
        assert_non_null(strstr(err.msg, "partition 0 acknowledged offset 0 after offset 2"));
        assert_int_equal(record_sink_poll(sink, &err), STATUS_STREAM_ENDED);
        assert_int_equal(record_sink_commit(sink, &err), STATUS_STREAM_ENDED);
        assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
    }
    record_sink_free(sink);
    topic_probe_close(probe);
    return rc;
}

static void topic_that_is_created_again_ends_the_stream(void **state)
{
    (void)state;
    static const char *const names[] = {"again.1", "again.2", "again.3", "again.4", "again.5"};
    enum status rc = STATUS_CLIENT_BROKEN;
    /* The client may ask for the topic just while it is gone. */
    for (size_t i = 0; i < 5 && rc != STATUS_STREAM_ENDED; i++) {
        assert_true(rc == STATUS_CLIENT_BROKEN || rc == STATUS_BATCH_ABORTED);
        rc = write_to_another_topic_of_that_name(names[i]);
    }
    assert_int_equal(rc, STATUS_STREAM_ENDED);
}

static void kafka_topic_grow_adds_partitions(void **state)
{
    (void)state;
    int partitions = 0;
    make_topic("grows");
    assert_int_equal(kafka_topic_count(&conf, "grows", LIMIT_MS, &partitions, &err), STATUS_OK);
    assert_int_equal(partitions, 3);
    assert_int_equal(kafka_topic_grow(&conf, "grows", 5, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(kafka_topic_count(&conf, "grows", LIMIT_MS, &partitions, &err), STATUS_OK);
    assert_int_equal(partitions, 5);
    assert_int_equal(kafka_topic_grow(&conf, "grows", 5, LIMIT_MS, &err), STATUS_TOPIC_UNFIT);
    assert_non_null(strstr(err.msg, "topic 'grows'"));
    assert_int_equal(kafka_topic_grow(&conf, "missing", 5, LIMIT_MS, &err), STATUS_TOPIC_UNFIT);
    assert_int_equal(kafka_topic_count(&conf, "missing", LIMIT_MS, &partitions, &err),
                     STATUS_TOPIC_UNFIT);
    assert_string_equal(err.origin, KAFKA_TOPIC_MISSING);
}

int main(void)
{
    const char *address = getenv("STOCKSYNC_TEST_KAFKA");
    if (address == NULL) {
        (void)fputs(
            "skipped: STOCKSYNC_TEST_KAFKA names no broker; run through tests/unit/with_kafka\n",
            stderr);
        return 77;
    }
    log_init("test", LOG_ERROR);
    strbuf_init(&notes, 4096);
    pairs[0] =
        (struct conf_pair){.name = mem_strdup("bootstrap.servers"), .value = mem_strdup(address)};
    /* The large record must stay large. */
    pairs[1] =
        (struct conf_pair){.name = mem_strdup("compression.type"), .value = mem_strdup("none")};
    conf.count = 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kafka_topic_ensure_says_how_to_create_a_missing_one),
        cmocka_unit_test(kafka_topic_ensure_creates_and_then_finds_nothing_to_say),
        cmocka_unit_test(kafka_topic_ensure_names_what_differs),
        cmocka_unit_test(kafka_topic_ensure_refuses_what_no_broker_takes),
        cmocka_unit_test(record_sink_take_over_names_a_missing_topic),
        cmocka_unit_test(record_sink_is_fenced_by_its_successor),
        cmocka_unit_test(record_sink_commit_alone_is_fenced_too),
        cmocka_unit_test(publisher_parks_the_one_record_the_broker_refuses),
        cmocka_unit_test(topic_probe_looks_behind_markers),
        cmocka_unit_test(topic_probe_sees_what_is_not_committed),
        cmocka_unit_test(topic_probe_names_a_missing_topic),
        cmocka_unit_test(topic_that_is_created_again_ends_the_stream),
        cmocka_unit_test(kafka_topic_grow_adds_partitions),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < conf.count; i++) {
        mem_free(pairs[i].name);
        mem_free(pairs[i].value);
    }
    strbuf_release(&notes);
    return failed;
}

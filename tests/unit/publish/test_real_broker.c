/*
 * What the mock cluster cannot show: topic settings, fencing, a record that the broker refuses for
 * its size. Needs a broker that is ours alone: tests/unit/with_kafka.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/kafka/kafka_topic.h"
#include "producer/publish/publisher.h"
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
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < conf.count; i++) {
        mem_free(pairs[i].name);
        mem_free(pairs[i].value);
    }
    strbuf_release(&notes);
    return failed;
}

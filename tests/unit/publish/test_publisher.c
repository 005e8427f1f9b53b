#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/logger.h"
#include "producer/publish/publisher.h"
#include "tests/unit/kafka/mock_kafka.h"
#include "tests/unit/publish/submit_and_wait.h"

#define LIMIT_MS 10000
#define COUNT    4

static struct mock_kafka mock;
static struct record_sink *sink;
static struct publisher *publisher;
static struct err err;
static struct product_stock stocks[COUNT];
static struct publish_item items[COUNT];

static int start(void **state)
{
    (void)state;
    mock_kafka_start(&mock, 1);
    /* One request for all that a publish adds: then the requests can be told apart by counting. */
    mock_kafka_set(&mock, "linger.ms", "2000");
    for (int32_t i = 0; i < COUNT; i++) {
        stocks[i] = (struct product_stock){
            .product_id = i + 1, .revision = 100 + i, .cause = CAUSE_STOCK, .active = true};
        items[i] = (struct publish_item){.product_id = i + 1, .stock = &stocks[i]};
    }
    const struct record_sink_options options = {
        .kafka = &mock.conf, .topic = MOCK_TOPIC, .max_message_bytes = 2000};
    return record_sink_new(&options, &sink, &err) == STATUS_OK &&
                   record_sink_take_over(sink, LIMIT_MS, &err) == STATUS_OK &&
                   publisher_new(9, 2000, &publisher, &err) == STATUS_OK
               ? 0
               : -1;
}

static int stop(void **state)
{
    (void)state;
    publisher_free(publisher);
    record_sink_free(sink);
    mock_kafka_stop(&mock);
    return 0;
}

/*
 * One batch as the producer's loop runs it: after an abort without a refused record it tries again.
 * librdkafka 2.0.2 needs that once after each refusal, to renumber.
 */
static enum status publish_list(struct publish_item *list, size_t count)
{
    for (;;) {
        const size_t *refused = NULL;
        const enum status rc = submit_and_wait(publisher, sink, list, count, LIMIT_MS, &err);
        if (rc != STATUS_BATCH_ABORTED || record_sink_refused(sink, &refused) > 0) {
            return rc;
        }
        assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
    }
}

static enum status publish(void)
{
    return publish_list(items, COUNT);
}

static void settle(void)
{
    assert_int_equal(record_sink_commit(sink, &err), STATUS_OK);
}

static void assert_ends(const char *expected)
{
    char found[COUNT + 1] = "";
    for (size_t i = 0; i < COUNT; i++) {
        static const char letters[] = {
            [PUBLISH_DONE] = 'D', [PUBLISH_PARKED] = 'P', [PUBLISH_HELD] = 'H'};
        found[i] = letters[items[i].end];
    }
    assert_string_equal(found, expected);
}

static void publisher_publishes_records_and_tombstones(void **state)
{
    (void)state;
    struct mock_record found[COUNT + 1];
    items[1] = (struct publish_item){.product_id = 2, .revision = 77, .cause = CAUSE_PRODUCT};
    assert_int_equal(publish(), STATUS_OK);
    assert_ends("DDDD");
    assert_true(record_sink_is_open(sink));
    settle();
    assert_int_equal(mock_kafka_read(&mock, 0, found, COUNT + 1), COUNT);
    assert_string_equal(found[0].key, "1");
    assert_string_equal(found[0].revision, "100");
    assert_string_equal(found[0].cause, "stock");
    assert_string_equal(found[0].epoch, "9");
    assert_memory_equal(found[0].value, "\xc3\x01", 2);
    assert_string_equal(found[1].key, "2");
    assert_true(found[1].tombstone);
    assert_string_equal(found[1].revision, "77");
    assert_string_equal(found[1].cause, "product");
}

static void publisher_parks_what_cannot_be_written(void **state)
{
    (void)state;
    static char not_text[] = "\xff";
    static char large[2100];
    memset(large, 'x', sizeof large - 1);
    stocks[0].sku = not_text;
    stocks[2].sku = large;
    assert_int_equal(publish(), STATUS_OK);
    assert_ends("PDPD");
    assert_non_null(strstr(items[0].reason, "UTF-8"));
    assert_non_null(strstr(items[2].reason, "larger"));
    assert_string_equal(items[0].kind, "invalid");
    assert_string_equal(items[2].kind, "too_large");
    assert_false(publisher_is_bisecting(publisher));
}

static void publisher_parks_what_cannot_be_read_with_its_reason(void **state)
{
    (void)state;
    items[1].stock = NULL;
    items[1].unreadable = "value out of range";
    assert_int_equal(publish(), STATUS_OK);
    assert_ends("DPDD");
    assert_string_equal(items[1].kind, "unreadable");
    assert_string_equal(items[1].reason, "value out of range");
}

static void publisher_begins_nothing_when_all_is_parked(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        stocks[i].revision = 0;
    }
    assert_int_equal(publish(), STATUS_OK);
    assert_ends("PPPP");
    assert_false(record_sink_is_open(sink));
    assert_int_equal(submit_and_wait(publisher, sink, items, 0, LIMIT_MS, &err), STATUS_OK);
    assert_false(record_sink_is_open(sink));
}

/* Refuses the next request that is not lost to the gap of an earlier refusal. */
static void refuse_next_request(void)
{
    rd_kafka_mock_push_request_errors(mock.cluster, API_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
}

/* The mock broker refuses every request that holds product 2. */
static void publisher_finds_the_refused_record_by_halves(void **state)
{
    (void)state;
    static const struct {
        bool refused; /* this batch's first request holds product 2 */
        const char *ends;
    } batches[] = {
        {true, NULL},    /* 1 2 3 4 */
        {true, NULL},    /* 1 2 in an empty transaction; 3 4 wait */
        {false, "DHHH"}, /* 1 alone */
        {true, NULL},    /* 2 alone: the poison record */
        {false, "DPDH"}, /* 3 alone, then 1, which is cleared; 2 is parked */
        {false, "DDDD"}, /* 4; 2 is tried again, because it may have changed */
    };
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        if (batches[i].refused) {
            refuse_next_request();
        }
        const enum status rc = publish();
        assert_int_equal(rc, batches[i].refused ? STATUS_BATCH_ABORTED : STATUS_OK);
        if (batches[i].refused) {
            assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
        } else {
            assert_ends(batches[i].ends);
            settle();
        }
    }
    assert_false(publisher_is_bisecting(publisher));
}

static void publisher_holds_bisected_records_while_a_transaction_is_open(void **state)
{
    (void)state;
    refuse_next_request();
    assert_int_equal(publish(), STATUS_BATCH_ABORTED);
    assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
    assert_true(publisher_is_bisecting(publisher));
    /* Another record is not settled yet: a bisected one must not endanger it. */
    struct product_stock other = {.product_id = 50, .revision = 1};
    struct publish_item single = {.stock = &other};
    assert_int_equal(publish_list(&single, 1), STATUS_OK);
    assert_int_equal(single.end, PUBLISH_DONE);
    assert_int_equal(publish(), STATUS_OK);
    assert_ends("HHHH");
    settle();
    assert_int_equal(publish(), STATUS_OK);
    assert_ends("DDHH");
}

static void publisher_condemns_only_what_was_refused_alone(void **state)
{
    (void)state;
    struct product_stock other = {.product_id = 50, .revision = 1};
    struct publish_item single = {.stock = &other};
    assert_int_equal(publish(), STATUS_OK);
    refuse_next_request();
    /* Alone in its request, but not in its transaction. */
    assert_int_equal(publish_list(&single, 1), STATUS_BATCH_ABORTED);
    assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
    assert_true(publisher_is_bisecting(publisher));
    assert_int_equal(publish_list(&single, 1), STATUS_OK);
    assert_int_equal(single.end, PUBLISH_DONE);
    assert_false(publisher_is_bisecting(publisher));
}

static void publisher_bisects_nothing_when_the_cluster_is_at_fault(void **state)
{
    (void)state;
    rd_kafka_mock_push_request_errors(mock.cluster, API_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_POLICY_VIOLATION);
    assert_int_equal(submit_and_wait(publisher, sink, items, COUNT, LIMIT_MS, &err),
                     STATUS_BATCH_ABORTED);
    assert_false(publisher_is_bisecting(publisher));
    assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
    assert_int_equal(publish(), STATUS_OK);
    assert_ends("DDDD");
}

static void publisher_forgets_bisected_records_that_do_not_return(void **state)
{
    (void)state;
    refuse_next_request();
    assert_int_equal(publish(), STATUS_BATCH_ABORTED);
    assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
    struct product_stock other = {.product_id = 50, .revision = 1};
    struct publish_item single = {.stock = &other};
    int batches = 0;
    while (publisher_is_bisecting(publisher) && batches < 200) {
        assert_int_equal(publish_list(&single, 1), STATUS_OK);
        settle();
        batches++;
    }
    assert_in_range(batches, 50, 150);
}

static void publisher_takes_more_while_others_are_on_their_way(void **state)
{
    (void)state;
    struct mock_record found[COUNT + 1];
    assert_int_equal(publisher_submit(publisher, sink, items, 1, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(publisher_submit(publisher, sink, items + 1, 2, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(publisher_submit(publisher, sink, items + 3, 1, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(publisher_count(publisher), COUNT);
    assert_int_equal(publisher_wait(publisher, sink, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(publisher_count(publisher), 0);
    assert_true(record_sink_is_idle(sink));
    assert_ends("DDDD");
    settle();
    assert_int_equal(mock_kafka_read(&mock, 0, found, COUNT + 1), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(found[i].key[0], '1' + (char)i);
    }
}

static void publisher_knows_whose_record_was_refused_among_several_submits(void **state)
{
    (void)state;
    static char large[2100];
    memset(large, 'x', sizeof large - 1);
    stocks[3].sku = large; /* parked at once: the second submit adds nothing else */
    refuse_next_request();
    assert_int_equal(publisher_submit(publisher, sink, items, 3, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(publisher_submit(publisher, sink, items + 3, 1, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(publisher_wait(publisher, sink, LIMIT_MS, &err), STATUS_BATCH_ABORTED);
    assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
    assert_true(publisher_is_bisecting(publisher)); /* none of the three was alone */
    assert_int_equal(publish(), STATUS_OK);
    assert_ends("DDHP");
}

static void publisher_starts_afresh_after_an_abort_without_a_wait(void **state)
{
    (void)state;
    struct mock_record found[COUNT + 1];
    assert_int_equal(publisher_submit(publisher, sink, items, 3, LIMIT_MS, &err), STATUS_OK);
    assert_int_equal(record_sink_abort(sink, &err), STATUS_OK);
    publisher_drop(publisher);
    assert_int_equal(publish(), STATUS_OK);
    assert_ends("DDDD");
    settle();
    assert_int_equal(mock_kafka_read(&mock, 0, found, COUNT + 1), COUNT);
}

int main(void)
{
    log_init("test", LOG_ERROR);
#define PUBLISHER_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        PUBLISHER_TEST(publisher_publishes_records_and_tombstones),
        PUBLISHER_TEST(publisher_parks_what_cannot_be_written),
        PUBLISHER_TEST(publisher_parks_what_cannot_be_read_with_its_reason),
        PUBLISHER_TEST(publisher_begins_nothing_when_all_is_parked),
        PUBLISHER_TEST(publisher_finds_the_refused_record_by_halves),
        PUBLISHER_TEST(publisher_holds_bisected_records_while_a_transaction_is_open),
        PUBLISHER_TEST(publisher_condemns_only_what_was_refused_alone),
        PUBLISHER_TEST(publisher_bisects_nothing_when_the_cluster_is_at_fault),
        PUBLISHER_TEST(publisher_forgets_bisected_records_that_do_not_return),
        PUBLISHER_TEST(publisher_takes_more_while_others_are_on_their_way),
        PUBLISHER_TEST(publisher_knows_whose_record_was_refused_among_several_submits),
        PUBLISHER_TEST(publisher_starts_afresh_after_an_abort_without_a_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

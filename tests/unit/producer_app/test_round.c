/*
 * Rounds from the marks to their deletion. The mock cluster is shared by the tests, because it
 * takes longer to start than a test may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producer/app/round.h"
#include "tests/unit/producer_app/floors.h"
#include "tests/unit/producer_app/topic.h"

#define MAX_RECORDS 16

static struct mock_kafka mock;
static struct floors floors;
static struct mock_record found[MAX_RECORDS];
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
    topic_skip();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    floors_close(&floors);
    return 0;
}

static void run(void)
{
    assert_int_equal(round_run(floors.round, &err), STATUS_OK);
}

static void round_publishes_each_product_once_and_settles_when_idle(void **state)
{
    (void)state;
    (void)fake_mark(2, CAUSE_STOCK);
    (void)fake_mark(1, CAUSE_PRODUCT);
    (void)fake_mark(2, CAUSE_STOCK);
    run();
    assert_int_equal(topic_read(found, MAX_RECORDS), 2);
    assert_string_equal(found[0].key, "1");
    assert_string_equal(found[0].cause, "product");
    assert_string_equal(found[1].key, "2");
    assert_int_equal(fake.mark_count, 3);
    run(); /* nothing new, and not yet idle */
    assert_int_equal(fake.mark_count, 3);
    fake_process.clock_us += 50000;
    run();
    assert_int_equal(fake.mark_count, 0);
    assert_int_equal(topic_read(found, MAX_RECORDS), 0);
}

static void round_publishes_immediate_products_before_deferred_ones(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_BACKFILL);
    (void)fake_mark(2, CAUSE_STOCK);
    (void)fake_mark(3, CAUSE_PARENT);
    run();
    assert_int_equal(topic_read(found, MAX_RECORDS), 3);
    assert_string_equal(found[0].key, "2");
    assert_string_equal(found[1].key, "1");
    assert_string_equal(found[2].key, "3");
    assert_int_equal(outbox_unsettled(floors.outbox), 3);
}

static void mark_products(int32_t count)
{
    for (int32_t id = 1; id <= count; id++) {
        (void)fake_mark(id, CAUSE_STOCK);
    }
}

static void round_reads_a_chunk_while_the_one_before_is_in_flight(void **state)
{
    (void)state;
    fake.product_count = 1; /* tombstones are made faster */
    mark_products(CHUNK_PRODUCTS + 1);
    run();
    assert_int_equal(fake.calls[FAKE_READ_MARKS], 2); /* pages */
    assert_int_equal(fake.calls[FAKE_READ], 2);       /* chunks */
    assert_int_equal(fake.calls[FAKE_SNAPSHOT], 2);   /* the first chunk shares the marks' */
    assert_int_equal(outbox_unsettled(floors.outbox), CHUNK_PRODUCTS + 1);
}

static void round_gives_a_batch_up_when_asked_to_stop(void **state)
{
    (void)state;
    fake.product_count = 1; /* tombstones are made faster */
    mark_products(CHUNK_PRODUCTS + 1);
    fake_process.stop = true;
    run();
    assert_int_equal(fake.calls[FAKE_READ], 2);
    assert_int_equal(outbox_unsettled(floors.outbox), 0);
    assert_int_equal(fake.mark_count, CHUNK_PRODUCTS + 1);
}

static void round_leaves_marks_after_any_failure(void **state)
{
    (void)state;
    static const enum fake_call places[] = {FAKE_SNAPSHOT, FAKE_READ_MARKS, FAKE_READ,
                                            FAKE_SHARE,    FAKE_REVISION,   FAKE_UNPARK};
    (void)fake_mark(1, CAUSE_STOCK);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        fake.fail[places[i]] = STATUS_SOURCE_LOST;
        assert_int_equal(round_run(floors.round, &err), STATUS_SOURCE_LOST);
        assert_int_equal(outbox_abort(floors.outbox, &err), STATUS_OK);
        round_read_again(floors.round);
        assert_int_equal(outbox_unsettled(floors.outbox), 0);
        assert_int_equal(fake.mark_count, 1);
    }
    run();
    fake_process.clock_us += 50000;
    fake.fail[FAKE_DELETE] = STATUS_SOURCE_LOST;
    assert_int_equal(round_run(floors.round, &err), STATUS_SOURCE_LOST);
    assert_int_equal(fake.mark_count, 1);
}

static void round_searches_a_poison_record_in_batches_of_one_chunk(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_BACKFILL);
    (void)fake_mark(2, CAUSE_STOCK);
    rd_kafka_mock_push_request_errors(mock.cluster, API_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    int failures = 0;
    for (int i = 0; i < 12 && fake.mark_count > 0; i++) {
        if (round_run(floors.round, &err) != STATUS_OK) {
            failures++;
            assert_int_equal(err.status, STATUS_BATCH_ABORTED);
            assert_int_equal(outbox_abort(floors.outbox, &err), STATUS_OK);
            round_read_again(floors.round);
        }
        fake_process.clock_us += 60000;
    }
    assert_true(failures >= 1);
    assert_int_equal(fake.mark_count, 0);
    assert_false(outbox_is_bisecting(floors.outbox));
}

static void round_settles_a_long_batch_at_its_end(void **state)
{
    (void)state;
    while (fake.mark_count < 50001) {
        (void)fake_mark(1 + (int32_t)(fake.mark_count % 2), CAUSE_STOCK);
    }
    run();
    assert_int_equal(fake.mark_count, 0);
    assert_int_equal(topic_read(found, MAX_RECORDS), 2);
}

static void round_marks_all_products_for_a_backfill(void **state)
{
    (void)state;
    fake.product_count = 3;
    round_begin_backfill(floors.round);
    run();
    assert_int_equal(fake.mark_count, 3);
    assert_int_equal(fake.calls[FAKE_STREAM_MARKED], 1);
    run();
    assert_int_equal(topic_read(found, MAX_RECORDS), 3);
    assert_string_equal(found[0].cause, "backfill");
    assert_int_equal(fake.calls[FAKE_MARK_MORE], 1);
}

static void round_marks_no_more_for_a_backfill_while_many_marks_wait(void **state)
{
    (void)state;
    while (fake.mark_count < 5000) {
        (void)fake_mark(1, CAUSE_STOCK);
    }
    round_begin_backfill(floors.round);
    run();
    assert_int_equal(fake.calls[FAKE_MARK_MORE], 0);
    fake.fail[FAKE_MARK_MORE] = STATUS_SOURCE_LOST;
    assert_int_equal(round_run(floors.round, &err), STATUS_SOURCE_LOST);
}

static void round_compares_for_the_full_pass_only_when_nothing_is_unsettled(void **state)
{
    (void)state;
    floors_close(&floors);
    floors_open(&floors, &mock, 60000);
    fake.product_count = 5;
    assert_int_equal(full_pass_open(floors.pass, &err), STATUS_OK);
    (void)fake_mark(1, CAUSE_STOCK);
    run();
    assert_int_equal(fake.calls[FAKE_BEGIN], 0);
    fake_process.clock_us += 1000000;
    run(); /* settles, begins the pass */
    assert_int_equal(fake.calls[FAKE_BEGIN], 1);
    run();
    assert_int_equal(fake.pass.compared, 5);
    assert_int_equal(fake.mark_count, 4); /* all but the one whose digest is stored */
}

static void round_compares_nothing_while_triggers_are_missing(void **state)
{
    (void)state;
    floors_close(&floors);
    floors_open(&floors, &mock, 60000);
    fake.product_count = 5;
    assert_int_equal(full_pass_open(floors.pass, &err), STATUS_OK);
    fake.fail[FAKE_TRIGGERS] = STATUS_DATABASE_UNFIT;
    fake_process.clock_us += 1000000;
    run(); /* finds out */
    run();
    assert_int_equal(fake.calls[FAKE_WANT], 1);
    assert_int_equal(fake.pass.compared, 0);
    const double records = metric_value(fake_metrics()->records);
    (void)fake_mark(1, CAUSE_STOCK);
    run(); /* is published nevertheless */
    assert_true(metric_value(fake_metrics()->records) == records + 1);
    fake_process.clock_us += 11000000; /* the topic, which the fakes do not follow, is not due */
    run();                             /* they are back */
    for (int i = 0; i < 3; i++) {
        run();
    }
    assert_int_equal(fake.pass.compared, 5);
}

static void round_reads_less_often_while_nothing_comes(void **state)
{
    (void)state;
    round_begin(floors.round);
    for (int i = 0; i < 10; i++) {
        run();
    }
    assert_int_equal(round_pace_ms(floors.round, 60), 60);
    assert_int_equal(round_pace_ms(floors.round, 1000), 100);
    (void)fake_mark(1, CAUSE_STOCK);
    run();
    assert_int_equal(round_pace_ms(floors.round, 1000), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(round_publishes_each_product_once_and_settles_when_idle),
        TEST(round_publishes_immediate_products_before_deferred_ones),
        TEST(round_reads_a_chunk_while_the_one_before_is_in_flight),
        TEST(round_gives_a_batch_up_when_asked_to_stop),
        TEST(round_leaves_marks_after_any_failure),
        TEST(round_searches_a_poison_record_in_batches_of_one_chunk),
        TEST(round_settles_a_long_batch_at_its_end),
        TEST(round_marks_all_products_for_a_backfill),
        TEST(round_marks_no_more_for_a_backfill_while_many_marks_wait),
        TEST(round_compares_for_the_full_pass_only_when_nothing_is_unsettled),
        TEST(round_compares_nothing_while_triggers_are_missing),
        TEST(round_reads_less_often_while_nothing_comes),
#undef TEST
    };
    return cmocka_run_group_tests(tests, start_cluster, stop_cluster);
}

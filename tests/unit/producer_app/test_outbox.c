/*
 * The outbox against librdkafka's mock cluster. All tests share the cluster, because it takes longer
 * to start than a test may. So each test reads only the records behind those of earlier ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producer/app/outbox.h"
#include "producer/publish/settlement.h"
#include "tests/unit/kafka/mock_kafka.h"
#include "tests/unit/producer_app/fake_odoo.h"
#include "tests/unit/producer_app/topic.h"

static struct mock_kafka mock;
static struct producer_ports ports;
static struct outbox *outbox;
static struct outbox
    *dead; /* its client is closed at the end: a process that dies closes nothing */
static struct batch batch;
static struct mark_list marks;
static struct err err;

/* --- what every test does --- */

static struct producer_status *status;

static struct outbox *open_one(bool stores_digests)
{
    const struct outbox_options options = {.kafka = &mock.conf,
                                           .topic = MOCK_TOPIC,
                                           .max_message_bytes = 2000,
                                           .settle_us = 1000000,
                                           .stores_digests = stores_digests};
    struct outbox *made = outbox_new(&options, &ports.outbox, status, fake_metrics());
    assert_int_equal(outbox_open(made, ++fake_leader.epoch, "", &err), STATUS_OK);
    return made;
}

static int start(void **state)
{
    (void)state;
    fake_reset();
    fake_ports(&ports);
    status = producer_status_new(fake_metrics(), false);
    outbox = open_one(false);
    topic_skip();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    outbox_free(dead);
    dead = NULL;
    outbox_free(outbox);
    producer_status_free(status);
    return 0;
}

static int start_cluster(void **state)
{
    (void)state;
    topic_open(&mock, "2000");
    return 0;
}

static int stop_cluster(void **state)
{
    (void)state;
    mark_list_release(&marks);
    batch_release(&batch);
    topic_close(&mock);
    return 0;
}

/* As if the process died: nothing is settled. The next one takes over and starts from nothing. */
static void crash(void)
{
    dead = outbox;
    outbox = open_one(false);
}

/* Reads the marks that are not settled, as a round does. */
static void read_batch(void)
{
    marks.count = 0;
    for (size_t i = 0; i < fake.mark_count; i++) {
        if (!outbox_has_mark(outbox, fake.marks[i].id)) {
            mark_list_add(&marks, &fake.marks[i]);
        }
    }
    batch_reset(&batch);
    batch_add(&batch, &marks);
}

static enum status submit(const struct batch *from, const struct batch *fresh)
{
    struct stock_batch stock = {0};
    const struct chunk chunk = chunk_at(&from->products, 0, OUTBOX_PRODUCTS);
    assert_int_equal(chunk_read(&ports.chunks, &chunk, &stock, &err), STATUS_OK);
    return outbox_submit(outbox, &chunk, &stock, fresh, &err);
}

/* The steps of one batch, up to that one. */
enum step { SUBMITTED, ACKNOWLEDGED, COVERED, COMMITTED, SETTLED };

static void run_until(enum step last)
{
    read_batch();
    outbox_begin_batch(outbox);
    assert_int_equal(submit(&batch, NULL), STATUS_OK);
    if (last >= ACKNOWLEDGED) {
        assert_int_equal(outbox_finish(outbox, &err), STATUS_OK);
    }
    if (last >= COVERED) {
        assert_int_equal(outbox_end_batch(outbox, &batch, &marks, &err), STATUS_OK);
    }
    if (last == COMMITTED) {
        fake.fail[FAKE_DELETE] = STATUS_SOURCE_LOST;
        assert_int_equal(outbox_settle(outbox, &err), STATUS_SOURCE_LOST);
    }
    if (last == SETTLED) {
        assert_int_equal(outbox_settle(outbox, &err), STATUS_OK);
    }
}

/* --- crashes --- */

static void assert_comes_again_after(enum step last)
{
    struct mock_record found[4];
    const int64_t one = fake_mark(1, CAUSE_STOCK);
    const int64_t two = fake_mark(FAKE_PRODUCTS + 1, CAUSE_PRODUCT);
    run_until(last);
    crash();
    assert_true(fake_has_mark(one));
    assert_true(fake_has_mark(two));
    assert_false(outbox_has_mark(outbox, one));
    topic_skip();
    const int64_t before = fake_leader.revision;
    run_until(SETTLED);
    assert_int_equal(topic_read(found, 4), 2);
    assert_string_equal(found[0].key, "1");
    assert_false(found[0].tombstone);
    assert_true(found[1].tombstone);
    for (size_t i = 0; i < 2; i++) {
        assert_true(strtoll(found[i].revision, NULL, 10) > before);
    }
    assert_int_equal(fake.mark_count, 0);
}

static void outbox_that_dies_after_submit_leaves_marks_and_publishes_again(void **state)
{
    (void)state;
    assert_comes_again_after(SUBMITTED);
}

static void outbox_that_dies_once_acknowledged_leaves_marks_and_publishes_again(void **state)
{
    (void)state;
    assert_comes_again_after(ACKNOWLEDGED);
}

static void outbox_that_dies_before_commit_leaves_marks_and_publishes_again(void **state)
{
    (void)state;
    assert_comes_again_after(COVERED);
}

static void outbox_that_dies_between_commit_and_delete_publishes_again(void **state)
{
    (void)state;
    assert_comes_again_after(COMMITTED);
}

static void outbox_that_settled_publishes_nothing_again(void **state)
{
    (void)state;
    struct mock_record found[4];
    (void)fake_mark(1, CAUSE_STOCK);
    run_until(SETTLED);
    assert_int_equal(outbox_unsettled(outbox), 0);
    assert_int_equal(topic_read(found, 4), 1);
    crash();
    read_batch();
    assert_int_equal(batch.mark_count, 0);
}

/* --- fencing --- */

static void outbox_that_is_fenced_deletes_nothing_and_stays_fenced(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_STOCK);
    run_until(COVERED);
    rd_kafka_mock_push_request_errors(mock.cluster, API_END_TXN, 1,
                                      RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    assert_int_equal(outbox_settle(outbox, &err), STATUS_FENCED);
    assert_int_equal(fake.mark_count, 1);
    assert_int_equal(fake.calls[FAKE_DELETE], 0);
    assert_int_equal(outbox_poll(outbox, &err), STATUS_FENCED);
    assert_int_equal(outbox_abort(outbox, &err), STATUS_FENCED);
}

static void outbox_submits_nothing_without_a_revision(void **state)
{
    (void)state;
    struct mock_record found[1];
    (void)fake_mark(1, CAUSE_STOCK);
    read_batch();
    outbox_begin_batch(outbox);
    fake.fail[FAKE_REVISION] = STATUS_FENCED;
    assert_int_equal(submit(&batch, NULL), STATUS_FENCED);
    assert_int_equal(outbox_in_flight(outbox), 0);
    assert_int_equal(outbox_flush(outbox, &err), STATUS_OK);
    assert_int_equal(topic_read(found, 1), 0);
}

/* --- refused records --- */

/* One batch. @return STATUS_BATCH_ABORTED: aborted, the marks are there */
static enum status publish(void)
{
    read_batch();
    outbox_begin_batch(outbox);
    enum status rc = submit(&batch, NULL);
    if (rc == STATUS_OK) {
        rc = outbox_finish(outbox, &err);
    }
    if (rc != STATUS_OK) {
        assert_int_equal(outbox_abort(outbox, &err), STATUS_OK);
        return rc;
    }
    assert_int_equal(outbox_end_batch(outbox, &batch, &marks, &err), STATUS_OK);
    return STATUS_OK;
}

static void outbox_parks_a_record_that_cannot_be_written_and_publishes_the_others(void **state)
{
    (void)state;
    static char not_text[] = "\xff";
    struct mock_record found[4];
    fake.sku[2] = not_text;
    (void)fake_mark(1, CAUSE_STOCK);
    (void)fake_mark(2, CAUSE_STOCK);
    (void)fake_mark(3, CAUSE_STOCK);
    run_until(SETTLED);
    assert_int_equal(fake_leader.parked_count, 1);
    assert_int_equal(fake_leader.parked[0], 2);
    assert_int_equal(fake.mark_count, 0);
    assert_int_equal(topic_read(found, 4), 2);
    assert_string_equal(found[0].key, "1");
    assert_string_equal(found[1].key, "3");
}

static void outbox_parks_what_cannot_be_read_and_publishes_the_others(void **state)
{
    (void)state;
    struct mock_record found[4];
    fake.unreadable[0] = 2;
    (void)fake_mark(1, CAUSE_STOCK);
    (void)fake_mark(2, CAUSE_STOCK);
    (void)fake_mark(3, CAUSE_STOCK);
    run_until(SETTLED);
    assert_int_equal(fake_leader.parked_count, 1);
    assert_int_equal(fake_leader.parked[0], 2);
    assert_string_equal(fake_leader.parked_reason, "unreadable");
    assert_int_equal(fake.mark_count, 0);
    assert_int_equal(topic_read(found, 4), 2);
    assert_string_equal(found[0].key, "1");
    assert_string_equal(found[1].key, "3");
}

static void outbox_unparks_exactly_what_was_acknowledged(void **state)
{
    (void)state;
    static char not_text[] = "\xff";
    fake.unreadable[0] = 2;
    fake.sku[3] = not_text;
    fake.product_count = 4;
    for (int32_t id = 1; id <= 5; id++) { /* 5 is gone: a tombstone */
        fake_leader.parked[fake_leader.parked_count++] = id;
        (void)fake_mark(id, CAUSE_STOCK);
    }
    fake_leader.parked[fake_leader.parked_count++] = 6; /* not in this chunk */
    run_until(SETTLED);
    assert_int_equal(fake_leader.parked_count, 3);
    assert_int_equal(fake_leader.parked[0], 2);
    assert_int_equal(fake_leader.parked[1], 3);
    assert_int_equal(fake_leader.parked[2], 6);
}

static void mark_unreadable(int32_t first, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        fake.unreadable[i] = first + i;
        (void)fake_mark(first + i, CAUSE_STOCK);
    }
}

static void outbox_parks_none_when_many_cannot_be_read(void **state)
{
    (void)state;
    mark_unreadable(1, OUTBOX_UNREADABLE + 1);
    (void)fake_mark(40, CAUSE_STOCK);
    assert_int_equal(publish(), STATUS_DATABASE_UNFIT);
    assert_int_equal(fake_leader.parked_count, 0);
    assert_int_equal(fake.mark_count, OUTBOX_UNREADABLE + 2);
    fake_leader.parked[fake_leader.parked_count++] = 1; /* one that is known does not count */
    assert_int_equal(publish(), STATUS_OK);
    assert_int_equal(fake_leader.parked_count, OUTBOX_UNREADABLE + 1);
}

static void outbox_parks_all_kits_of_one_component_that_cannot_be_read(void **state)
{
    (void)state;
    fake.culprit = 50;
    mark_unreadable(1, 2 * OUTBOX_UNREADABLE);
    run_until(SETTLED);
    assert_int_equal(fake_leader.parked_count, 2 * OUTBOX_UNREADABLE);
}

static void outbox_parks_no_more_when_one_after_the_other_cannot_be_read(void **state)
{
    (void)state;
    for (int32_t id = 1; id <= (int32_t)OUTBOX_UNREADABLE; id++) {
        mark_unreadable(id, 1);
        run_until(SETTLED);
    }
    mark_unreadable(30, 1);
    assert_int_equal(publish(), STATUS_DATABASE_UNFIT);
    assert_int_equal(publish(), STATUS_DATABASE_UNFIT);
    assert_int_equal(fake_leader.parked_count, OUTBOX_UNREADABLE);
    (void)fake_mark(40, CAUSE_STOCK); /* one that can be read: the tables are there */
    assert_int_equal(publish(), STATUS_OK);
    assert_int_equal(fake_leader.parked_count, OUTBOX_UNREADABLE + 1);
}

static void outbox_stores_no_digest_of_what_cannot_be_read(void **state)
{
    (void)state;
    outbox_free(outbox);
    outbox = open_one(true);
    fake.digests[2] = 77;
    fake.unreadable[0] = 2;
    (void)fake_mark(1, CAUSE_STOCK);
    (void)fake_mark(2, CAUSE_STOCK);
    run_until(SETTLED);
    assert_int_equal(fake.stored_digests, 1);
    assert_int_equal(fake.digests[2], 77);
}

static void outbox_covers_no_mark_of_a_product_that_it_could_not_park(void **state)
{
    (void)state;
    static char not_text[] = "\xff";
    fake.sku[2] = not_text;
    (void)fake_mark(2, CAUSE_STOCK);
    fake.fail[FAKE_PARK] = STATUS_SOURCE_LOST;
    assert_int_equal(publish(), STATUS_SOURCE_LOST);
    assert_int_equal(outbox_unsettled(outbox), 0);
    assert_int_equal(fake.mark_count, 1);
    fake.fail[FAKE_UNPARK] = STATUS_SOURCE_LOST;
    assert_int_equal(publish(), STATUS_SOURCE_LOST);
    assert_int_equal(publish(), STATUS_OK);
    assert_int_equal(outbox_unsettled(outbox), 1);
}

static void refuse_next_request(void)
{
    rd_kafka_mock_push_request_errors(mock.cluster, API_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
}

/* librdkafka 2.0.2 fails once more after a refusal, to renumber. */
static enum status publish_renumbered(void)
{
    const enum status rc = publish();
    return rc == STATUS_BATCH_ABORTED ? publish() : rc;
}

static void outbox_parks_what_the_broker_refuses_and_publishes_its_neighbours(void **state)
{
    (void)state;
    struct mock_record found[8];
    const int64_t poison = fake_mark(1, CAUSE_STOCK);
    refuse_next_request();
    assert_int_equal(publish(), STATUS_BATCH_ABORTED);
    assert_true(fake_has_mark(poison));
    assert_int_equal(fake_leader.parked_count, 0);
    (void)fake_mark(2, CAUSE_STOCK);
    topic_skip();
    assert_int_equal(publish_renumbered(), STATUS_OK);
    assert_int_equal(outbox_settle(outbox, &err), STATUS_OK);
    assert_int_equal(fake_leader.parked_count, 1);
    assert_int_equal(fake_leader.parked[0], 1);
    assert_int_equal(fake.mark_count, 0);
    const size_t count = topic_read(found, 8);
    assert_true(count >= 1);
    assert_string_equal(found[count - 1].key, "2");
}

static void outbox_leaves_the_marks_of_products_that_a_bisection_holds_back(void **state)
{
    (void)state;
    const int64_t one = fake_mark(1, CAUSE_STOCK);
    const int64_t again = fake_mark(1, CAUSE_STOCK);
    const int64_t two = fake_mark(2, CAUSE_STOCK);
    refuse_next_request();
    assert_int_equal(publish(), STATUS_BATCH_ABORTED);
    assert_true(outbox_is_bisecting(outbox));
    assert_int_equal(publish_renumbered(), STATUS_OK);
    assert_true(outbox_has_mark(outbox, one));
    assert_true(outbox_has_mark(outbox, again));
    assert_false(outbox_has_mark(outbox, two));
    assert_int_equal(outbox_settle(outbox, &err), STATUS_OK);
    assert_int_equal(fake.mark_count, 1);
    assert_int_equal(publish(), STATUS_OK);
    assert_false(outbox_is_bisecting(outbox));
    assert_true(outbox_has_mark(outbox, two));
}

/* --- settling --- */

static void outbox_settles_a_long_batch_at_its_end(void **state)
{
    (void)state;
    while (fake.mark_count < SETTLEMENT_MAX_MARKS + 1) {
        (void)fake_mark(1 + (int32_t)(fake.mark_count % 3), CAUSE_STOCK);
    }
    run_until(COVERED);
    assert_int_equal(outbox_unsettled(outbox), 0);
    assert_int_equal(fake.calls[FAKE_DELETE], 3); /* what was covered before: nothing; 50,000; 1 */
    assert_int_equal(fake.mark_count, 0);
}

static void outbox_that_cannot_delete_a_long_batch_leaves_its_marks(void **state)
{
    (void)state;
    while (fake.mark_count < SETTLEMENT_MAX_MARKS + 1) {
        (void)fake_mark(1, CAUSE_STOCK);
    }
    run_until(ACKNOWLEDGED);
    fake.fail[FAKE_DELETE] = STATUS_SOURCE_LOST;
    assert_int_equal(outbox_end_batch(outbox, &batch, &marks, &err), STATUS_SOURCE_LOST);
    assert_int_equal(fake.mark_count, SETTLEMENT_MAX_MARKS + 1);
}

static void outbox_settles_when_idle_and_once_a_second_otherwise(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_STOCK);
    run_until(COVERED);
    assert_int_equal(outbox_settle_if_due(outbox, false, &err), STATUS_OK);
    assert_int_equal(fake.mark_count, 1);
    fake_process.clock_us += 1000000;
    assert_int_equal(outbox_settle_if_due(outbox, false, &err), STATUS_OK);
    assert_int_equal(fake.mark_count, 0);
    (void)fake_mark(1, CAUSE_STOCK);
    run_until(COVERED);
    assert_int_equal(outbox_settle_if_due(outbox, true, &err), STATUS_OK);
    assert_int_equal(fake.mark_count, 0);
}

static void outbox_stores_digests_after_the_commit_and_before_the_delete(void **state)
{
    (void)state;
    outbox_free(outbox);
    outbox = open_one(true);
    (void)fake_mark(1, CAUSE_STOCK);
    (void)fake_mark(FAKE_PRODUCTS + 1, CAUSE_STOCK);
    run_until(COVERED);
    fake.fail[FAKE_STORE] = STATUS_SOURCE_LOST;
    assert_int_equal(outbox_settle(outbox, &err), STATUS_SOURCE_LOST);
    assert_int_equal(fake.calls[FAKE_DELETE], 0);
    assert_int_equal(fake.mark_count, 2);
    assert_int_equal(outbox_abort(outbox, &err), STATUS_OK);
    assert_int_equal(outbox_unsettled(outbox), 0);
    fake.stored_digests = 0;
    run_until(SETTLED);
    assert_int_equal(fake.stored_digests, 2);
    assert_int_not_equal(fake.digests[1], 0);
    assert_int_equal(fake.mark_count, 0);
}

/* --- several chunks in flight --- */

static void fold(struct batch *to, const int64_t *ids, size_t count)
{
    struct mark_list list = {0};
    for (size_t i = 0; i < fake.mark_count; i++) {
        for (size_t k = 0; k < count; k++) {
            if (fake.marks[i].id == ids[k]) {
                mark_list_add(&list, &fake.marks[i]);
            }
        }
    }
    batch_reset(to);
    batch_add(to, &list);
    batch_sort_marks(to);
    mark_list_release(&list);
}

static void outbox_keeps_the_order_of_a_deferred_chunk_and_fresh_changes(void **state)
{
    (void)state;
    struct batch deferred = {0};
    struct batch fresh = {0};
    struct mock_record found[4];
    const int64_t parts[] = {fake_mark(7, CAUSE_PARENT), fake_mark(8, CAUSE_PARENT)};
    const int64_t change[] = {fake_mark(7, CAUSE_STOCK)};
    fold(&deferred, parts, 2);
    fold(&fresh, change, 1);
    outbox_begin_batch(outbox);
    assert_int_equal(submit(&deferred, NULL), STATUS_OK);
    assert_int_equal(submit(&fresh, &fresh), STATUS_OK);
    assert_int_equal(outbox_in_flight(outbox), 2);
    assert_true(outbox_has_mark(outbox, change[0]));
    assert_int_equal(outbox_unsettled(outbox), 0);
    assert_int_equal(outbox_flush(outbox, &err), STATUS_OK);
    assert_int_equal(outbox_in_flight(outbox), 0);
    assert_int_equal(outbox_unsettled(outbox), 1);
    assert_int_equal(outbox_settle(outbox, &err), STATUS_OK);
    assert_false(fake_has_mark(change[0]));
    assert_true(fake_has_mark(parts[0])); /* the deferred batch is not at its end */
    assert_int_equal(topic_read(found, 4), 3);
    assert_string_equal(found[0].key, "7");
    assert_string_equal(found[0].cause, "parent");
    assert_string_equal(found[2].key, "7");
    assert_string_equal(found[2].cause, "stock");
    assert_true(strtoll(found[0].revision, NULL, 10) < strtoll(found[2].revision, NULL, 10));
    batch_release(&deferred);
    batch_release(&fresh);
}

static void outbox_finishes_what_is_in_flight_when_it_has_no_room(void **state)
{
    (void)state;
    static struct batch fresh[OUTBOX_CHUNKS + 1];
    outbox_begin_batch(outbox);
    for (size_t i = 0; i < OUTBOX_CHUNKS + 1; i++) {
        const int64_t id[] = {fake_mark((int32_t)i + 1, CAUSE_STOCK)};
        fold(&fresh[i], id, 1);
        assert_int_equal(submit(&fresh[i], &fresh[i]), STATUS_OK);
    }
    assert_int_equal(outbox_in_flight(outbox), 1);
    assert_int_equal(outbox_unsettled(outbox), OUTBOX_CHUNKS);
    assert_int_equal(outbox_finish(outbox, &err), STATUS_OK);
    assert_int_equal(outbox_unsettled(outbox), OUTBOX_CHUNKS + 1);
    for (size_t i = 0; i < OUTBOX_CHUNKS + 1; i++) {
        batch_release(&fresh[i]);
    }
}

static void outbox_settles_within_a_batch_before_kafka_ends_the_transaction(void **state)
{
    (void)state;
    struct batch fresh = {0};
    const int64_t id[] = {fake_mark(1, CAUSE_STOCK)};
    const int64_t rest = fake_mark(2, CAUSE_BACKFILL);
    fold(&fresh, id, 1);
    outbox_begin_batch(outbox);
    assert_int_equal(submit(&fresh, &fresh), STATUS_OK);
    fake_process.clock_us += 6000000;
    assert_int_equal(outbox_flush(outbox, &err), STATUS_OK);
    assert_false(fake_has_mark(id[0]));
    assert_true(fake_has_mark(rest));
    batch_release(&fresh);
}

static void outbox_forgets_chunks_in_flight_when_it_aborts(void **state)
{
    (void)state;
    const int64_t id = fake_mark(1, CAUSE_STOCK);
    run_until(SUBMITTED);
    assert_int_equal(outbox_revision(outbox), fake_leader.revision);
    assert_int_equal(outbox_abort(outbox, &err), STATUS_OK);
    assert_int_equal(outbox_in_flight(outbox), 0);
    assert_false(outbox_is_acknowledged(outbox));
    assert_true(fake_has_mark(id));
    run_until(SETTLED);
    assert_int_equal(fake.mark_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(outbox_that_dies_after_submit_leaves_marks_and_publishes_again),
        TEST(outbox_that_dies_once_acknowledged_leaves_marks_and_publishes_again),
        TEST(outbox_that_dies_before_commit_leaves_marks_and_publishes_again),
        TEST(outbox_that_dies_between_commit_and_delete_publishes_again),
        TEST(outbox_that_settled_publishes_nothing_again),
        TEST(outbox_that_is_fenced_deletes_nothing_and_stays_fenced),
        TEST(outbox_submits_nothing_without_a_revision),
        TEST(outbox_parks_a_record_that_cannot_be_written_and_publishes_the_others),
        TEST(outbox_parks_what_cannot_be_read_and_publishes_the_others),
        TEST(outbox_unparks_exactly_what_was_acknowledged),
        TEST(outbox_parks_none_when_many_cannot_be_read),
        TEST(outbox_parks_all_kits_of_one_component_that_cannot_be_read),
        TEST(outbox_parks_no_more_when_one_after_the_other_cannot_be_read),
        TEST(outbox_stores_no_digest_of_what_cannot_be_read),
        TEST(outbox_covers_no_mark_of_a_product_that_it_could_not_park),
        TEST(outbox_parks_what_the_broker_refuses_and_publishes_its_neighbours),
        TEST(outbox_leaves_the_marks_of_products_that_a_bisection_holds_back),
        TEST(outbox_settles_a_long_batch_at_its_end),
        TEST(outbox_that_cannot_delete_a_long_batch_leaves_its_marks),
        TEST(outbox_settles_when_idle_and_once_a_second_otherwise),
        TEST(outbox_stores_digests_after_the_commit_and_before_the_delete),
        TEST(outbox_keeps_the_order_of_a_deferred_chunk_and_fresh_changes),
        TEST(outbox_finishes_what_is_in_flight_when_it_has_no_room),
        TEST(outbox_settles_within_a_batch_before_kafka_ends_the_transaction),
        TEST(outbox_forgets_chunks_in_flight_when_it_aborts),
#undef TEST
    };
    return cmocka_run_group_tests(tests, start_cluster, stop_cluster);
}

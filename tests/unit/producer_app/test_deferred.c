/*
 * Deferred products and fresh changes, with the real reader's thread and the mock cluster, which
 * the tests share because it takes longer to start than a test may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producer/app/deferred.h"
#include "tests/unit/producer_app/floors.h"
#include "tests/unit/producer_app/topic.h"

#define MAX_RECORDS 3000

static struct mock_kafka mock;
static struct floors floors;
static struct batch batch;
static struct batch_products immediate, products;
static struct mock_record found[MAX_RECORDS];
static size_t found_count;
static struct err err;
static int turn;

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
    turn = 0;
    deferred_note_fresh(floors.deferred); /* other changes come */
    return 0;
}

static int stop(void **state)
{
    (void)state;
    floors_close(&floors);
    batch_release(&batch);
    batch_products_release(&immediate);
    batch_products_release(&products);
    return 0;
}

/* Publishes the marks that are there; all of them may wait. */
static enum status publish(void)
{
    struct mark_list list = {0};
    struct mark_place newest = {.id = fake.next_mark - 1};
    for (size_t i = 0; i < fake.mark_count; i++) {
        mark_list_add(&list, &fake.marks[i]);
    }
    batch_reset(&batch);
    batch_add(&batch, &list);
    mark_list_release(&list);
    batch_split(&batch, &immediate, &products);
    assert_int_equal(immediate.count, 0);
    outbox_begin_batch(floors.outbox);
    const enum status rc = deferred_publish(floors.deferred, &batch, &products, newest, &err);
    assert_true(deferred_reader_is_idle(floors.reader));
    return rc;
}

static void read_topic(void)
{
    found_count = topic_read(found, MAX_RECORDS);
    for (size_t i = 1; i < found_count; i++) {
        assert_true(strtoll(found[i - 1].revision, NULL, 10) <=
                    strtoll(found[i].revision, NULL, 10));
    }
}

static void assert_record(size_t index, const char *key, const char *cause)
{
    assert_true(index < found_count);
    assert_string_equal(found[index].key, key);
    assert_string_equal(found[index].cause, cause);
}

/* While the deferred chunk is read: the mark comes before the second read of marks, the chunk later. */
static int64_t late_mark;
static struct mark late;

static void add_late_mark(void)
{
    if (++turn == 2) {
        late_mark = late.look == MARK_LOOK_STOCK ? fake_mark(late.product_id, late.cause)
                                                 : fake_mark_structure(late.product_id);
    }
}

static void hold_and_change(int32_t product_id, enum cause cause, enum mark_look look)
{
    late = (struct mark){.product_id = product_id, .cause = cause, .look = look};
    atomic_store(&fake_process.hold_deferred, true);
    fake_process.release_after = 5;
    fake.before[FAKE_READ_MARKS] = add_late_mark;
}

static void deferred_products_do_not_hold_up_a_fresh_change(void **state)
{
    (void)state;
    const int64_t waits = fake_mark(1, CAUSE_PARENT);
    hold_and_change(2, CAUSE_STOCK, MARK_LOOK_STOCK);
    assert_int_equal(publish(), STATUS_OK);
    read_topic();
    assert_int_equal(found_count, 2);
    assert_record(0, "2", "stock");
    assert_record(1, "1", "parent");
    assert_true(outbox_has_mark(floors.outbox, late_mark));
    assert_false(outbox_has_mark(floors.outbox, waits)); /* the caller covers the batch's marks */
    assert_int_equal(outbox_in_flight(floors.outbox), 0);
}

static void deferred_chunk_comes_before_a_later_change_of_its_product(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_PARENT);
    hold_and_change(1, CAUSE_STOCK, MARK_LOOK_STOCK);
    assert_int_equal(publish(), STATUS_OK);
    read_topic();
    assert_int_equal(found_count, 2);
    assert_record(0, "1", "parent");
    assert_record(1, "1", "stock");
    assert_true(strtoll(found[0].revision, NULL, 10) < strtoll(found[1].revision, NULL, 10));
    assert_true(outbox_has_mark(floors.outbox, late_mark));
}

static void deferred_chunk_that_explodes_postpones_changes_of_structure(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_BACKFILL);
    fake.marks[0].look = MARK_LOOK_SELF;
    hold_and_change(2, CAUSE_BOM, MARK_LOOK_ALL);
    assert_int_equal(publish(), STATUS_OK);
    read_topic();
    assert_record(0, "1", "backfill");
    assert_record(1, "2", "bom");
}

static int reads_of_chunks;

static void note_reads_of_chunks(void)
{
    reads_of_chunks = fake.calls[FAKE_READ_DEFERRED];
}

static void deferred_chunk_is_not_started_before_postponed_marks_are_read(void **state)
{
    (void)state;
    for (int32_t id = 1; id <= 300; id++) {
        (void)fake_mark(id, CAUSE_BACKFILL);
    }
    hold_and_change(1, CAUSE_STOCK, MARK_LOOK_STOCK);
    fake.before[FAKE_READ] = note_reads_of_chunks;
    assert_int_equal(publish(), STATUS_OK);
    assert_int_equal(reads_of_chunks, 1);
    assert_int_equal(fake.calls[FAKE_READ_DEFERRED], 2);
    read_topic();
    assert_int_equal(found_count, 301);
    assert_record(250, "1", "stock");
    assert_record(251, "251", "backfill");
}

static void deferred_leaves_marks_that_may_wait_to_the_next_batch(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_PARENT);
    hold_and_change(2, CAUSE_BACKFILL, MARK_LOOK_STOCK);
    assert_int_equal(publish(), STATUS_OK);
    read_topic();
    assert_int_equal(found_count, 1);
    assert_false(outbox_has_mark(floors.outbox, late_mark));
    assert_true(fake_has_mark(late_mark));
}

/* An id below the newest, which becomes visible late. */
static void add_mark_behind(void)
{
    if (++turn == 2) {
        const int64_t next = fake.next_mark;
        fake.next_mark = late_mark;
        (void)fake_mark(2, CAUSE_STOCK);
        fake.next_mark = next;
        fake_process.clock_us += 26000;
    }
}

static void deferred_rescans_for_ids_that_become_visible_late(void **state)
{
    (void)state;
    late_mark = 4990;
    fake.next_mark = 5000;
    (void)fake_mark(1, CAUSE_PARENT);
    atomic_store(&fake_process.hold_deferred, true);
    fake_process.release_after = 3;
    fake.before[FAKE_READ_MARKS] = add_mark_behind;
    assert_int_equal(publish(), STATUS_OK);
    read_topic();
    assert_record(0, "2", "stock");
    assert_record(1, "1", "parent");
    assert_true(outbox_has_mark(floors.outbox, late_mark));
}

static void flood(void)
{
    if (++turn == 1) {
        for (int i = 0; i < 6000; i++) {
            (void)fake_mark(1, CAUSE_STOCK);
        }
    }
}

static void deferred_reads_no_marks_while_it_has_no_room_to_postpone_them(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_PARENT);
    atomic_store(&fake_process.hold_deferred, true);
    fake_process.release_after = 3;
    fake.before[FAKE_READ_MARKS] = flood;
    assert_int_equal(publish(), STATUS_OK);
    assert_int_equal(turn, 3); /* two full pages, and one with all of them behind the chunk */
    read_topic();
    assert_int_equal(found_count, 2);
    assert_record(1, "1", "stock");
    assert_int_equal(outbox_unsettled(floors.outbox), 6000);
}

static void mark_products(int32_t count)
{
    for (int32_t id = 1; id <= count; id++) {
        (void)fake_mark(id, CAUSE_BACKFILL);
    }
}

static void deferred_chunks_stay_small_while_other_changes_come(void **state)
{
    (void)state;
    fake.product_count = 1; /* tombstones are made faster */
    mark_products(1000);
    assert_int_equal(publish(), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_READ_DEFERRED], 4);
}

static void deferred_chunks_double_in_a_calm(void **state)
{
    (void)state;
    fake.product_count = 1; /* tombstones are made faster */
    mark_products(2000);
    fake_process.clock_us += 1000000;
    assert_int_equal(publish(), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_READ_DEFERRED], 3); /* 500, 1,000, the rest */
}

static void stop_now(void)
{
    fake_process.stop = true;
}

static void deferred_gives_up_when_asked_to_stop(void **state)
{
    (void)state;
    const int64_t waits = fake_mark(1, CAUSE_PARENT);
    atomic_store(&fake_process.hold_deferred, true);
    fake_process.release_after = 1;
    fake.before[FAKE_READ_MARKS] = stop_now;
    assert_int_equal(publish(), STATUS_STOPPING);
    assert_true(fake_has_mark(waits));
    assert_false(outbox_has_mark(floors.outbox, waits));
}

static void fail_and_release(void)
{
    atomic_store(&fake_process.hold_deferred, false);
    fake.fail[FAKE_READ_MARKS] = STATUS_SOURCE_LOST;
}

static void deferred_gives_up_after_any_failure(void **state)
{
    (void)state;
    static const enum fake_call places[] = {FAKE_READ_DEFERRED, FAKE_SNAPSHOT, FAKE_REVISION};
    (void)fake_mark(1, CAUSE_PARENT);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        fake.fail[places[i]] = STATUS_SOURCE_LOST;
        assert_int_equal(publish(), STATUS_SOURCE_LOST);
        assert_int_equal(outbox_abort(floors.outbox, &err), STATUS_OK);
        fake.fail[places[i]] = STATUS_OK;
    }
    atomic_store(&fake_process.hold_deferred, true);
    fake.before[FAKE_READ_MARKS] = fail_and_release;
    fake.fail[FAKE_READ_MARKS] = STATUS_SOURCE_LOST;
    assert_int_equal(publish(), STATUS_SOURCE_LOST);
    assert_int_equal(outbox_abort(floors.outbox, &err), STATUS_OK);
    assert_int_equal(fake.mark_count, 1);
    fake.before[FAKE_READ_MARKS] = NULL;
    fake.fail[FAKE_READ_MARKS] = STATUS_OK;
    assert_int_equal(publish(), STATUS_OK);
}

static int turns_until_commit;
static int64_t passed_us;

/* Each turn takes 1.1 s. Counts those in which the fresh mark is not settled. */
static void let_time_pass(void)
{
    add_late_mark();
    passed_us += 1100000;
    fake_process.clock_us = passed_us;
    turns_until_commit += outbox_has_mark(floors.outbox, late_mark) ? 1 : 0;
}

/* The last thing in a turn. The reader waits by the real clock. */
static void hold_time(void)
{
    fake_process.clock_us = 0;
}

static void deferred_settles_while_a_chunk_is_read_for_long(void **state)
{
    (void)state;
    (void)fake_mark(1, CAUSE_PARENT);
    hold_and_change(2, CAUSE_STOCK, MARK_LOOK_STOCK);
    fake_process.release_after = 12;
    fake.before[FAKE_CHECK] = hold_time;
    fake.before[FAKE_READ_MARKS] = let_time_pass;
    assert_int_equal(publish(), STATUS_OK);
    assert_true(turns_until_commit >= 1 && turns_until_commit <= 3);
    assert_false(fake_has_mark(late_mark));
}

static void deferred_without_products_does_nothing(void **state)
{
    (void)state;
    assert_int_equal(publish(), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_READ_MARKS], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(deferred_products_do_not_hold_up_a_fresh_change),
        TEST(deferred_chunk_comes_before_a_later_change_of_its_product),
        TEST(deferred_chunk_that_explodes_postpones_changes_of_structure),
        TEST(deferred_chunk_is_not_started_before_postponed_marks_are_read),
        TEST(deferred_leaves_marks_that_may_wait_to_the_next_batch),
        TEST(deferred_rescans_for_ids_that_become_visible_late),
        TEST(deferred_reads_no_marks_while_it_has_no_room_to_postpone_them),
        TEST(deferred_chunks_stay_small_while_other_changes_come),
        TEST(deferred_chunks_double_in_a_calm),
        TEST(deferred_gives_up_when_asked_to_stop),
        TEST(deferred_gives_up_after_any_failure),
        TEST(deferred_settles_while_a_chunk_is_read_for_long),
        TEST(deferred_without_products_does_nothing),
#undef TEST
    };
    return cmocka_run_group_tests(tests, start_cluster, stop_cluster);
}

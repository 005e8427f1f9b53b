/* A record that cannot be read: it holds its partition, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/lane/fake_lane.h"

static int64_t until_us;

static bool is_later(void)
{
    return clock_monotonic_us() >= until_us;
}

static void run_for_s(int64_t seconds)
{
    until_us = clock_monotonic_us() + seconds * FAKE_SECOND;
    fake_lane_run_ok(is_later);
}

/* Written by a newer producer. */
static void append_newer(int32_t partition)
{
    static const unsigned char NEWER[] = {0xc3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    (void)fake_source_append_bytes(partition, bytes_text("6"), bytes_of(NEWER, sizeof NEWER));
}

static void append(int32_t partition, int32_t product_id, const char *sku, double free)
{
    struct warehouse_stock place;
    const struct product_stock stock = fake_lane_stock(product_id, sku, free, &place);
    (void)fake_source_append(partition, &stock, FAKE_DATABASE);
}

/* Partition 0 has a record before the unknown one and one after it, partition 1 two good ones. */
static void fill_topic(void)
{
    fake_source.partitions = 2;
    (void)fake_shop_add("A", 1);
    (void)fake_shop_add("B", 1);
    (void)fake_shop_add("C", 1);
    append(0, 1, "A", 5);
    append_newer(0);
    append(0, 2, "B", 6);
    append(1, 3, "C", 7);
}

static void assert_only_partition_0_waits(void)
{
    assert_int_equal(fake_shop_available("A"), 5);
    assert_int_equal(fake_shop_available("B"), 1);
    assert_int_equal(fake_shop_available("C"), 7);
    assert_int_equal(fake_source.partition[0].committed, 1);
    assert_int_equal(fake_source.partition[1].committed, 1);
}

static void assert_all_is_done(void)
{
    assert_int_equal(fake_shop_available("B"), 6);
    assert_int_equal(fake_source.partition[0].committed, 3);
    assert_int_equal(fake_state.blocked.count, 0);
    const struct fake_parked *row = fake_state_parked("record/stock/0/1");
    assert_non_null(row);
    assert_string_equal(row->reason, "skipped_by_operator");
    assert_int_equal(row->record_value_len, 11);
    assert_int_equal(row->retry_us, 0);
}

static bool shows_the_block(void)
{
    return fake_lane_shows(
        "\"blocked\":1,\"blocked_partitions\":[{\"partition\":0,\"offset\":1,\"since\":");
}

static bool more_comes_while_it_waits(void)
{
    if (fake_source.partition[1].end == 1 && shows_the_block() && is_later()) {
        append(1, 3, "C", 9);
    }
    return fake_source.partition[1].committed == 2 && fake_shop_available("C") == 9;
}

static void an_unknown_schema_holds_its_partition_only(void **state)
{
    (void)state;
    fill_topic();
    run_for_s(10);
    assert_only_partition_0_waits();
    assert_true(fake_lane_was("running"));
    assert_false(fake_lane_was("misconfigured"));
    assert_true(fake_lane.ready);
    const struct state_blocked *row = fake_state_blocked(0);
    assert_non_null(row);
    assert_int_equal(row->offset, 1);
    assert_string_equal(row->schema, "0807060504030201");
    assert_non_null(strstr(row->detail, "0807060504030201"));
    until_us = clock_monotonic_us() + 5 * FAKE_SECOND;
    fake_lane_run_ok(more_comes_while_it_waits);
    assert_int_equal(fake_source.partition[0].committed, 1);
    assert_int_equal(fake_source.opens, 2);
}

static bool skip_when_it_is_shown(void)
{
    struct state_blocked *row = fake_state_blocked(0);
    if (row != NULL && shows_the_block() && is_later()) {
        row->skip = true;
    }
    return fake_source.partition[0].committed == 3 && fake_lane_is_quiet();
}

static void an_operator_passes_over_the_record(void **state)
{
    (void)state;
    fill_topic();
    until_us = clock_monotonic_us() + 5 * FAKE_SECOND;
    fake_lane_run_ok(skip_when_it_is_shown);
    assert_int_equal(fake_source.opens, 1);
    assert_all_is_done();
    assert_false(fake_lane_shows("blocked_partitions"));
}

static void a_decision_is_obeyed_at_the_next_start(void **state)
{
    (void)state;
    fill_topic();
    run_for_s(3);
    fake_state_blocked(0)->skip = true;
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_all_is_done();
}

static void a_decision_about_another_record_is_of_no_use(void **state)
{
    (void)state;
    fill_topic();
    fake_state_block(0, 0, true);
    run_for_s(5);
    assert_only_partition_0_waits();
    assert_int_equal(fake_state_blocked(0)->offset, 1);
    assert_false(fake_state_blocked(0)->skip);
}

static void a_row_goes_when_its_partition_is_read_on(void **state)
{
    (void)state;
    fake_source.partitions = 2;
    (void)fake_shop_add("A", 1);
    append(0, 1, "A", 5);
    fake_state_block(0, 0, false); /* a newer program can read it now */
    fake_state_block(1, 0, false); /* compaction has removed it */
    fake_state_block(2, 0, false); /* of another process */
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_state.blocked.count, 1);
    assert_int_equal(fake_state.blocked.list[0].partition, 2);
}

/* A failure between decision and commit loses neither. */
static void a_decision_outlives_a_failed_turn(void **state)
{
    (void)state;
    fill_topic();
    run_for_s(3);
    fake_state_blocked(0)->skip = true;
    fake_state.failing = "park";
    assert_int_equal(fake_lane_run(fake_lane_is_quiet), STATUS_SOURCE_LOST);
    fake_lane_failed(STATUS_SOURCE_LOST);
    assert_non_null(fake_state_blocked(0));
    fake_state.failing = "blocked_end";
    assert_int_equal(fake_lane_run(fake_lane_is_quiet), STATUS_SOURCE_LOST);
    fake_lane_failed(STATUS_SOURCE_LOST);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_all_is_done();
}

static void the_block_leaves_with_the_partition_and_comes_back_with_it(void **state)
{
    (void)state;
    fill_topic();
    fake_source_rebalance(SOURCE_REVOKED, 0, 3 * FAKE_SECOND);
    run_for_s(6);
    assert_only_partition_0_waits();
    assert_false(fake_lane_shows("blocked_partitions"));
    assert_non_null(fake_state_blocked(0));
    fake_source_rebalance(SOURCE_REVOKED, 0, 3 * FAKE_SECOND);
    fake_source_rebalance(SOURCE_ASSIGNED, 0, 4 * FAKE_SECOND);
    run_for_s(8);
    assert_only_partition_0_waits();
    assert_true(shows_the_block());
}

static void a_run_with_once_does_the_rest_and_fails(void **state)
{
    (void)state;
    fill_topic();
    fake_lane.options.once = true;
    assert_int_equal(fake_lane_run(NULL), STATUS_SCHEMA_UNKNOWN);
    assert_non_null(strstr(fake_lane.err.msg, "partition 0 is blocked at offset 1"));
    assert_only_partition_0_waits();
    assert_non_null(fake_state_blocked(0));
    fake_lane_failed(STATUS_SCHEMA_UNKNOWN);
}

static void a_dry_run_stores_nothing(void **state)
{
    (void)state;
    fill_topic();
    fake_lane.options.dry_run = true;
    run_for_s(5);
    assert_int_equal(fake_state.blocked.count, 0);
    assert_int_equal(fake_state.parked.count, 0);
    assert_true(shows_the_block());
}

/* Rows of a newer program, and skipped ones: an older program leaves them as they are. */
static void a_parked_record_that_cannot_be_read_stays_parked(void **state)
{
    (void)state;
    fill_topic();
    fake_state_block(0, 1, true);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_all_is_done();
    run_for_s(10); /* a start tries every row again */
    assert_false(fake_lane_was("misconfigured"));
    assert_all_is_done();
    assert_true(fake_state_parked("record/stock/0/1")->attempts > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(an_unknown_schema_holds_its_partition_only),
        LANE_TEST(an_operator_passes_over_the_record),
        LANE_TEST(a_decision_is_obeyed_at_the_next_start),
        LANE_TEST(a_decision_about_another_record_is_of_no_use),
        LANE_TEST(a_row_goes_when_its_partition_is_read_on),
        LANE_TEST(a_decision_outlives_a_failed_turn),
        LANE_TEST(the_block_leaves_with_the_partition_and_comes_back_with_it),
        LANE_TEST(a_run_with_once_does_the_rest_and_fails),
        LANE_TEST(a_dry_run_stores_nothing),
        LANE_TEST(a_parked_record_that_cannot_be_read_stays_parked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Topic or database went back in time: the producer has begun a new stream and publishes all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "tests/unit/lane/fake_lane.h"

#define FIRST  "11111111-0000-4000-8000-000000000001"
#define SECOND "22222222-0000-4000-8000-000000000002"
#define OTHER  "33333333-0000-4000-8000-000000000003"

static int setup(void **state)
{
    int rc = fake_lane_setup(state);
    fake_source.may_fall = true;
    return rc;
}

#define STREAM_TEST(f) cmocka_unit_test_setup_teardown(f, setup, fake_lane_teardown)

static int64_t publish(const char *stream, int32_t product_id, const char *sku, double free)
{
    int64_t revision = fake_lane_publish(product_id, sku, free);
    if (stream != NULL) {
        fake_source_stream(stream);
    }
    return revision;
}

static void begin_stream(const char *id)
{
    fake_state_begin_stream(id, fake_lane.revision);
    fake_state.first_offsets[0] = fake_source.partition[0].end;
}

static bool is_done(void)
{
    return fake_lane_is_quiet() && fake_lane_is_running();
}

/* A and B with 5 and 8, in the first stream. */
static void work_once(void)
{
    (void)fake_shop_add("A", 1);
    (void)fake_shop_add("B", 1);
    begin_stream(FIRST);
    (void)publish(FIRST, 1, "A", 5);
    (void)publish(FIRST, 2, "B", 8);
    fake_lane_run_ok(is_done);
    assert_int_equal(fake_shop_available("A"), 5);
    assert_int_equal(fake_shop_available("B"), 8);
    assert_string_equal(fake_state.positions[0], FIRST);
}

static void assert_no_units_held_back(void)
{
    assert_int_equal(fake_state.unimported.count, 0);
    for (size_t i = 0; i < fake_state.levels.count; i++) {
        assert_int_equal(fake_state.levels.list[i].missing, 0);
    }
}

/* --- a new stream --- */

static void a_new_stream_writes_only_what_differs(void **state)
{
    (void)state;
    work_once();
    size_t sets = fake_shop.sets;
    begin_stream(SECOND);
    (void)publish(SECOND, 1, "A", 5);
    int64_t newest = publish(SECOND, 2, "B", 9);
    fake_lane_run_ok(is_done);
    assert_string_equal(fake_state.positions[0], SECOND);
    assert_int_equal(fake_shop_available("B"), 9);
    assert_int_equal(fake_shop.sets, sets + 1);
    assert_int_equal(fake_shop_find("A")->sets, 1);
    assert_int_equal(fake_state_level(fake_shop_find("B")->item)->revision, newest);
    assert_no_units_held_back();
    assert_false(fake_lane_was("held"));
    assert_true(fake_lane_shows("\"stream\":\"" SECOND "\",\"stream_reason\":\"timeline\""));
}

static bool has_begun;

static bool begins_and_publishes(void)
{
    if (is_done() && !has_begun) {
        has_begun = true;
        begin_stream(SECOND);
        (void)publish(SECOND, 1, "A", 6);
        (void)publish(SECOND, 2, "B", 8);
    }
    return false;
}

static void a_stream_that_begins_while_the_lane_runs_renews_its_session(void **state)
{
    (void)state;
    work_once();
    has_begun = false;
    assert_int_equal(fake_lane_run(begins_and_publishes), STATUS_RENEW);
    assert_non_null(strstr(fake_lane.err.msg, "stream " SECOND " has followed " FIRST));
    assert_int_equal(fake_shop_available("A"), 5);
    fake_lane_run_ok(is_done);
    assert_int_equal(fake_shop_available("A"), 6);
}

/* The topic was created again: what was committed belongs to the one before. */
static void a_topic_that_was_created_again_is_read_from_its_start(void **state)
{
    (void)state;
    work_once();
    fake_source_cut(0, 0);
    begin_stream(SECOND);
    for (int i = 0; i < 4; i++) {
        (void)publish(SECOND, 1, "A", 10 + i);
    }
    (void)publish(SECOND, 3, "B", 7);
    (void)fake_source_append_tombstone(0, 2, ++fake_lane.revision);
    fake_source_stream(SECOND);
    assert_int_equal(fake_source.partition[0].committed, 2);
    fake_lane_run_ok(is_done);
    assert_int_equal(fake_shop_available("A"), 13);
    assert_int_equal(fake_shop_available("B"), 7);
}

/* --- the state went back too --- */

/* The state remembers 9 and 8. Meanwhile 4 and 3 were written, and that is forgotten. */
static void what_a_restored_state_remembers_is_no_sale(void **state)
{
    (void)state;
    const struct fake_level *a = fake_shop_add("A", 4);
    const struct fake_level *b = fake_shop_add("B", 3);
    fake_lane.revision = 2000;
    fake_state_know(a->item, 1, 9, 1001);
    fake_state_know(b->item, 2, 8, 1002);
    begin_stream(SECOND);
    (void)publish(SECOND, 1, "A", 4);
    (void)publish(SECOND, 2, "B", 7);
    fake_lane_run_ok(is_done);
    assert_int_equal(fake_shop_available("A"), 4);
    assert_int_equal(a->sets, 0);
    assert_int_equal(fake_shop_available("B"), 7);
    assert_no_units_held_back();
}

static int64_t late_us;

static bool is_late(void)
{
    return clock_monotonic_us() > late_us && is_done();
}

/* Neither the comparison with the store nor an ended grace writes a number of an earlier stream. */
static void a_number_of_an_earlier_stream_is_never_written(void **state)
{
    (void)state;
    const struct fake_level *a = fake_shop_add("A", 4);
    uint64_t reads = fake_lane_counter("reads");
    fake_lane.revision = 2000;
    fake_state_know(a->item, 1, 9, 1001);
    begin_stream(SECOND);
    const struct fake_unimported sold = {.key = {a->item, a->location},
                                         .units = 2,
                                         .until_us = clock_wall_us() + FAKE_SECOND,
                                         .wake_us = clock_wall_us() + FAKE_SECOND};
    MEM_ADD(&fake_state.unimported, list, count, room, &sold);
    fake_state.levels.list[0].missing = 2;
    const struct fake_product product = {
        .product_id = 1, .sellable = true, .text = "A", .revision = 1001};
    MEM_ADD(&fake_state.products, list, count, room, &product);
    (void)publish(NULL, 1, "A", 6);
    fake_state.streams.list[0].first_revision = fake_lane.revision;
    fake_lane.conf.verify.every_ms = 60000;
    late_us = clock_monotonic_us() + 600 * FAKE_SECOND;
    fake_lane_run_ok(is_late);
    assert_true(fake_lane_counter("reads") > reads);
    assert_int_equal(a->available, 4);
    assert_int_equal(a->sets, 0);
}

static void units_sold_before_the_stream_stay_held_back(void **state)
{
    (void)state;
    const struct fake_level *a = fake_shop_add("A", 3);
    fake_lane.revision = 2000;
    fake_state_know(a->item, 1, 3, 1001);
    struct fake_known *known = &fake_state.levels.list[0];
    known->raw = 5;
    known->desired = 5;
    known->missing = 2;
    const struct fake_unimported sold = {.key = {a->item, a->location},
                                         .units = 2,
                                         .until_us = clock_wall_us() + 600 * FAKE_SECOND,
                                         .wake_us = clock_wall_us() + 600 * FAKE_SECOND};
    MEM_ADD(&fake_state.unimported, list, count, room, &sold);
    begin_stream(SECOND);
    (void)publish(SECOND, 1, "A", 5);
    fake_lane_run_ok(is_done);
    assert_int_equal(a->available, 3);
    assert_int_equal(fake_state.levels.list[0].missing, 2);
}

/* A had 4 in an earlier stream, and a process has died while it set 9. */
static const struct fake_level *leave_attempt(void)
{
    const struct fake_level *a = fake_shop_add("A", 4);
    fake_lane.revision = 2000;
    fake_state_know(a->item, 1, 4, 1001);
    const struct level_write entry = {.key = {a->item, a->location},
                                      .product_id = 1,
                                      .quantity = 9,
                                      .desired = 9,
                                      .change_from = 4,
                                      .raw = 9,
                                      .revision = 1002};
    fake_state_leave_attempt(77, &entry, 1);
    begin_stream(SECOND);
    (void)publish(SECOND, 1, "A", 4);
    return a;
}

/* Its key may be forgotten by the shop, and its number belongs to the time that is forgotten. */
static void an_open_attempt_of_an_earlier_stream_is_given_up(void **state)
{
    (void)state;
    const struct fake_level *a = leave_attempt();
    fake_clock_pass_us(301 * FAKE_SECOND);
    fake_lane_run_ok(is_done);
    assert_int_equal(a->sets, 0);
    assert_string_equal(fake_state.attempts.list[0].outcome, "abandoned");
}

/* It may arrive after everything else: only a repeat of the same bytes says what becomes of it. */
static void an_attempt_that_may_be_on_its_way_is_settled_first(void **state)
{
    (void)state;
    const struct fake_level *a = leave_attempt();
    fake_lane_run_ok(is_done);
    assert_string_equal(fake_state.attempts.list[0].outcome, "applied");
    assert_int_equal(a->available, 4);
    assert_no_units_held_back();
}

/* --- records of other streams --- */

static void history_is_passed_over(void **state)
{
    (void)state;
    uint64_t before = fake_lane_counter("earlier_stream_records");
    (void)fake_shop_add("A", 1);
    (void)fake_shop_add("B", 2);
    (void)publish(NULL, 1, "A", 7); /* from before there were streams */
    fake_state_begin_stream(FIRST, fake_lane.revision);
    (void)publish(FIRST, 1, "A", 8);
    (void)publish(FIRST, 2, "B", 9);
    fake_state_begin_stream(SECOND, fake_lane.revision);
    (void)publish(SECOND, 1, "A", 5);
    (void)publish(FIRST, 1, "A", 6); /* its producer wakes up */
    fake_lane_run_ok(is_done);
    assert_int_equal(fake_shop_available("A"), 5);
    assert_int_equal(fake_shop_find("A")->sets, 1);
    assert_int_equal(fake_shop_available("B"), 2);
    assert_int_equal(fake_lane_counter("earlier_stream_records"), before + 4);
    assert_true(fake_lane_shows("\"earlier_stream_records\":"));
}

static bool is_held(void)
{
    return strcmp(fake_lane.state, "held") == 0;
}

static bool is_released(void)
{
    if (is_held() && fake_source.partition[0].end == 4) {
        (void)publish(FIRST, 1, "A", 6);
    }
    return fake_source.partition[0].end == 5 && is_done();
}

static void an_unknown_stream_holds_the_store_until_the_right_producer_speaks(void **state)
{
    (void)state;
    work_once();
    (void)publish(OTHER, 1, "A", 50);
    fake_lane_run_ok(is_held);
    assert_string_equal(fake_state.guard.row.reason, "unknown_stream");
    assert_non_null(strstr(fake_state.guard.row.detail,
                           "records of stream " OTHER ", but the state's is " FIRST));
    assert_non_null(strstr(fake_state.guard.row.detail, "resume --store shop --stream " FIRST));
    assert_int_equal(fake_source.partition[0].committed, 2);
    (void)publish(FIRST, 2, "B", 3); /* of another product: the hold stays */
    fake_lane_run_ok(is_released);
    assert_int_equal(fake_shop_available("A"), 6);
    assert_int_equal(fake_shop_available("B"), 3);
}

/* --- offsets that go back without a new stream --- */

static bool is_put_back;

static bool puts_an_older_log_back(void)
{
    if (is_done() && !is_put_back) {
        is_put_back = true;
        fake_source_cut(0, 1);
        (void)publish(FIRST, 2, "B", 4);
    }
    return false;
}

static void a_log_that_goes_back_while_it_is_read_renews_the_session(void **state)
{
    (void)state;
    work_once();
    (void)publish(FIRST, 2, "B", 7);
    is_put_back = false;
    assert_int_equal(fake_lane_run(puts_an_older_log_back), STATUS_RENEW);
    assert_string_equal(fake_lane.err.msg, "partition 0 went back from offset 3 to 0");
    assert_int_equal(fake_source.partition[0].committed, 0);
    fake_lane_run_ok(is_done);
    assert_int_equal(fake_shop_available("A"), 5);
    assert_int_equal(fake_shop_available("B"), 4);
}

static void a_log_that_went_back_meanwhile_is_read_from_what_is_there(void **state)
{
    (void)state;
    work_once();
    fake_source_cut(0, 1);
    fake_lane_run_ok(is_done);
    assert_int_equal(fake_source.partition[0].committed, 1);
    (void)publish(FIRST, 2, "B", 4);
    fake_lane_run_ok(is_done);
    assert_int_equal(fake_source.partition[0].committed, 2);
    assert_int_equal(fake_shop_available("B"), 4);
}

static void a_log_that_is_empty_now_takes_the_group_along(void **state)
{
    (void)state;
    work_once();
    fake_source_cut(0, 0);
    fake_lane_run_ok(fake_lane_is_running);
    assert_int_equal(fake_source.partition[0].committed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(a_new_stream_writes_only_what_differs),
        STREAM_TEST(a_stream_that_begins_while_the_lane_runs_renews_its_session),
        STREAM_TEST(a_topic_that_was_created_again_is_read_from_its_start),
        STREAM_TEST(what_a_restored_state_remembers_is_no_sale),
        STREAM_TEST(a_number_of_an_earlier_stream_is_never_written),
        STREAM_TEST(units_sold_before_the_stream_stay_held_back),
        STREAM_TEST(an_open_attempt_of_an_earlier_stream_is_given_up),
        STREAM_TEST(an_attempt_that_may_be_on_its_way_is_settled_first),
        STREAM_TEST(history_is_passed_over),
        STREAM_TEST(an_unknown_stream_holds_the_store_until_the_right_producer_speaks),
        STREAM_TEST(a_log_that_goes_back_while_it_is_read_renews_the_session),
        STREAM_TEST(a_log_that_went_back_meanwhile_is_read_from_what_is_there),
        STREAM_TEST(a_log_that_is_empty_now_takes_the_group_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

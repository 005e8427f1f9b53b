/* Rules that change between two sessions: the topic is planned again from its beginning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/lane/fake_lane.h"

static bool is_planned_and_quiet(void)
{
    return fake_lane_is_quiet() && fake_lane_is_running() && fake_state.digests[0][0] != '\0' &&
           fake_lane_shows("\"replanning\":0");
}

/* A and B with 5 and 8, and a history of A. */
static void work_once(void)
{
    (void)fake_shop_add("A", 1);
    (void)fake_shop_add("B", 1);
    (void)fake_lane_publish(1, "A", 3);
    (void)fake_lane_publish(2, "B", 8);
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(is_planned_and_quiet);
    assert_int_equal(fake_shop_available("A"), 5);
    assert_int_equal(fake_shop_available("B"), 8);
}

static void a_new_buffer_reaches_every_level_without_a_new_record(void **state)
{
    char before[STATE_DIGEST_SIZE];
    (void)state;
    work_once();
    memcpy(before, fake_state.digests[0], sizeof before);
    assert_false(fake_source.partition[0].from_start);
    fake_lane.conf.buffer = 2;
    fake_lane_run_ok(is_planned_and_quiet);
    assert_true(fake_source.partition[0].from_start);
    assert_int_equal(fake_shop_available("A"), 3);
    assert_int_equal(fake_shop_available("B"), 6);
    assert_string_not_equal(fake_state.digests[0], before);
    size_t sets = fake_shop.sets;
    fake_lane_run_ok(is_planned_and_quiet);
    assert_false(fake_source.partition[0].from_start);
    assert_int_equal(fake_shop.sets, sets);
}

static bool is_replanning(void)
{
    return fake_lane_shows("\"replanning\":1") &&
           fake_lane_shows("planning the topic again, because the store's rules changed");
}

static bool has_shown_replanning;

static bool is_quiet_after_replanning(void)
{
    has_shown_replanning = has_shown_replanning || is_replanning();
    return is_planned_and_quiet();
}

static void the_status_says_why_the_topic_is_read_again(void **state)
{
    (void)state;
    work_once();
    fake_lane.conf.buffer = 2;
    has_shown_replanning = false;
    fake_store.latency_us = 5 * FAKE_SECOND;
    fake_lane_run_ok(is_quiet_after_replanning);
    assert_true(has_shown_replanning);
}

/* The committed offset stands at the end. Only planning again reaches what is not written yet. */
static void a_crash_while_planning_again_plans_again(void **state)
{
    (void)state;
    work_once();
    char before[STATE_DIGEST_SIZE];
    memcpy(before, fake_state.digests[0], sizeof before);
    fake_lane.conf.buffer = 2;
    fake_state.failing = "attempts_begin";
    assert_int_equal(fake_lane_run(NULL), STATUS_SOURCE_LOST);
    assert_string_equal(fake_state.digests[0], before);
    assert_int_equal(fake_source.partition[0].committed, fake_source.partition[0].end);
    fake_lane_failed(STATUS_SOURCE_LOST);
    fake_lane_run_ok(is_planned_and_quiet);
    assert_int_equal(fake_shop_available("A"), 3);
    assert_int_equal(fake_shop_available("B"), 6);
}

/* A record that is older than the number in the state is never written, whatever the rules say. */
static void an_older_record_of_the_topic_is_not_written(void **state)
{
    (void)state;
    work_once();
    fake_lane.conf.offer_percent = 0;
    fake_lane.conf.brake_percent = 100;
    fake_lane_run_ok(is_planned_and_quiet);
    assert_int_equal(fake_shop_available("A"), 0);
    for (size_t i = 0; i < fake_state.attempts.count; i++) {
        for (size_t k = 0; k < fake_state.attempts.list[i].count; k++) {
            const struct level_write *w = &fake_state.attempts.list[i].list[k];
            assert_int_not_equal(w->revision, 1001); /* of A, 3 */
        }
    }
}

/* Levels of a version that did not note its rules. */
static void unknown_rules_count_as_other_rules(void **state)
{
    (void)state;
    const struct fake_level *level = fake_shop_add("A", 5);
    fake_state_know(level->item, 1, 5, 1001);
    (void)fake_lane_publish(1, "A", 7);
    fake_source.partition[0].committed = 1;
    fake_state.forgets_rules = true;
    fake_lane_run_ok(is_planned_and_quiet);
    assert_int_equal(fake_shop_available("A"), 7);
}

/* A parked level has the number of the old rules. */
static void a_parked_level_gets_the_number_of_the_new_rules(void **state)
{
    (void)state;
    fake_shop_add("A", 1)->refusal = "INVALID_QUANTITY_TOO_HIGH";
    (void)fake_lane_publish(1, "A", 5);
    fake_lane_run_ok(is_planned_and_quiet);
    assert_int_equal(fake_state.parked.count, 1);
    fake_shop_find("A")->refusal = NULL;
    fake_state.parked.list[0].retry_us = 1; /* it is due before anything else */
    fake_lane.conf.buffer = 2;
    fake_lane_run_ok(is_planned_and_quiet);
    assert_int_equal(fake_shop_available("A"), 3);
    fake_lane_run_ok(fake_lane_is_quiet);
    assert_int_equal(fake_shop_available("A"), 3);
    assert_int_equal(fake_state.parked.count, 0);
}

/* What other rules would write: against the numbers of the state, from the topic's beginning. */
static void a_dry_run_shows_what_other_rules_would_write(void **state)
{
    char before[STATE_DIGEST_SIZE];
    (void)state;
    work_once();
    memcpy(before, fake_state.digests[0], sizeof before);
    size_t sets = fake_shop.sets;
    fake_lane.conf.cap = 6;
    fake_lane.options.dry_run = fake_lane.options.once = true;
    fake_source.partition[0].committed = 0; /* of the dry run's group */
    fake_lane_run_ok(NULL);
    assert_string_equal(fake_lane.lines.ptr,
                        "store=shop product=2 sku=\"B\" item=4001 location=7001 from=8 to=6 "
                        "cause=stock\n"
                        "store=shop would write 1 of 2 levels; 1 hold the number already, 0 were "
                        "written from this record or a newer one; 0 would rise, 1 fall, 0 of them "
                        "to zero\n");
    assert_int_equal(fake_shop.sets, sets);
    assert_string_equal(fake_state.digests[0], before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(a_new_buffer_reaches_every_level_without_a_new_record),
        LANE_TEST(the_status_says_why_the_topic_is_read_again),
        LANE_TEST(a_crash_while_planning_again_plans_again),
        LANE_TEST(an_older_record_of_the_topic_is_not_written),
        LANE_TEST(unknown_rules_count_as_other_rules),
        LANE_TEST(a_dry_run_shows_what_other_rules_would_write),
        LANE_TEST(a_parked_level_gets_the_number_of_the_new_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

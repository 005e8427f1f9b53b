/*
 * The duties of once a second. The mock cluster is shared by the tests, because it takes longer to
 * start than a test may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "producer/app/upkeep.h"
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
    return 0;
}

static int stop(void **state)
{
    (void)state;
    floors_close(&floors);
    return 0;
}

static enum status run_after(int64_t seconds)
{
    fake_process.clock_us += seconds * 1000000;
    return upkeep_run(floors.upkeep, &err);
}

static void upkeep_runs_once_a_second(void **state)
{
    (void)state;
    assert_int_equal(run_after(0), STATUS_OK);
    assert_int_equal(run_after(0), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_CHECK], 1);
    assert_int_equal(run_after(1), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_CHECK], 2);
    assert_int_equal(fake.calls[FAKE_SHAPE], 0);
}

static void upkeep_refreshes_the_gauges_that_change_with_time(void **state)
{
    (void)state;
    producer_status_note_marks(floors.status, 1, clock_wall_us() - 5000000);
    assert_int_equal(run_after(0), STATUS_OK);
    const double age = metric_value(fake_metrics()->oldest);
    assert_true(age >= 5 && age < 60);
    metric_add(fake_metrics()->records, 3);
    assert_int_equal(run_after(40), STATUS_OK); /* also logs progress */
    producer_status_note_marks(floors.status, 0, 0);
    assert_int_equal(run_after(1), STATUS_OK);
    assert_true(metric_value(fake_metrics()->oldest) == 0);
}

static void upkeep_returns_the_failure_of_a_duty_and_shows_the_rest(void **state)
{
    (void)state;
    static const enum fake_call places[] = {FAKE_CHECK,    FAKE_LIST_PARKED, FAKE_WAREHOUSES,
                                            FAKE_TRIGGERS, FAKE_SHAPE,       FAKE_KITS};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        fake.fail[places[i]] = STATUS_SOURCE_LOST;
        assert_int_equal(run_after(61), STATUS_SOURCE_LOST);
    }
    assert_int_equal(run_after(61), STATUS_OK);
}

static void upkeep_marks_parked_products_that_are_due_and_counts_them(void **state)
{
    (void)state;
    fake_leader.parked[0] = 4;
    fake_leader.parked[1] = 9;
    fake_leader.parked_count = 2;
    fake_leader.due_count = 1;
    assert_int_equal(run_after(1), STATUS_OK);
    assert_true(metric_value(fake_metrics()->parked[PARKED_NOW]) == 2);
    assert_int_equal(fake.mark_count, 1);
    assert_int_equal(fake.marks[0].product_id, 4);
    assert_int_equal(run_after(30), STATUS_OK); /* its mark may wait behind others */
    assert_int_equal(fake.mark_count, 1);
    assert_int_equal(run_after(40), STATUS_OK);
    assert_int_equal(fake.mark_count, 2);
}

static void upkeep_reads_the_shape_once_a_minute_and_is_content_with_the_same(void **state)
{
    (void)state;
    assert_int_equal(run_after(59), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_SHAPE], 0);
    assert_int_equal(run_after(2), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_SHAPE], 1);
    assert_int_equal(fake.calls[FAKE_VERIFY], 0);
}

static void upkeep_has_the_tail_opened_again_when_modules_changed(void **state)
{
    (void)state;
    fake.shape.has_mrp = true;
    assert_int_equal(run_after(61), STATUS_SOURCE_BUSY);
    fake.shape.has_mrp = false;
    fake.kits_filled = false;
    assert_int_equal(run_after(61), STATUS_SOURCE_BUSY);
    fake.fail[FAKE_VERIFY] = STATUS_SOURCE_LOST;
    assert_int_equal(run_after(61), STATUS_SOURCE_LOST);
}

static void upkeep_continues_while_what_modules_need_is_not_installed(void **state)
{
    (void)state;
    fake.shape.has_commingled = true;
    fake.fail[FAKE_VERIFY] = STATUS_DATABASE_UNFIT;
    assert_int_equal(run_after(61), STATUS_OK);
}

static void upkeep_names_triggers_that_are_missing_until_they_are_back(void **state)
{
    (void)state;
    assert_int_equal(run_after(0), STATUS_OK); /* at once */
    assert_int_equal(fake.calls[FAKE_TRIGGERS], 1);
    assert_false(upkeep_lacks_triggers(floors.upkeep));
    assert_true(metric_value(fake_metrics()->triggers) == 1);
    fake.fail[FAKE_TRIGGERS] = STATUS_DATABASE_UNFIT;
    assert_int_equal(run_after(21), STATUS_OK);
    assert_true(upkeep_lacks_triggers(floors.upkeep));
    assert_false(producer_status_has_triggers(floors.status));
    assert_true(metric_value(fake_metrics()->triggers) == 0);
    assert_int_equal(run_after(21), STATUS_OK);
    assert_false(upkeep_lacks_triggers(floors.upkeep));
    assert_true(producer_status_has_triggers(floors.status));
    assert_true(metric_value(fake_metrics()->triggers) == 1);
}

static void upkeep_follows_warehouses_and_waits_for_no_lock(void **state)
{
    (void)state;
    assert_int_equal(run_after(2), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_WAREHOUSES], 1);
    assert_int_equal(run_after(1), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_WAREHOUSES], 1);
    fake.fail[FAKE_WAREHOUSES] = STATUS_SOURCE_BUSY;
    assert_int_equal(run_after(1), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_WAREHOUSES], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(upkeep_runs_once_a_second),
        TEST(upkeep_refreshes_the_gauges_that_change_with_time),
        TEST(upkeep_returns_the_failure_of_a_duty_and_shows_the_rest),
        TEST(upkeep_marks_parked_products_that_are_due_and_counts_them),
        TEST(upkeep_reads_the_shape_once_a_minute_and_is_content_with_the_same),
        TEST(upkeep_has_the_tail_opened_again_when_modules_changed),
        TEST(upkeep_names_triggers_that_are_missing_until_they_are_back),
        TEST(upkeep_follows_warehouses_and_waits_for_no_lock),
        TEST(upkeep_continues_while_what_modules_need_is_not_installed),
#undef TEST
    };
    return cmocka_run_group_tests(tests, start_cluster, stop_cluster);
}

/* A lane whose servers do not answer: Kafka, state, store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/lane_health.h"
#include "tests/unit/lane/fake_lane.h"

static int64_t began_us, heal_us;

static bool is_broken(void)
{
    return strcmp(fake_lane.state, "broken") == 0;
}

/* Ready at first, then the fault, which ends after a minute. */
static bool goes_on_after_silence(void)
{
    if (began_us == 0 && fake_lane_is_running()) {
        assert_true(fake_lane.ready);
        began_us = clock_monotonic_us();
        fake_source.is_silent = true;
    }
    if (began_us != 0 && heal_us == 0 && is_broken()) {
        assert_in_range(clock_monotonic_us() - began_us, SOURCE_SILENCE_US, 12 * FAKE_SECOND);
        assert_true(fake_lane_shows("no answer from the Kafka cluster for 10 s"));
        heal_us = began_us + 60 * FAKE_SECOND;
        (void)fake_lane_publish(1, "A", 5);
    }
    if (heal_us != 0 && clock_monotonic_us() < heal_us) {
        assert_true(is_broken());
        bool is_late = clock_monotonic_us() - began_us > HEALTH_FRESH_US + 2 * FAKE_SECOND;
        assert_false(is_late && fake_lane.ready);
    }
    fake_source.is_silent = began_us != 0 && (heal_us == 0 || clock_monotonic_us() < heal_us);
    return heal_us != 0 && fake_lane_is_running() && fake_lane_is_quiet();
}

static void a_silent_cluster_is_a_state_and_the_lane_goes_on_afterwards(void **state)
{
    (void)state;
    began_us = heal_us = 0;
    (void)fake_shop_add("A", 3);
    fake_lane_run_ok(goes_on_after_silence);
    assert_true(fake_lane.ready);
    assert_int_equal(fake_source.opens, 1); /* in the same session */
    assert_int_equal(fake_shop_available("A"), 5);
}

static bool is_down_and_comes_back(void)
{
    if (began_us == 0 && fake_lane_is_running()) {
        began_us = clock_monotonic_us();
        fake_source.is_down = true;
    } else if (fake_source.is_down && is_broken()) {
        assert_true(fake_lane_shows(SOURCE_DOWN));
        assert_false(fake_lane.ready);
        fake_source.is_down = false;
        heal_us = clock_monotonic_us();
    }
    return heal_us != 0 && fake_lane_is_running();
}

static void a_cluster_that_is_gone_is_noticed_at_once(void **state)
{
    (void)state;
    began_us = heal_us = 0;
    fake_lane_run_ok(is_down_and_comes_back);
    assert_true(heal_us - began_us <= 2 * FAKE_SECOND);
}

static bool a_minute_passed(void)
{
    began_us = began_us == 0 ? clock_monotonic_us() : began_us;
    return clock_monotonic_us() - began_us > 60 * FAKE_SECOND;
}

static void a_lane_outside_its_group_is_not_ready(void **state)
{
    (void)state;
    began_us = 0;
    fake_source.never_joins = true;
    fake_lane_run_ok(a_minute_passed);
    assert_false(fake_lane.ready);
    assert_false(fake_lane_was("broken")); /* the cluster answers */
    assert_string_equal(fake_lane.health.list[LANE_SERVER_KAFKA].why,
                        "the group has not assigned partitions yet");
}

static bool has_lost_its_group(void)
{
    if (began_us == 0 && fake_lane_is_running()) {
        assert_true(fake_lane.ready);
        began_us = clock_monotonic_us();
        fake_source_rebalance(SOURCE_LOST, 0, 0);
    }
    return began_us != 0 && clock_monotonic_us() - began_us > 5 * FAKE_SECOND;
}

static void a_lane_that_lost_its_group_is_not_ready(void **state)
{
    (void)state;
    began_us = 0;
    fake_lane_run_ok(has_lost_its_group);
    assert_false(fake_lane.ready);
}

static bool is_running_idle(void)
{
    if (fake_lane_is_running()) {
        fake_state.failing = "probe";
    }
    return false;
}

static void an_idle_lane_notices_that_the_state_is_lost(void **state)
{
    (void)state;
    assert_int_equal(fake_lane_run(is_running_idle), STATUS_SOURCE_LOST);
    assert_false(fake_lane.timed_out);
    fake_lane_failed(STATUS_SOURCE_LOST);
    assert_string_equal(fake_lane.state, "broken");
    assert_false(fake_lane.ready);
    fake_lane_run_ok(fake_lane_is_running);
    assert_true(fake_lane.ready);
}

static void failures_are_noted_of_their_server(void **state)
{
    (void)state;
    static const struct {
        enum status rc;
        enum lane_server server;
    } CASES[] = {
        {STATUS_SOURCE_LOST, LANE_SERVER_STATE},   {STATUS_DATABASE_UNFIT, LANE_SERVER_STATE},
        {STATUS_PERMISSION, LANE_SERVER_STATE},    {STATUS_BROKER_LOST, LANE_SERVER_KAFKA},
        {STATUS_CLIENT_BROKEN, LANE_SERVER_KAFKA}, {STATUS_STORE_LOST, LANE_SERVER_STORE},
        {STATUS_TIMED_OUT, LANE_SERVER_STORE},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct health health;
        struct err err = {0};
        lane_health_init(&health);
        for (unsigned k = 0; k < health.count; k++) {
            health_note_answer(&health.list[k], clock_monotonic_us() - 1);
        }
        (void)err_set(&err, CASES[i].rc, "no");
        lane_health_note_failure(&health, CASES[i].rc, &err);
        assert_ptr_equal(health_trouble(&health, clock_monotonic_us()),
                         &health.list[CASES[i].server]);
    }
}

/* PERMISSION may be of the topic: the source has noted the same words. */
static void a_refusal_by_kafka_is_not_of_the_state(void **state)
{
    (void)state;
    struct health health;
    struct err err = {0};
    lane_health_init(&health);
    (void)err_set(&err, STATUS_PERMISSION, "reading topic 'stock': not authorised");
    health_note_failure(&health.list[LANE_SERVER_KAFKA], clock_monotonic_us(), err.msg);
    lane_health_note_failure(&health, STATUS_PERMISSION, &err);
    assert_int_equal(health.list[LANE_SERVER_STATE].failed_us, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANE_TEST(a_silent_cluster_is_a_state_and_the_lane_goes_on_afterwards),
        LANE_TEST(a_cluster_that_is_gone_is_noticed_at_once),
        LANE_TEST(a_lane_outside_its_group_is_not_ready),
        LANE_TEST(a_lane_that_lost_its_group_is_not_ready),
        LANE_TEST(an_idle_lane_notices_that_the_state_is_lost),
        LANE_TEST(failures_are_noted_of_their_server),
        LANE_TEST(a_refusal_by_kafka_is_not_of_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

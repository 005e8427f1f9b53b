#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "producer/app/status.h"
#include "tests/unit/producer_app/fake_odoo.h"

static struct producer_status *status;
static struct strbuf text;

static int start(void **state)
{
    (void)state;
    fake_reset();
    status = producer_status_new(fake_metrics(), true);
    strbuf_init(&text, 100000);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    producer_status_free(status);
    strbuf_release(&text);
    return 0;
}

static void assert_shows(const char *expected)
{
    if (strstr(text.ptr, expected) == NULL) {
        fail_msg("no %s in %s", expected, text.ptr);
    }
}

static void status_publishes_only_as_the_leader(void **state)
{
    (void)state;
    assert_false(producer_status_is_publishing(status));
    producer_status_enter(status, PRODUCER_STANDBY, "another producer is the leader");
    producer_status_note_empty(status);
    assert_false(producer_status_is_publishing(status));
    producer_status_enter(status, PRODUCER_LEADER, "took the lock");
    assert_true(producer_status_is_publishing(status));
    producer_status_enter(status, PRODUCER_STOPPING, "asked to stop");
    assert_false(producer_status_is_publishing(status));
}

static void after(int64_t seconds)
{
    fake_process.clock_us += seconds * 1000000;
    strbuf_reset(&text);
    producer_status_append(status, &text);
    producer_status_refresh(status);
}

static double gauge(const struct metric *metric)
{
    return metric_value(metric);
}

static void status_publishes_only_as_long_as_something_succeeds(void **state)
{
    (void)state;
    producer_status_enter(status, PRODUCER_LEADER, "took the lock");
    assert_false(producer_status_is_publishing(status));
    producer_status_note_acknowledged(status);
    after(13);
    assert_true(producer_status_is_publishing(status));
    assert_true(gauge(fake_metrics()->publishing) == 1);
    after(2); /* stuck: it has noted no failure */
    assert_false(producer_status_is_publishing(status));
    assert_true(gauge(fake_metrics()->publishing) == 0);
    assert_shows("\"publishing\":false,\"reason\":\"\",\"why\":\"no answer for 15 s\"");
    producer_status_note_empty(status);
    assert_true(producer_status_is_publishing(status));
}

static void status_does_not_publish_between_a_failure_and_the_next_success(void **state)
{
    (void)state;
    producer_status_enter(status, PRODUCER_LEADER, "took the lock");
    producer_status_note_acknowledged(status);
    struct err err;
    (void)err_set(&err, STATUS_SOURCE_LOST, "the server is away");
    producer_status_note_failure(status, &err);
    assert_false(producer_status_is_publishing(status));
    after(0);
    assert_shows("\"state\":\"waiting\",\"leader\":true,\"publishing\":false,"
                 "\"reason\":\"SOURCE_LOST\",\"why\":\"the server is away\"");
    producer_status_lose_lock(status);
    after(0);
    assert_shows("\"state\":\"waiting\",\"leader\":false");
    producer_status_begin_publishing(status);
    assert_false(producer_status_is_publishing(status));
    producer_status_note_acknowledged(status);
    assert_true(producer_status_is_publishing(status));
}

static void status_shows_when_kafka_acknowledged_last(void **state)
{
    (void)state;
    const double before = (double)clock_wall_us() / 1e6;
    after(0);
    assert_shows("\"last_acknowledgement\":\"never\"");
    producer_status_note_acknowledged(status);
    after(0);
    assert_shows("\"last_acknowledgement\":\"20");
    assert_true(gauge(fake_metrics()->acknowledged) >= before);
}

static void status_lets_the_age_of_the_marks_grow_while_nobody_reads_them(void **state)
{
    (void)state;
    producer_status_note_marks(status, 3, clock_wall_us() - 5000000);
    after(0);
    assert_shows("\"marks_waiting\":3,\"oldest_mark_age_seconds\":5.0");
    assert_true(gauge(fake_metrics()->waiting) == 3);
    after(60);
    assert_shows("\"oldest_mark_age_seconds\":65.0");
    producer_status_note_marks(status, -1, 0);
    after(4);
    assert_shows("\"marks_waiting\":3,\"oldest_mark_age_seconds\":0.000");
    after(26);
    assert_shows("\"oldest_mark_age_seconds\":30.0");
    assert_true(gauge(fake_metrics()->oldest) >= 30);
}

static void status_shows_its_state_as_one_of_several_series(void **state)
{
    (void)state;
    const struct producer_metrics *m = fake_metrics();
    assert_true(metric_value(m->state[PRODUCER_STARTING]) == 1);
    producer_status_enter(status, PRODUCER_LEADER, "took the lock");
    assert_true(metric_value(m->state[PRODUCER_STARTING]) == 0);
    assert_true(metric_value(m->leader) == 1);
    metric_render(&text);
    assert_shows("stocksync_producer_state{state=\"leader\"} 1");
    assert_shows("stocksync_producer_state{state=\"standby\"} 0");
    assert_shows("# TYPE stocksync_producer_batches_total counter");
}

static void status_warns_while_revisions_are_ahead_of_the_clock(void **state)
{
    (void)state;
    const struct metric *ahead = fake_metrics()->ahead;
    producer_status_note(status, clock_wall_us() + 900000, 0);
    assert_true(metric_value(ahead) > 0.5 && metric_value(ahead) < 1);
    producer_status_note(status, clock_wall_us() + INT64_C(3600000000), 0);
    assert_true(metric_value(ahead) > 3590);
    producer_status_append(status, &text);
    assert_shows("\"revision_ahead_seconds\":3");
    producer_status_note(status, clock_wall_us(), 0);
    assert_true(metric_value(ahead) == 0);
}

static void status_is_incomplete_while_triggers_are_missing(void **state)
{
    (void)state;
    assert_true(producer_status_has_triggers(status));
    producer_status_append(status, &text);
    assert_shows("\"triggers\":\"complete\"");
    producer_status_note_triggers(status, "trigger x on y");
    assert_false(producer_status_has_triggers(status));
    strbuf_reset(&text);
    producer_status_append(status, &text);
    assert_shows("\"triggers\":\"trigger x on y\"");
    producer_status_note_triggers(status, NULL);
    assert_true(producer_status_has_triggers(status));
}

static void status_appends_one_object(void **state)
{
    (void)state;
    const struct full_pass_state pass = {
        .started_us = 1600000000000000, .compared = 3, .total = 9, .republished = 1};
    producer_status_enter(status, PRODUCER_LEADER, "took \"the\" lock");
    producer_status_set_leader(status, 7, "uuid");
    producer_status_note(status, 42, 5);
    producer_status_note_pass(status, &pass);
    producer_status_append(status, &text);
    assert_shows("{\"service\":\"stocksync-producer\"");
    assert_shows("\"state\":\"leader\",\"leader\":true,\"publishing\":false,\"reason\":\"\","
                 "\"why\":\"took \\\"the\\\" lock\"");
    assert_shows("\"epoch\":7,\"revision\":42,\"revision_ahead_seconds\":0.000,"
                 "\"marks_waiting\":0,"
                 "\"oldest_mark_age_seconds\":0.000,\"unsettled_marks\":5");
    assert_shows("\"database\":\"uuid\"");
    assert_shows("\"full_pass\":{\"running\":true,\"started\":\"2020-09-13T12:26:40.000Z\","
                 "\"finished\":\"never\",\"compared\":3,\"of\":9,\"republished\":1}}");
}

static void status_leaves_the_pass_out_when_it_is_off(void **state)
{
    (void)state;
    producer_status_free(status);
    status = producer_status_new(fake_metrics(), false);
    producer_status_append(status, &text);
    assert_null(strstr(text.ptr, "full_pass"));
    assert_int_equal(text.ptr[text.len - 1], '}');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(status_publishes_only_as_the_leader),
        TEST(status_publishes_only_as_long_as_something_succeeds),
        TEST(status_does_not_publish_between_a_failure_and_the_next_success),
        TEST(status_shows_when_kafka_acknowledged_last),
        TEST(status_lets_the_age_of_the_marks_grow_while_nobody_reads_them),
        TEST(status_shows_its_state_as_one_of_several_series),
        TEST(status_warns_while_revisions_are_ahead_of_the_clock),
        TEST(status_is_incomplete_while_triggers_are_missing),
        TEST(status_appends_one_object),
        TEST(status_leaves_the_pass_out_when_it_is_off),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

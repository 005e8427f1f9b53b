/* Role parents, session by session, in a fake world. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/parents/parents_lane.h"
#include "tests/unit/parents/fake_world.h"

static struct parents_lane *lane;

static void publish(void *arg, const struct health *health, const char *json)
{
    (void)arg;
    world.ready = health_trouble(health, world.now_us) == NULL;
    strbuf_reset(&world.json);
    strbuf_append_text(&world.json, json);
    const char *at = json + strlen("{\"state\":\"");
    strbuf_append(&world.states, at, strcspn(at, "\""));
    strbuf_append_char(&world.states, ' ');
}

static void make_lane(bool once)
{
    const struct parents_options options = {.topic = "stock",
                                            .odoo_dsn = "odoo",
                                            .state_dsn = "state",
                                            .group = "kits",
                                            .once = once,
                                            .view = {.publish = publish},
                                            .ports = &fake_ports};
    parents_lane_free(lane);
    lane = parents_lane_new(&options);
}

static int set_up(void **fixture)
{
    (void)fixture;
    fake_world_open();
    return 0;
}

static int tear_down(void **fixture)
{
    (void)fixture;
    parents_lane_free(lane);
    lane = NULL;
    fake_world_close();
    return 0;
}

#define SCRIPT(...)                                                                                \
    do {                                                                                           \
        const struct fake_event events[] = {__VA_ARGS__};                                          \
        fake_world_script(events, sizeof events / sizeof events[0]);                               \
    } while (0)

/* Runs one session and compares its calls. */
static void session_is(enum status expected, bool expected_worked, const char *calls)
{
    struct err err = {0};
    bool worked = false;
    strbuf_reset(&world.journal);
    assert_int_equal(parents_lane_session(lane, &world.thread, &worked, &err), expected);
    assert_string_equal(world.journal.ptr, calls);
    assert_int_equal(worked, expected_worked);
    assert_true(fake_world_is_left());
}

static void status_has(const char *text)
{
    if (strstr(world.json.ptr, text) == NULL) {
        fail_msg("'%s' lacks '%s'", world.json.ptr, text);
    }
}

/* --- reading, marking, committing --- */

static void parents_lane_marks_what_it_read_and_then_commits(void **fixture)
{
    (void)fixture;
    SCRIPT(ASSIGNED(0), RECORD(0, 0, "11"), RECORD(0, 1, "12"), RECORD(0, 2, "11"), AT_END(0));
    make_lane(true);
    status_has("\"state\":\"starting\"");
    assert_false(world.ready);
    session_is(STATUS_OK, true, "mark 11 12; commit 0:3; close");
    assert_true(world.ready);
    status_has("\"state\":\"draining\"");
    status_has("\"partitions\":0");
    parents_lane_stopped(lane);
    status_has("\"state\":\"stopped\"");
}

static void parents_lane_does_not_follow_records_with_cause_parent(void **fixture)
{
    (void)fixture;
    SCRIPT(ASSIGNED(0), {.type = SOURCE_RECORD, .offset = 4, .product = "11", .cause = "parent"},
           {.type = SOURCE_RECORD, .offset = 5, .product = "12", .cause = "move"}, AT_END(0));
    make_lane(true);
    session_is(STATUS_OK, true, "mark 12; commit 0:6; close");
}

static void parents_lane_commits_past_records_that_mark_nothing(void **fixture)
{
    (void)fixture;
    SCRIPT(ASSIGNED(0), {.type = SOURCE_RECORD, .offset = 4, .product = "11", .cause = "parent"},
           RECORD(0, 5, "no number"), AT_END(0));
    make_lane(true);
    session_is(STATUS_OK, false, "commit 0:6; close");
}

static void parents_lane_waits_between_statements(void **fixture)
{
    (void)fixture;
    world.no_kits = true;
    SCRIPT(ASSIGNED(0), RECORD(0, 0, "11"), NOTHING, RECORD(0, 1, "12"), AT_END(0));
    make_lane(true);
    int64_t begun = world.now_us;
    session_is(STATUS_OK, true, "mark 11; commit 0:1; mark 12; commit_wait 0:2; close");
    assert_in_range(world.now_us - begun, 100000, 199999);
}

static void parents_lane_commits_at_most_once_a_second(void **fixture)
{
    (void)fixture;
    int64_t begun = world.now_us;
    SCRIPT(
        ASSIGNED(0), RECORD(0, 0, "11"), NOTHING,
        {.type = SOURCE_RECORD, .offset = 1, .product = "12", .after_us = begun + 400000}, NOTHING,
        {.type = SOURCE_RECORD, .offset = 2, .product = "13", .after_us = begun + 800000}, NOTHING,
        {.type = SOURCE_RECORD, .offset = 3, .product = "14", .after_us = begun + 1500000},
        {.stop = true, .after_us = begun + 1600000});
    make_lane(false);
    session_is(STATUS_OK, true,
               "mark 11; commit 0:1; mark 12; mark 13; commit 0:3; mark 14; commit_wait 0:4; "
               "close");
}

static void parents_lane_goes_on_while_kafka_reconnects(void **fixture)
{
    (void)fixture;
    SCRIPT(ASSIGNED(0), RECORD(0, 0, "11"), {.rc = STATUS_BROKER_LOST}, RECORD(0, 1, "12"),
           AT_END(0));
    make_lane(true);
    session_is(STATUS_OK, true, "mark 11; commit 0:1; mark 12; commit_wait 0:2; close");
}

/* --- failures --- */

static void parents_lane_commits_nothing_that_is_not_marked(void **fixture)
{
    (void)fixture;
    world.failing_mark = 1;
    world.mark_rc = STATUS_SOURCE_LOST;
    SCRIPT(ASSIGNED(0), RECORD(0, 0, "11"), AT_END(0));
    make_lane(true);
    session_is(STATUS_SOURCE_LOST, false, "mark 11 failed; close");
    SCRIPT(ASSIGNED(0), RECORD(0, 0, "11"), AT_END(0)); /* read again */
    session_is(STATUS_OK, true, "mark 11; commit 0:1; close");
}

static void parents_lane_halves_the_batch_after_a_failure(void **fixture)
{
    (void)fixture;
    make_lane(true);
    for (int i = 0; i < 3; i++) {
        static const char *const calls[] = {
            "mark 4999 products failed; close",
            "mark 2500 products failed; close",
            ("mark 1250 products; commit 0:1251; mark 2500 products; mark 1250 products; "
             "commit_wait 0:5001; close"),
        };
        SCRIPT(ASSIGNED(0), NOTHING, AT_END(0));
        world.records_left = 5000;
        world.offset = 0;
        world.failing_mark = i < 2 ? world.marks + 1 : 0;
        world.mark_rc = STATUS_TIMED_OUT;
        session_is(i < 2 ? STATUS_TIMED_OUT : STATUS_OK, i == 2, calls[i]);
    }
}

static void parents_lane_ends_the_session_when_the_topic_fails(void **fixture)
{
    (void)fixture;
    SCRIPT(ASSIGNED(0), RECORD(0, 0, "11"), {.rc = STATUS_TOPIC_UNFIT});
    make_lane(false);
    session_is(STATUS_TOPIC_UNFIT, false, "close");
}

static void parents_lane_does_not_join_without_the_database(void **fixture)
{
    (void)fixture;
    world.open_rc = STATUS_DATABASE_UNFIT;
    SCRIPT(ASSIGNED(0));
    make_lane(false);
    session_is(STATUS_DATABASE_UNFIT, false, "");
    assert_int_equal(world.next, 0);
}

/* The cluster falls silent for a minute, then answers again. */
static void parents_lane_shows_a_silent_cluster(void **fixture)
{
    (void)fixture;
    int64_t begun = world.now_us;
    SCRIPT(ASSIGNED(0), AT_END(0), {.stop = true, .after_us = begun + 11500000});
    world.silent_from_us = begun + 1000000;
    make_lane(false);
    session_is(STATUS_OK, false, "close");
    status_has("\"state\":\"draining\"");
    status_has("\"why\":\"asked to stop\"");
    assert_non_null(strstr(world.states.ptr, "running broken "));
    assert_false(world.ready);
    world.silent_from_us = 0;
}

static void parents_lane_asks_an_idle_database_whether_it_answers(void **fixture)
{
    (void)fixture;
    int64_t begun = world.now_us;
    SCRIPT(ASSIGNED(0), AT_END(0), {.stop = true, .after_us = begun + 20000000});
    make_lane(false);
    session_is(STATUS_OK, false, "close");
    assert_true(world.ready);
    assert_in_range(world.probes, 15, 20);
    SCRIPT(ASSIGNED(0), AT_END(0));
    world.probe_rc = STATUS_SOURCE_LOST;
    world.thread = (struct thread){.wake_fd = -1};
    make_lane(false);
    session_is(STATUS_SOURCE_LOST, false, "close");
    const struct err err = {.status = STATUS_SOURCE_LOST, .msg = "no answer"};
    parents_lane_failed(lane, err.status, &err, 500);
    status_has("\"state\":\"broken\"");
    assert_false(world.ready);
}

static void parents_lane_shows_why_a_session_failed(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    make_lane(false);
    (void)err_set(&err, STATUS_SOURCE_LOST, "connection lost");
    parents_lane_failed(lane, err.status, &err, 500);
    status_has("\"state\":\"broken\"");
    status_has("\"why\":\"connection lost\"");
    assert_false(world.ready);
    (void)err_set(&err, STATUS_DATABASE_UNFIT, "no table");
    parents_lane_failed(lane, err.status, &err, 500);
    status_has("\"state\":\"misconfigured\"");
    assert_false(world.ready);
    SCRIPT(ASSIGNED(0), AT_END(0), NOTHING, STOP);
    session_is(STATUS_OK, false, "close");
    status_has("\"state\":\"draining\"");
}

/* --- rebalances --- */

static void parents_lane_commits_marks_before_a_partition_leaves(void **fixture)
{
    (void)fixture;
    SCRIPT(ASSIGNED(0), ASSIGNED(1), RECORD(0, 5, "11"), NOTHING, RECORD(1, 7, "12"), NOTHING,
           {.type = SOURCE_REVOKED, .partition = 1, .after_us = world.now_us + 100000},
           RECORD(0, 6, "13"), NOTHING, STOP);
    make_lane(false);
    session_is(STATUS_OK, true,
               "mark 11; commit 0:6; mark 12; commit_wait 1:8; release; mark 13; commit_wait 0:7; "
               "close");
}

/* Its next member reads those records again. */
static void parents_lane_never_commits_for_a_partition_that_left(void **fixture)
{
    (void)fixture;
    SCRIPT(ASSIGNED(0), ASSIGNED(1), RECORD(1, 7, "12"), {.type = SOURCE_REVOKED, .partition = 1},
           RECORD(0, 5, "11"), AT_END(0));
    make_lane(true);
    session_is(STATUS_OK, true, "release; mark 12 11; commit 0:6; close");
}

static void parents_lane_releases_although_the_commit_failed(void **fixture)
{
    (void)fixture;
    world.commit_rc = STATUS_TIMED_OUT;
    SCRIPT(ASSIGNED(0), ASSIGNED(1), RECORD(0, 5, "11"), NOTHING, RECORD(1, 7, "12"), NOTHING,
           {.type = SOURCE_REVOKED, .partition = 1, .after_us = world.now_us + 100000}, AT_END(0));
    make_lane(true);
    session_is(STATUS_OK, true, "mark 11; commit 0:6; mark 12; commit_wait 1:8; release; close");
}

static void parents_lane_commits_nothing_for_lost_partitions(void **fixture)
{
    (void)fixture;
    SCRIPT(ASSIGNED(0), ASSIGNED(1), RECORD(0, 5, "11"), NOTHING, RECORD(1, 7, "12"), NOTHING,
           {.type = SOURCE_LOST, .partition = 1, .after_us = world.now_us + 100000}, AT_END(0));
    make_lane(true);
    session_is(STATUS_OK, true, "mark 11; commit 0:6; mark 12; close");
}

/* --- the end --- */

static void parents_lane_with_once_waits_for_the_end_of_each_partition(void **fixture)
{
    (void)fixture;
    SCRIPT(NOTHING, ASSIGNED(0), ASSIGNED(1), RECORD(0, 0, "11"), AT_END(0), NOTHING,
           RECORD(1, 0, "12"), NOTHING, AT_END(1));
    make_lane(true);
    session_is(STATUS_OK, true, "mark 11; commit 0:1; mark 12; commit_wait 1:1; close");
    assert_in_range(world.next, 9, FAKE_EVENTS);
}

static void parents_lane_drains_without_a_pause(void **fixture)
{
    (void)fixture;
    world.no_kits = true;
    SCRIPT(ASSIGNED(0), RECORD(0, 0, "11"), NOTHING, RECORD(0, 1, "12"), STOP, RECORD(0, 2, "13"));
    make_lane(false);
    int64_t begun = world.now_us;
    session_is(STATUS_OK, true, "mark 11; commit 0:1; mark 12; commit_wait 0:2; close");
    assert_int_equal(world.next, 5);
    assert_in_range(world.now_us - begun, 0, 200000);
}

static void parents_lane_drain_leaves_what_cannot_be_marked(void **fixture)
{
    (void)fixture;
    world.no_kits = true;
    world.failing_mark = 2;
    world.mark_rc = STATUS_SOURCE_LOST;
    SCRIPT(ASSIGNED(0), RECORD(0, 0, "11"), NOTHING, RECORD(0, 1, "12"), STOP);
    make_lane(false);
    session_is(STATUS_OK, true, "mark 11; commit 0:1; mark 12 failed; close");
}

static void parents_lane_asked_to_stop_at_once_reads_nothing(void **fixture)
{
    (void)fixture;
    SCRIPT(ASSIGNED(0), RECORD(0, 0, "11"));
    make_lane(false);
    thread_ask_stop(&world.thread);
    session_is(STATUS_OK, false, "close");
}

/* --- streams --- */

static void parents_lane_begins_with_a_new_stream(void **fixture)
{
    (void)fixture;
    world.stream = "two";
    world.position = "one";
    SCRIPT(ASSIGNED(0), RECORD(0, 30, "11"), AT_END(0));
    make_lane(true);
    session_is(STATUS_OK, true,
               "commit_wait 0:30; note two 1; read_from 0:30; mark 11; commit 0:31; close");
    SCRIPT(ASSIGNED(0), RECORD(0, 31, "11"), AT_END(0));
    make_lane(true);
    session_is(STATUS_OK, true, "mark 11; commit 0:32; close");
}

static void parents_lane_notes_no_stream_that_the_group_has_not_reached(void **fixture)
{
    (void)fixture;
    world.stream = "two";
    world.commit_rc = STATUS_BROKER_LOST;
    SCRIPT(ASSIGNED(0));
    make_lane(true);
    session_is(STATUS_BROKER_LOST, false, "commit_wait 0:30; close");
}

static void parents_lane_renews_its_session_for_a_new_stream(void **fixture)
{
    (void)fixture;
    world.stream = world.position = "one";
    SCRIPT(ASSIGNED(0), RECORD(0, 0, "11"), AT_END(0));
    make_lane(true);
    session_is(STATUS_OK, true, "mark 11; commit 0:1; close");
    SCRIPT(ASSIGNED(0), {.type = SOURCE_AT_END, .then_stream = "two"}, NOTHING,
           {.type = SOURCE_AT_END, .after_us = world.now_us + 9000000});
    make_lane(false);
    session_is(STATUS_RENEW, false, "close");
}

static void parents_lane_follows_a_log_that_went_back(void **fixture)
{
    (void)fixture;
    SCRIPT(ASSIGNED(0), RECORD(0, 500, "11"), NOTHING,
           {.type = SOURCE_RECORD, .offset = 0, .gone_back_from = 501, .product = "12"}, AT_END(0));
    make_lane(true);
    session_is(STATUS_OK, true, "mark 11; commit 0:501; mark 12; commit_wait 0:1; close");
    SCRIPT(ASSIGNED(0), {.type = SOURCE_AT_END, .offset = 0, .gone_back_from = 501});
    make_lane(true);
    session_is(STATUS_OK, false, "commit 0:0; close");
}

int main(void)
{
#define LANE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        LANE_TEST(parents_lane_marks_what_it_read_and_then_commits),
        LANE_TEST(parents_lane_does_not_follow_records_with_cause_parent),
        LANE_TEST(parents_lane_commits_past_records_that_mark_nothing),
        LANE_TEST(parents_lane_waits_between_statements),
        LANE_TEST(parents_lane_commits_at_most_once_a_second),
        LANE_TEST(parents_lane_goes_on_while_kafka_reconnects),
        LANE_TEST(parents_lane_commits_nothing_that_is_not_marked),
        LANE_TEST(parents_lane_halves_the_batch_after_a_failure),
        LANE_TEST(parents_lane_ends_the_session_when_the_topic_fails),
        LANE_TEST(parents_lane_does_not_join_without_the_database),
        LANE_TEST(parents_lane_shows_a_silent_cluster),
        LANE_TEST(parents_lane_asks_an_idle_database_whether_it_answers),
        LANE_TEST(parents_lane_shows_why_a_session_failed),
        LANE_TEST(parents_lane_commits_marks_before_a_partition_leaves),
        LANE_TEST(parents_lane_never_commits_for_a_partition_that_left),
        LANE_TEST(parents_lane_releases_although_the_commit_failed),
        LANE_TEST(parents_lane_commits_nothing_for_lost_partitions),
        LANE_TEST(parents_lane_with_once_waits_for_the_end_of_each_partition),
        LANE_TEST(parents_lane_drains_without_a_pause),
        LANE_TEST(parents_lane_drain_leaves_what_cannot_be_marked),
        LANE_TEST(parents_lane_asked_to_stop_at_once_reads_nothing),
        LANE_TEST(parents_lane_begins_with_a_new_stream),
        LANE_TEST(parents_lane_notes_no_stream_that_the_group_has_not_reached),
        LANE_TEST(parents_lane_renews_its_session_for_a_new_stream),
        LANE_TEST(parents_lane_follows_a_log_that_went_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

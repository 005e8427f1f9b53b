#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/streams.h"
#include "tests/unit/lane/bench.h"

static struct streams streams;
static struct err err;

/* The newest one first. */
static void know(const char *id, int64_t first_revision)
{
    struct bench_streams *b = &bench.streams;
    memmove(b->list + 1, b->list, b->count++ * sizeof b->list[0]);
    b->list[0] = (struct state_stream){.first_revision = first_revision, .why = "timeline"};
    (void)snprintf(b->list[0].id, sizeof b->list[0].id, "%s", id);
}

static void open_streams(void)
{
    assert_int_equal(streams_open(&streams, &bench.c, &err), STATUS_OK);
    bench_forget();
}

static int close_streams(void **state)
{
    streams_close(&streams);
    return bench_close(state);
}

#define STREAMS_TEST(function) cmocka_unit_test_setup_teardown(function, bench_open, close_streams)

static enum stream_age judge(const char *stream, int64_t revision)
{
    enum stream_age age = STREAM_UNKNOWN;
    struct source_event event = {.type = SOURCE_RECORD, .header_revision = revision};
    if (stream != NULL) {
        event.header_stream = bytes_text(stream);
    }
    assert_int_equal(streams_judge(&streams, &event, &age, &err), STATUS_OK);
    return age;
}

static void without_a_stream_every_record_is_planned(void **state)
{
    (void)state;
    open_streams();
    assert_int_equal(judge(NULL, 5), STREAM_PRESENT);
    assert_int_equal(judge("s-9", 5), STREAM_PRESENT);
    assert_string_equal(streams_present(&streams)->id, "");
    assert_string_equal(bench.calls, "");
}

static const struct {
    const char *name, *stream;
    int64_t revision;
    enum stream_age age;
} JUDGED[] = {
    {"of the present one", "s-2", 21, STREAM_PRESENT},
    {"of the one before", "s-1", 11, STREAM_EARLIER},
    {"of the one before, by a producer that woke up", "s-1", 99, STREAM_EARLIER},
    {"from before there were streams", NULL, 9, STREAM_EARLIER},
    {"from the moment at which the stream began", NULL, 20, STREAM_EARLIER},
    {"of an older producer, now", NULL, 21, STREAM_PRESENT},
    {"of nobody knows when", NULL, 0, STREAM_PRESENT},
    {"of another state", "s-3", 21, STREAM_UNKNOWN},
    {"of a name that only begins like the present one", "s-22", 21, STREAM_UNKNOWN},
    {"of an empty name", "", 21, STREAM_UNKNOWN},
};

static void a_record_is_of_the_present_an_earlier_or_an_unknown_stream(void **state)
{
    (void)state;
    know("s-1", 10);
    know("s-2", 20);
    open_streams();
    for (size_t i = 0; i < sizeof JUDGED / sizeof JUDGED[0]; i++) {
        if (judge(JUDGED[i].stream, JUDGED[i].revision) != JUDGED[i].age) {
            fail_msg("%s", JUDGED[i].name);
        }
    }
}

static void the_state_is_asked_for_an_unknown_stream_at_once_and_once_a_second(void **state)
{
    (void)state;
    know("s-1", 10);
    open_streams();
    assert_int_equal(judge("s-3", 21), STREAM_UNKNOWN);
    assert_int_equal(judge("s-3", 22), STREAM_UNKNOWN);
    assert_string_equal(bench.calls, "streams_read ");
    bench_pass_s(1);
    assert_int_equal(judge("s-3", 23), STREAM_UNKNOWN);
    assert_string_equal(bench.calls, "streams_read streams_read ");
}

static void a_stream_that_the_state_knows_by_now_renews_the_session(void **state)
{
    (void)state;
    enum stream_age age = STREAM_PRESENT;
    const struct source_event event = {.type = SOURCE_RECORD, .header_stream = bytes_text("s-2")};
    know("s-1", 10);
    open_streams();
    assert_int_equal(streams_compare(&streams, &err), STATUS_OK);
    know("s-2", 20);
    assert_int_equal(streams_judge(&streams, &event, &age, &err), STATUS_RENEW);
    assert_string_equal(err.msg, "stream s-2 has followed s-1 (timeline)");
    assert_int_equal(streams_compare(&streams, &err), STATUS_RENEW);
    bench.fails = "streams_read";
    assert_int_equal(streams_compare(&streams, &err), STATUS_SOURCE_LOST);
}

static void the_first_stream_renews_the_session_too(void **state)
{
    (void)state;
    open_streams();
    know("s-1", 10);
    assert_int_equal(streams_compare(&streams, &err), STATUS_RENEW);
}

/* --- assignments --- */

static const int32_t ASSIGNED[] = {0, 1, 2};

static enum status assign(void)
{
    return streams_note_assigned(&streams, ASSIGNED, 3, &err);
}

static void know_two_with_positions(void)
{
    struct bench_streams *b = &bench.streams;
    know("s-1", 10);
    know("s-2", 20);
    b->first_offsets[0] = 70;
    b->first_offsets[2] = 72;
    (void)snprintf(b->positions[0], STATE_STREAM_SIZE, "s-1");
    (void)snprintf(b->positions[1], STATE_STREAM_SIZE, "s-2");
    open_streams();
}

static void partitions_of_another_stream_begin_with_the_present_one(void **state)
{
    (void)state;
    know_two_with_positions();
    assert_int_equal(assign(), STATUS_OK);
    assert_string_equal(bench.calls, "positions_read commit_wait positions_note ");
    assert_string_equal(bench.input.committed, "0@70 2@72 ");
    assert_string_equal(bench.input.from_start, "0@70 2@72 ");
    assert_string_equal(bench.streams.positions[2], "s-2");
    assert_int_equal((int)metric_value(bench.metrics.record.streams), 1);
    assert_int_equal(streams_first_offset(&streams, 0), 70);
    assert_int_equal(streams_first_offset(&streams, 1), 0);
    assert_int_equal(streams_first_offset(&streams, 7), 0);
    bench_forget();
    assert_int_equal(assign(), STATUS_OK); /* they come again */
    assert_string_equal(bench.calls, "positions_read ");
}

/* Nothing is noted before the group has gone there, and nothing is read before both. */
static void a_failure_leaves_the_partition_where_it_was(void **state)
{
    static const char *const FAILING[] = {"positions_read", "commit_wait", "positions_note"};
    (void)state;
    know_two_with_positions();
    for (size_t i = 0; i < 3; i++) {
        bench.fails = FAILING[i];
        assert_int_equal(assign(), STATUS_SOURCE_LOST);
        assert_string_equal(bench.input.from_start, "");
        assert_string_equal(bench.streams.positions[0], i < 2 ? "s-1" : "s-2");
    }
}

static void a_dry_run_and_an_empty_assignment_move_nothing(void **state)
{
    (void)state;
    know_two_with_positions();
    assert_int_equal(streams_note_assigned(&streams, NULL, 0, &err), STATUS_OK);
    bench.sink.writes = false;
    assert_int_equal(assign(), STATUS_OK);
    assert_string_equal(bench.calls, "");
}

/* --- levels --- */

static void the_number_of_an_earlier_stream_is_not_believed(void **state)
{
    (void)state;
    const struct level_key keys[3] = {{.item = 1}, {.item = 2}, {.item = 3}};
    const struct level_known rows[3] = {
        {.key = keys[0], .found = true, .quantity = 5, .missing = 2, .live = 2, .revision = 20},
        {.key = keys[1], .found = true, .quantity = 6, .revision = 21},
        {.key = keys[2]}};
    struct level_known known[3];
    bench.levels.known = rows;
    bench.c.first_revision = 20;
    assert_int_equal(streams_read_levels(&bench.c, keys, 3, known, &err), STATUS_OK);
    assert_int_equal(known[0].quantity, LEVEL_NOT_READ);
    assert_int_equal(known[0].missing, 2);
    assert_int_equal(known[0].live, 2);
    assert_int_equal(known[1].quantity, 6);
    assert_int_equal(known[2].quantity, 0);
    bench.levels.known = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAMS_TEST(without_a_stream_every_record_is_planned),
        STREAMS_TEST(a_record_is_of_the_present_an_earlier_or_an_unknown_stream),
        STREAMS_TEST(the_state_is_asked_for_an_unknown_stream_at_once_and_once_a_second),
        STREAMS_TEST(a_stream_that_the_state_knows_by_now_renews_the_session),
        STREAMS_TEST(the_first_stream_renews_the_session_too),
        STREAMS_TEST(partitions_of_another_stream_begin_with_the_present_one),
        STREAMS_TEST(a_failure_leaves_the_partition_where_it_was),
        STREAMS_TEST(a_dry_run_and_an_empty_assignment_move_nothing),
        STREAMS_TEST(the_number_of_an_earlier_stream_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

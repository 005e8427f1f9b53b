/* Role parents with a scripted topic, a database that only remembers, and a clock that the waits
 * move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/strbuf.h"
#include "common/model/product_stock.h"
#include "consumer/parents/parents_lane.h"

#define WALL   INT64_C(1795000000000000) /* when the virtual clock stands at 0 */
#define EVENTS 24

/* One poll. A zeroed one finds nothing. */
struct event {
    enum source_event_type type;
    int32_t partition; /* of ASSIGNED, REVOKED, LOST: the only one */
    int64_t offset;
    const char *product; /* the key */
    const char *cause;
    enum status rc;   /* instead of an event */
    bool stop;        /* the lane is asked to stop as well */
    int64_t after_us; /* nothing before this time */
};

/* Each of these is known to role parents only through a pointer, so the test defines them. */
struct record_source {
    bool open;
};
struct parents {
    bool open;
};

/* Everything outside of role parents. */
static struct {
    struct event script[EVENTS];
    size_t next;
    int64_t records_left; /* after the script: as many records with ascending products */
    int64_t now_us;
    size_t waits;
    struct record_source source;
    struct parents parents;
    size_t assigned;
    int32_t partition; /* that an event names */
    char key[PRODUCT_STOCK_KEY_SIZE];
    int64_t offset;
    struct strbuf journal; /* calls, in order */
    struct strbuf json;    /* published last */
    bool ready;
    enum status open_rc, mark_rc, commit_rc;
    size_t marks, failing_mark; /* calls; the one that fails with mark_rc, from 1; 0: none */
    size_t marks_per_product;
    bool no_kits;
    struct thread thread;
    struct parents_lane *lane;
} world;

/* --- the topic --- */

static enum status source_open(const struct record_source_options *options,
                               struct record_source **source,
                               struct err *err)
{
    (void)err;
    assert_string_equal(options->topic, "stock");
    assert_string_equal(options->group_id, "kits");
    world.source.open = true;
    *source = &world.source;
    return STATUS_OK;
}

static int source_fd(const struct record_source *source)
{
    assert_true(source->open);
    return 7;
}

static struct source_event record(int32_t partition, int64_t offset, const char *key)
{
    return (struct source_event){.type = SOURCE_RECORD,
                                 .partition = partition,
                                 .offset = offset,
                                 .timestamp_ms = WALL / 1000 - 1000,
                                 .key = {(const unsigned char *)key, strlen(key)}};
}

static enum status
source_poll(struct record_source *source, struct source_event *event, struct err *err)
{
    assert_true(source->open);
    if (world.next == EVENTS || (world.script[world.next].after_us > world.now_us)) {
        return STATUS_OK;
    }
    const struct event *e = &world.script[world.next];
    if (e->type == SOURCE_NOTHING && e->rc == STATUS_OK && !e->stop && world.records_left > 0) {
        world.records_left--;
        world.offset++;
        product_stock_format_key((int32_t)world.offset, world.key);
        *event = record(0, world.offset, world.key);
        return STATUS_OK;
    }
    world.next++;
    if (e->stop) {
        thread_ask_stop(&world.thread);
    }
    if (e->rc != STATUS_OK) {
        return err_set(err, e->rc, "no poll");
    }
    *event = (struct source_event){.type = e->type, .partition = e->partition};
    if (e->type == SOURCE_RECORD) {
        *event = record(e->partition, e->offset, e->product);
    }
    if (e->cause != NULL) {
        event->header_cause = (struct bytes){(const unsigned char *)e->cause, strlen(e->cause)};
    }
    if (e->type == SOURCE_ASSIGNED || e->type == SOURCE_REVOKED || e->type == SOURCE_LOST) {
        world.partition = e->partition;
        world.assigned += e->type == SOURCE_ASSIGNED ? 1 : -1U;
        event->partitions = &world.partition;
        event->partition_count = 1;
    }
    return STATUS_OK;
}

static void note_commit(const char *name, const struct partition_offset *list, size_t count)
{
    strbuf_append_text(&world.journal, name);
    for (size_t i = 0; i < count; i++) {
        strbuf_appendf(&world.journal, " %d:%lld", list[i].partition,
                       (long long)list[i].next_offset);
    }
    strbuf_append_text(&world.journal, "; ");
}

static void
source_commit(struct record_source *source, const struct partition_offset *list, size_t count)
{
    assert_true(source->open);
    note_commit("commit", list, count);
}

static enum status source_commit_wait(struct record_source *source,
                                      const struct partition_offset *list,
                                      size_t count,
                                      int timeout_ms,
                                      struct err *err)
{
    assert_true(source->open);
    assert_in_range(timeout_ms, 1, 10000);
    note_commit("commit_wait", list, count);
    return world.commit_rc == STATUS_OK ? STATUS_OK : err_set(err, world.commit_rc, "no commit");
}

static void source_release(struct record_source *source)
{
    assert_true(source->open);
    strbuf_append_text(&world.journal, "release; ");
}

static size_t source_assigned_count(const struct record_source *source)
{
    assert_true(source->open);
    return world.assigned;
}

static void source_close(struct record_source *source, int timeout_ms)
{
    assert_in_range(timeout_ms, 1, 10000);
    if (source != NULL) {
        source->open = false;
        strbuf_append_text(&world.journal, "close");
    }
    world.assigned = 0;
}

/* --- Odoo's database --- */

static struct parents *marks_create(const char *dsn)
{
    assert_string_equal(dsn, "odoo");
    return &world.parents;
}

static enum status marks_open(struct parents *parents, struct err *err)
{
    parents->open = world.open_rc == STATUS_OK;
    return parents->open ? STATUS_OK : err_set(err, world.open_rc, "no database");
}

static enum status marks_mark(struct parents *parents,
                              const struct component_batch *batch,
                              struct parents_marked *marked,
                              struct err *err)
{
    const size_t count = component_batch_count(batch);
    assert_true(parents->open);
    strbuf_append_text(&world.journal, "mark");
    for (size_t i = 0; i < count && count < 10; i++) {
        strbuf_appendf(&world.journal, " %d", component_batch_products(batch)[i]);
    }
    if (count >= 10) {
        strbuf_appendf(&world.journal, " %zu products", count);
    }
    if (++world.marks == world.failing_mark) {
        strbuf_append_text(&world.journal, " failed; ");
        return err_set(err, world.mark_rc, "no mark");
    }
    strbuf_append_text(&world.journal, "; ");
    *marked = (struct parents_marked){.marks = count * world.marks_per_product,
                                      .earliest_us = component_batch_times_us(batch)[0],
                                      .any_kits = !world.no_kits};
    return STATUS_OK;
}

static void marks_destroy(struct parents *parents)
{
    parents->open = false;
}

/* --- the clock --- */

static int64_t monotonic_us(void)
{
    return world.now_us;
}

static int64_t wall_us(void)
{
    return WALL + world.now_us;
}

/* When the topic has something to read; INT64_MAX: never. */
static int64_t readable_us(void)
{
    if (world.next == EVENTS) {
        return INT64_MAX;
    }
    const struct event *e = &world.script[world.next];
    bool nothing = e->type == SOURCE_NOTHING && e->rc == STATUS_OK && !e->stop;
    return nothing && world.records_left == 0 ? INT64_MAX : e->after_us;
}

/* Time passes to the end of the wait, or until the topic has something. */
static void wait_for(int wake_fd, int fd, int timeout_ms)
{
    (void)wake_fd;
    int64_t end_us = world.now_us + timeout_ms * INT64_C(1000);
    int64_t until_us = fd >= 0 && readable_us() < end_us ? readable_us() : end_us;
    if (++world.waits > 1000) {
        fail_msg("waits without end after: %s", world.journal.ptr);
    }
    world.now_us = until_us > world.now_us ? until_us : world.now_us;
}

static const struct parents_ports ports = {
    .source = {source_open, source_fd, source_poll, source_commit, source_commit_wait,
               source_release, source_assigned_count, source_close},
    .marks = {marks_create, marks_open, marks_mark, marks_destroy},
    .clock = {monotonic_us, wall_us, wait_for},
};

/* --- the tests' own --- */

static void publish(void *arg, bool ready, const char *json)
{
    (void)arg;
    world.ready = ready;
    strbuf_reset(&world.json);
    strbuf_append_text(&world.json, json);
}

static void make_lane(bool once)
{
    const struct parents_options options = {.topic = "stock",
                                            .odoo_dsn = "odoo",
                                            .group = "kits",
                                            .once = once,
                                            .view = {.publish = publish},
                                            .ports = &ports};
    parents_lane_free(world.lane);
    world.lane = parents_lane_new(&options);
}

static int set_up(void **fixture)
{
    (void)fixture;
    memset(&world, 0, sizeof world);
    world.now_us = INT64_C(5000000);
    world.marks_per_product = 1;
    world.thread.wake_fd = -1;
    strbuf_init(&world.journal, 10000);
    strbuf_init(&world.json, 10000);
    return 0;
}

static int tear_down(void **fixture)
{
    (void)fixture;
    parents_lane_free(world.lane);
    strbuf_release(&world.journal);
    strbuf_release(&world.json);
    return 0;
}

static void script(const struct event *events, size_t count)
{
    assert_in_range(count, 1, EVENTS);
    memset(world.script, 0, sizeof world.script);
    memcpy(world.script, events, count * sizeof *events);
    world.next = 0;
}

#define SCRIPT(...)                                                                                \
    do {                                                                                           \
        const struct event events[] = {__VA_ARGS__};                                               \
        script(events, sizeof events / sizeof events[0]);                                          \
    } while (0)

#define ASSIGNED(p)                                                                                \
    {                                                                                              \
        .type = SOURCE_ASSIGNED, .partition = (p)                                                  \
    }
#define RECORD(p, o, k)                                                                            \
    {                                                                                              \
        .type = SOURCE_RECORD, .partition = (p), .offset = (o), .product = (k)                     \
    }
#define AT_END(p)                                                                                  \
    {                                                                                              \
        .type = SOURCE_AT_END, .partition = (p)                                                    \
    }
#define NOTHING                                                                                    \
    {                                                                                              \
        .type = SOURCE_NOTHING                                                                     \
    }
#define STOP                                                                                       \
    {                                                                                              \
        .stop = true                                                                               \
    }

/* Runs one session and compares its calls. */
static void session_is(enum status expected, bool expected_worked, const char *calls)
{
    struct err err = {0};
    bool worked = false;
    strbuf_reset(&world.journal);
    assert_int_equal(parents_lane_session(world.lane, &world.thread, &worked, &err), expected);
    assert_string_equal(world.journal.ptr, calls);
    assert_int_equal(worked, expected_worked);
    assert_false(world.parents.open);
    assert_false(world.source.open);
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
    parents_lane_stopped(world.lane);
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
            "mark 1250 products; commit 0:1251; mark 2500 products; mark 1250 products; "
            "commit_wait 0:5001; close",
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

static void parents_lane_shows_why_a_session_failed(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    make_lane(false);
    (void)err_set(&err, STATUS_SOURCE_LOST, "connection lost");
    parents_lane_failed(world.lane, err.status, &err, 500);
    status_has("\"state\":\"broken\"");
    status_has("\"why\":\"connection lost\"");
    assert_false(world.ready);
    (void)err_set(&err, STATUS_DATABASE_UNFIT, "no table");
    parents_lane_failed(world.lane, err.status, &err, 500);
    status_has("\"state\":\"misconfigured\"");
    assert_true(world.ready); /* a restart would not fix it */
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
    assert_in_range(world.next, 9, EVENTS);
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
        LANE_TEST(parents_lane_shows_why_a_session_failed),
        LANE_TEST(parents_lane_commits_marks_before_a_partition_leaves),
        LANE_TEST(parents_lane_never_commits_for_a_partition_that_left),
        LANE_TEST(parents_lane_releases_although_the_commit_failed),
        LANE_TEST(parents_lane_commits_nothing_for_lost_partitions),
        LANE_TEST(parents_lane_with_once_waits_for_the_end_of_each_partition),
        LANE_TEST(parents_lane_drains_without_a_pause),
        LANE_TEST(parents_lane_drain_leaves_what_cannot_be_marked),
        LANE_TEST(parents_lane_asked_to_stop_at_once_reads_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

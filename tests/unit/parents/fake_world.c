#include "tests/unit/parents/fake_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WALL INT64_C(1795000000000000) /* when the clock stands at 0 */

struct fake_world world;

/* Role parents knows these only through pointers, so the fakes define them. */
struct record_source {
    bool open;
};
struct parents {
    bool open;
};
struct state {
    bool open;
};

static struct record_source the_source;
static struct parents the_database;
static struct state the_state;

/* --- the topic --- */

static enum status source_open(const struct record_source_options *options,
                               struct record_source **source,
                               struct err *err)
{
    (void)err;
    assert_string_equal(options->topic, "stock");
    assert_string_equal(options->group_id, "kits");
    the_source.open = true;
    source_health_begin(&world.source_health, world.now_us);
    *source = &the_source;
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
    if (world.silent_from_us == 0 || world.now_us < world.silent_from_us) {
        const struct kafka_stats stats = {.received = world.source_health.received + 1};
        source_health_note_stats(&world.source_health, &stats, world.now_us);
    }
    if (world.next == FAKE_EVENTS || (world.script[world.next].after_us > world.now_us)) {
        return STATUS_OK;
    }
    const struct fake_event *e = &world.script[world.next];
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
        source_health_note_failure(&world.source_health, world.now_us, e->rc == STATUS_BROKER_LOST,
                                   "no poll");
        return err_set(err, e->rc, "no poll");
    }
    *event = (struct source_event){.type = e->type, .partition = e->partition};
    if (e->type == SOURCE_RECORD) {
        *event = record(e->partition, e->offset, e->product);
    }
    world.stream = e->then_stream != NULL ? e->then_stream : world.stream;
    event->offset = e->offset;
    event->gone_back_from = e->gone_back_from;
    if (e->cause != NULL) {
        event->header_cause = (struct bytes){(const unsigned char *)e->cause, strlen(e->cause)};
    }
    if (e->type == SOURCE_ASSIGNED || e->type == SOURCE_REVOKED || e->type == SOURCE_LOST) {
        world.partition = e->partition;
        if (e->type == SOURCE_ASSIGNED) {
            source_health_note_joined(&world.source_health, world.now_us);
        } else if (e->type == SOURCE_LOST) {
            source_health_note_lost(&world.source_health, world.now_us);
        }
        world.assigned = e->type == SOURCE_ASSIGNED ? world.assigned + 1 : world.assigned - 1;
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

static const struct source_health *source_show_health(const struct record_source *source)
{
    assert_true(source->open);
    return &world.source_health;
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

static void source_read_from(struct record_source *source, int32_t partition, int64_t offset)
{
    assert_true(source->open);
    strbuf_appendf(&world.journal, "read_from %d:%lld; ", partition, (long long)offset);
}

/* --- the state --- */

static struct state *streams_create(const char *dsn, const char *store)
{
    assert_string_equal(dsn, "state");
    assert_string_equal(store, "kits");
    return &the_state;
}

static enum status streams_open(struct state *s, struct err *err)
{
    (void)err;
    s->open = true;
    return STATUS_OK;
}

static enum status streams_read(struct state *s,
                                void (*each)(void *arg, const struct state_stream *stream),
                                void *arg,
                                struct err *err)
{
    struct state_stream one = {.why = "topic"};
    (void)err;
    assert_true(s->open);
    if (world.stream != NULL) {
        (void)snprintf(one.id, sizeof one.id, "%s", world.stream);
        each(arg, &one);
        each(arg, &(struct state_stream){.id = "earlier"});
    }
    return STATUS_OK;
}

/* The present stream begins at 30 in every partition. */
static enum status streams_positions(struct state *s,
                                     const struct state_stream *stream,
                                     struct state_position *list,
                                     size_t count,
                                     struct err *err)
{
    (void)err;
    assert_true(s->open);
    assert_string_equal(stream->id, world.stream);
    for (size_t i = 0; i < count; i++) {
        list[i].first_offset = 30;
        (void)snprintf(list[i].stream, sizeof list[i].stream, "%s",
                       world.position != NULL ? world.position : "");
    }
    return STATUS_OK;
}

static enum status streams_note(struct state *s,
                                const struct state_stream *stream,
                                const int32_t *partitions,
                                size_t count,
                                struct err *err)
{
    (void)err;
    (void)partitions;
    assert_true(s->open);
    strbuf_appendf(&world.journal, "note %s %zu; ", stream->id, count);
    world.position = world.stream;
    return STATUS_OK;
}

static void streams_destroy(struct state *s)
{
    s->open = false;
}

/* --- Odoo's database --- */

static struct parents *marks_create(const char *dsn)
{
    assert_string_equal(dsn, "odoo");
    return &the_database;
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

static enum status marks_probe(struct parents *parents, struct err *err)
{
    assert_true(parents->open);
    world.probes++;
    return world.probe_rc == STATUS_OK ? STATUS_OK : err_set(err, world.probe_rc, "no answer");
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
    if (world.next == FAKE_EVENTS) {
        return INT64_MAX;
    }
    const struct fake_event *e = &world.script[world.next];
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

const struct parents_ports fake_ports = {
    .source = {source_open, source_fd, source_poll, source_commit, source_commit_wait,
               source_read_from, source_release, source_assigned_count, source_show_health,
               source_close},
    .marks = {marks_create, marks_open, marks_mark, marks_probe, marks_destroy},
    .streams = {streams_create, streams_open, streams_read, streams_positions, streams_note,
                streams_destroy},
    .clock = {monotonic_us, wall_us, wait_for},
};

void fake_world_open(void)
{
    world = (struct fake_world){
        .now_us = INT64_C(5000000), .marks_per_product = 1, .thread = {.wake_fd = -1}};
    strbuf_init(&world.journal, 10000);
    strbuf_init(&world.json, 10000);
    strbuf_init(&world.states, 100000);
}

void fake_world_close(void)
{
    strbuf_release(&world.journal);
    strbuf_release(&world.json);
    strbuf_release(&world.states);
}

bool fake_world_is_left(void)
{
    return !the_source.open && !the_database.open && !the_state.open;
}

void fake_world_script(const struct fake_event *events, size_t count)
{
    assert_in_range(count, 1, FAKE_EVENTS);
    memset(world.script, 0, sizeof world.script);
    memcpy(world.script, events, count * sizeof *events);
    world.next = 0;
}

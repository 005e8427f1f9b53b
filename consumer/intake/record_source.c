#include "consumer/intake/record_source.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/kafka/kafka_assignor.h"
#include "common/kafka/kafka_conf.h"
#include "common/kafka/kafka_err.h"
#include "common/kafka/kafka_log.h"
#include "consumer/intake/assignment.h"
#include "consumer/intake/message.h"
#include "consumer/intake/offset_watch.h"
#include "consumer/intake/partitioner.h"

#define MOD "intake"
/* While leaving the group, its events are served in steps, so that the deadline is seen. */
#define CLOSE_STEP_MS 100
/* A broker has just spoken to us. */
#define COUNT_LIMIT_MS 1000

/* A rebalance event; poll answers it and hands it to the caller. */
struct note {
    enum source_event_type type; /* ASSIGNED, REVOKED or LOST */
    rd_kafka_topic_partition_list_t *list;
};

struct record_source {
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    int fd;
    char *topic;
    char *group;
    struct metrics {
        struct metric *commit_failures, *gone_back;
    } metrics;
    struct assignment assignment;
    struct offset_watch watch;
    struct note *notes; /* in order of arrival; removed by poll or close */
    size_t note_count;
    size_t note_cap;
    int32_t *listed; /* partition list of the last event */
    size_t listed_cap;
    rd_kafka_message_t *message; /* of the last event */
    rd_kafka_message_t *held;    /* came together with a note: next after it */
    int32_t partition_count;     /* of the topic; 0: not known yet */
    bool closing;
    bool brokers_down; /* since the last poll */
    struct source_health health;
};

static const struct metric_row METRIC_ROWS[] = {
    {.offset = offsetof(struct metrics, commit_failures),
     .kind = METRIC_COUNTER,
     .name = "stocksync_kafka_commit_failures_total",
     .help = "offset commits that the group refused"},
    {.offset = offsetof(struct metrics, gone_back),
     .kind = METRIC_COUNTER,
     .name = "stocksync_kafka_offsets_gone_back_total",
     .help = "times a partition was found at a smaller offset than it had before"},
};

const struct metric_table record_source_metric_table = {
    .rows = METRIC_ROWS, .count = sizeof METRIC_ROWS / sizeof METRIC_ROWS[0], .label = "group"};

/* --- callbacks: run inside our polls --- */

static void on_rebalance(rd_kafka_t *client,
                         rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list,
                         void *opaque)
{
    struct record_source *s = opaque;
    if (s->closing) {
        /* Also for an assignment that comes too late: nothing is kept. */
        assignment_remove(&s->assignment, list);
        return;
    }
    if (s->note_count == s->note_cap) {
        s->note_cap = mem_grow_capacity(s->note_cap, s->note_count + 1);
        s->notes = mem_realloc(s->notes, s->note_cap, sizeof *s->notes);
    }
    enum source_event_type type = SOURCE_LOST;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        type = SOURCE_ASSIGNED;
    } else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS &&
               rd_kafka_assignment_lost(client) == 0) {
        type = SOURCE_REVOKED;
    }
    s->notes[s->note_count++] =
        (struct note){.type = type, .list = rd_kafka_topic_partition_list_copy(list)};
}

static void on_commit(rd_kafka_t *client,
                      rd_kafka_resp_err_t code,
                      rd_kafka_topic_partition_list_t *list,
                      void *opaque)
{
    struct record_source *s = opaque;
    (void)client;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NO_OFFSET) {
        log_debug(MOD, "committed", LF_TEXT("group", s->group),
                  LF_INT("count", list != NULL ? list->cnt : 0));
        return;
    }
    /* Normal during a rebalance; the offsets are offered again with the next commit. */
    metric_add(s->metrics.commit_failures, 1);
    log_warn(MOD, "commit_failed", LF_TEXT("group", s->group),
             LF_TEXT("origin", rd_kafka_err2name(code)), LF_MSG(rd_kafka_err2str(code)));
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    struct record_source *s = opaque;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        s->brokers_down = true;
    }
    kafka_log_error_event(client, code, reason);
}

/* Once a second. */
static int on_stats(rd_kafka_t *client, char *json, size_t len, void *opaque)
{
    struct record_source *s = opaque;
    struct kafka_stats stats;
    (void)client;
    if (kafka_stats_read(json, len, &stats)) {
        source_health_note_stats(&s->health, &stats, clock_monotonic_us());
    }
    return 0; /* librdkafka frees the text */
}

/* --- opening --- */

static enum status
make_client(const struct record_source_options *options, struct record_source *s, struct err *err)
{
    const struct kafka_identity identity = {
        .role = KAFKA_CONSUMER, .client_id = options->client_id, .group_id = options->group_id};
    void *conf = NULL;
    char text[300];
    const enum status rc = kafka_conf_build(options->kafka, &identity, &conf, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rd_kafka_conf_set_opaque(conf, s);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_stats_cb(conf, on_stats);
    s->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (s->client == NULL) {
        rd_kafka_conf_destroy(conf);
        return err_set(err, STATUS_CONFIG, "kafka client: %s", text);
    }
    (void)rd_kafka_poll_set_consumer(s->client);
    (void)rd_kafka_set_log_queue(s->client, NULL);
    return STATUS_OK;
}

static enum status subscribe(struct record_source *s, struct err *err)
{
    const uint64_t one = 1;
    s->queue = rd_kafka_queue_get_consumer(s->client);
    rd_kafka_queue_io_event_enable(s->queue, s->fd, &one, sizeof one);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(topics, s->topic, RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t code = rd_kafka_subscribe(s->client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return err_set_origin(err, STATUS_CONFIG, rd_kafka_err2name(code),
                              "subscribing to '%s': %s", s->topic, rd_kafka_err2str(code));
    }
    return STATUS_OK;
}

enum status record_source_open(const struct record_source_options *options,
                               struct record_source **source,
                               struct err *err)
{
    struct record_source *s = mem_calloc(1, sizeof *s);
    s->topic = mem_strdup(options->topic);
    s->group = mem_strdup(options->group_id);
    source_health_begin(&s->health, clock_monotonic_us());
    metric_table_register(&record_source_metric_table, options->group_id, &s->metrics);
    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    INVARIANT(s->fd >= 0, "eventfd: errno %d", errno);
    enum status rc = make_client(options, s, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    s->assignment =
        (struct assignment){.client = s->client,
                            .topic = s->topic,
                            .group = s->group,
                            .is_cooperative = kafka_assignor_of(options->kafka).is_cooperative};
    rc = subscribe(s, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    *source = s;
    s = NULL;
out:
    record_source_close(s, 0);
    return rc;
}

int record_source_fd(const struct record_source *source)
{
    return source->fd;
}

/* --- polling --- */

static void drop_message(rd_kafka_message_t **message)
{
    if (*message != NULL) {
        rd_kafka_message_destroy(*message);
        *message = NULL;
    }
}

static void fill_event(struct record_source *s, const struct note *note, struct source_event *event)
{
    const size_t count = (size_t)note->list->cnt;
    if (count > s->listed_cap) {
        s->listed_cap = mem_grow_capacity(s->listed_cap, count);
        s->listed = mem_realloc(s->listed, s->listed_cap, sizeof *s->listed);
    }
    for (size_t i = 0; i < count; i++) {
        s->listed[i] = note->list->elems[i].partition;
    }
    event->type = note->type;
    event->partitions = s->listed;
    event->partition_count = count;
}

static void count_partitions(struct record_source *s)
{
    if (s->partition_count == 0) {
        s->partition_count = partitioner_count(s->client, s->topic, COUNT_LIMIT_MS);
    }
}

/* Where each of the partitions that enter must go on, as far as the group knows it. */
static void expect_committed(struct record_source *s)
{
    rd_kafka_topic_partition_list_t *list = assignment_committed(&s->assignment, COUNT_LIMIT_MS);
    const rd_kafka_topic_partition_list_t *known = list != NULL ? list : s->assignment.entering;
    for (int i = 0; i < known->cnt; i++) {
        offset_watch_expect(&s->watch, known->elems[i].partition,
                            list != NULL ? known->elems[i].offset : -1);
    }
    if (list != NULL) {
        rd_kafka_topic_partition_list_destroy(list);
    }
}

/* Answers the oldest note towards the client and hands it to the caller. */
static void take_note(struct record_source *s, struct source_event *event)
{
    struct note note = s->notes[0];
    s->note_count--;
    memmove(s->notes, s->notes + 1, s->note_count * sizeof *s->notes);
    fill_event(s, &note, event);
    /* A newer rebalance ends the one that the caller still drains for. */
    assignment_release_leaving(&s->assignment);
    if (note.type == SOURCE_REVOKED) {
        assignment_begin_leaving(&s->assignment, note.list);
        return;
    }
    if (note.type == SOURCE_ASSIGNED) {
        source_health_note_joined(&s->health, clock_monotonic_us());
        assignment_begin_entering(&s->assignment, note.list);
        expect_committed(s);
        s->partition_count = 0; /* more of them are a reason for a rebalance */
        count_partitions(s);
        return;
    }
    source_health_note_lost(&s->health, clock_monotonic_us());
    assignment_remove(&s->assignment, note.list);
    rd_kafka_topic_partition_list_destroy(note.list);
}

/* Somebody created the topic again, or put an older log in its place. */
static void watch_offset(struct record_source *s, struct source_event *event)
{
    event->gone_back_from = offset_watch_note(&s->watch, event->partition, event->offset);
    if (event->gone_back_from > 0) {
        metric_add(s->metrics.gone_back, 1);
        log_warn(MOD, "offset_went_back", LF_TEXT("group", s->group), LF_TEXT("topic", s->topic),
                 LF_INT("partition", event->partition), LF_INT("from", event->gone_back_from),
                 LF_INT("to", event->offset),
                 LF_MSG("the topic was created again, or an older log was put in its place: it is "
                        "read from what is there"));
    }
}

/* Leaves the event SOURCE_NOTHING when the message is not for the caller. */
static enum status take_message(struct record_source *s,
                                rd_kafka_message_t *message,
                                struct source_event *event,
                                struct err *err)
{
    const rd_kafka_resp_err_t code = message->err;
    s->message = message;
    if (code == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED) {
        log_warn(MOD, "poll_exceeded", LF_TEXT("group", s->group),
                 LF_MSG("not polled for max.poll.interval.ms: the group took the partitions away"));
        return STATUS_OK;
    }
    if (code == RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL) {
        return err_set_origin(err, STATUS_CONFIG, rd_kafka_err2name(code),
                              "other members of group '%s' divide its partitions in another way "
                              "(older or newer librdkafka, or " KAFKA_ASSIGNOR_PROPERTY
                              "): stop all members, then start them",
                              s->group);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        const enum status rc = kafka_err_code(err, code, "reading the topic");
        return err_set_origin(err, rc, rd_kafka_err2name(code), "reading topic '%s': %s", s->topic,
                              rd_kafka_message_errstr(message));
    }
    /* The next owner of a leaving partition reads its records again. */
    if (!assignment_delivers(&s->assignment, message->partition)) {
        return STATUS_OK;
    }
    event->partition = message->partition;
    event->offset = message->offset;
    watch_offset(s, event);
    if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        event->type = SOURCE_AT_END;
        count_partitions(s);
        return STATUS_OK;
    }
    event->type = SOURCE_RECORD;
    event->timestamp_ms = rd_kafka_message_timestamp(message, NULL);
    event->key = bytes_of(message->key, message->key_len);
    event->value = bytes_of(message->payload, message->len);
    event->header_revision = message_revision(message);
    event->header_cause = message_header(message, "cause");
    event->header_database = message_header(message, "database");
    event->header_stream = message_header(message, "stream");
    return STATUS_OK;
}

static void clear_fd(const struct record_source *s)
{
    uint64_t ignored = 0;
    (void)!read(s->fd, &ignored, sizeof ignored);
}

/* The next message or NULL. The descriptor is cleared before the last poll, so that no message is
 * missed in between. */
static rd_kafka_message_t *next_message(struct record_source *s)
{
    rd_kafka_message_t *message = s->held;
    s->held = NULL;
    if (message == NULL) {
        message = rd_kafka_consumer_poll(s->client, 0);
    }
    if (message == NULL && s->note_count == 0) {
        clear_fd(s);
        message = rd_kafka_consumer_poll(s->client, 0);
    }
    return message;
}

static enum status check_client(struct record_source *s, struct err *err)
{
    char text[300];
    const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(s->client, text, sizeof text);
    if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return err_set_origin(err, STATUS_CLIENT_BROKEN, rd_kafka_err2name(fatal),
                              "kafka client: %s", text);
    }
    if (s->brokers_down) {
        s->brokers_down = false;
        return err_set(err, STATUS_BROKER_LOST, SOURCE_DOWN);
    }
    return STATUS_OK;
}

static enum status take_event(struct record_source *s, struct source_event *event, struct err *err)
{
    assignment_enter(&s->assignment);
    for (;;) {
        *event = (struct source_event){.type = SOURCE_NOTHING, .timestamp_ms = -1};
        drop_message(&s->message);
        if (s->note_count > 0) {
            take_note(s, event);
            return STATUS_OK;
        }
        rd_kafka_message_t *message = next_message(s);
        if (s->note_count > 0) {
            s->held = message;
            continue;
        }
        if (message == NULL) {
            return check_client(s, err);
        }
        const enum status rc = take_message(s, message, event, err);
        if (rc != STATUS_OK || event->type != SOURCE_NOTHING) {
            return rc;
        }
    }
}

enum status
record_source_poll(struct record_source *source, struct source_event *event, struct err *err)
{
    const enum status rc = take_event(source, event, err);
    if (rc != STATUS_OK) {
        source_health_note_failure(&source->health, clock_monotonic_us(), rc == STATUS_BROKER_LOST,
                                   err->msg);
    }
    return rc;
}

const struct source_health *record_source_health(const struct record_source *source)
{
    return &source->health;
}

/* --- offsets --- */

void record_source_commit(struct record_source *source,
                          const struct partition_offset *list,
                          size_t count)
{
    rd_kafka_topic_partition_list_t *offsets = assignment_pick(&source->assignment, list, count);
    if (offsets == NULL) {
        return;
    }
    const rd_kafka_resp_err_t code = rd_kafka_commit(source->client, offsets, 1);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        on_commit(source->client, code, offsets, source);
    }
    rd_kafka_topic_partition_list_destroy(offsets);
}

enum status record_source_commit_wait(struct record_source *source,
                                      const struct partition_offset *list,
                                      size_t count,
                                      int timeout_ms,
                                      struct err *err)
{
    rd_kafka_topic_partition_list_t *offsets = assignment_pick(&source->assignment, list, count);
    if (offsets == NULL) {
        return STATUS_OK;
    }
    rd_kafka_queue_t *answer = rd_kafka_queue_new(source->client);
    rd_kafka_resp_err_t code = rd_kafka_commit_queue(source->client, offsets, answer, NULL, NULL);
    rd_kafka_topic_partition_list_destroy(offsets);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(answer, timeout_ms);
        code = event != NULL ? message_commit_result(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
        if (event != NULL) {
            rd_kafka_event_destroy(event);
        }
    }
    rd_kafka_queue_destroy(answer);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        metric_add(source->metrics.commit_failures, 1);
    }
    return kafka_err_code(err, code, "committing offsets");
}

void record_source_read_from(struct record_source *source, int32_t partition, int64_t offset)
{
    if (assignment_read_from(&source->assignment, partition, offset)) {
        offset_watch_expect(&source->watch, partition, offset);
    }
}

void record_source_release_partitions(struct record_source *source)
{
    assignment_release_leaving(&source->assignment);
    if (source->assignment.count == 0) {
        source_health_note_left(&source->health);
    }
}

void record_source_pause(struct record_source *source, int32_t partition, bool paused)
{
    assignment_enter(&source->assignment);
    assignment_pause(&source->assignment, partition, paused);
}

int32_t record_source_partition_count(const struct record_source *source)
{
    return source->partition_count;
}

int32_t record_source_partition_of(const struct record_source *source, int32_t product_id)
{
    return partitioner_place(product_id, source->partition_count);
}

size_t record_source_assigned_count(const struct record_source *source)
{
    return source->assignment.count;
}

/* --- closing --- */

/* Answers the notes that are left, so that the client does not wait for us. */
static void settle_notes(struct record_source *s)
{
    assignment_enter(&s->assignment);
    assignment_release_leaving(&s->assignment);
    for (size_t i = 0; i < s->note_count; i++) {
        assignment_remove(&s->assignment, s->notes[i].list);
        rd_kafka_topic_partition_list_destroy(s->notes[i].list);
    }
    s->note_count = 0;
}

/*
 * One event of the closing client. Events instead of callbacks: records that were fetched and not
 * polled are still in the queue, and a queue that serves callbacks aborts the process on them.
 */
static void serve_close(struct record_source *s, rd_kafka_queue_t *events)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(events, CLOSE_STEP_MS);
    if (event != NULL && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
        assignment_remove(&s->assignment, rd_kafka_event_topic_partition_list(event));
    }
    rd_kafka_event_destroy(event);
}

/* @return false: the client hangs, and destroying it would hang us too */
static bool leave_group(struct record_source *s, int timeout_ms)
{
    const int64_t deadline_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    rd_kafka_queue_t *events = rd_kafka_queue_new(s->client);
    bool closed = false;
    struct err err;
    if (kafka_err_object(&err, rd_kafka_consumer_close_queue(s->client, events),
                         "leaving the group") != STATUS_OK) {
        log_failure(LOG_WARN, MOD, "close", &err, LOG_FIELDS(LF_TEXT("group", s->group)));
    }
    do {
        serve_close(s, events);
        closed = rd_kafka_consumer_closed(s->client) != 0;
    } while (!closed && clock_left_ms(deadline_us) > 0);
    if (closed) {
        rd_kafka_queue_destroy(events);
    }
    return closed;
}

static void close_client(struct record_source *s, int timeout_ms)
{
    if (s->queue != NULL) {
        rd_kafka_queue_io_event_enable(s->queue, -1, NULL, 0);
        settle_notes(s);
        rd_kafka_queue_destroy(s->queue);
    }
    if (leave_group(s, timeout_ms)) {
        rd_kafka_destroy_flags(s->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    } else {
        log_warn(
            MOD, "close_hangs", LF_TEXT("group", s->group),
            LF_MSG("did not leave the group in time; the broker notices when the session ends"));
    }
}

void record_source_close(struct record_source *source, int timeout_ms)
{
    struct record_source *s = source;
    if (s == NULL) {
        return;
    }
    s->closing = true;
    drop_message(&s->message);
    drop_message(&s->held);
    if (s->client != NULL) {
        close_client(s, timeout_ms);
    }
    (void)close(s->fd);
    mem_free(s->notes);
    assignment_free_lists(&s->assignment);
    offset_watch_release(&s->watch);
    mem_free(s->listed);
    mem_free(s->topic);
    mem_free(s->group);
    mem_free(s);
}

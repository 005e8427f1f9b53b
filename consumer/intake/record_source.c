#include "consumer/intake/record_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/metric.h"
#include "common/kafka/kafka_conf.h"
#include "common/kafka/kafka_err.h"
#include "common/kafka/kafka_log.h"

#define MOD "intake"
/* While leaving the group, its events are served in steps, so that the deadline is seen. */
#define CLOSE_STEP_MS 100
#define NUMBER_SIZE   24

/* What a rebalance callback noted; poll answers it and tells the caller. */
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
    struct metric *commit_failures;
    struct note *notes; /* in order of arrival; leave by poll or close */
    size_t note_count;
    size_t note_cap;
    rd_kafka_topic_partition_list_t
        *leaving; /* revoked, and not released by the caller yet; else NULL */
    int32_t *assigned;
    size_t assigned_count;
    size_t assigned_cap;
    int32_t *told; /* partition list of the last event */
    size_t told_cap;
    rd_kafka_message_t *message; /* of the last event */
    rd_kafka_message_t *held;    /* came together with a note: next after it */
    bool paused;
    bool closing;
    bool brokers_down;
};

/* --- the assignment, as the client was told --- */

static bool has_partition(const rd_kafka_topic_partition_list_t *list, int32_t partition)
{
    for (int i = 0; list != NULL && i < list->cnt; i++) {
        if (list->elems[i].partition == partition) {
            return true;
        }
    }
    return false;
}

static bool is_assigned(const struct record_source *s, int32_t partition)
{
    for (size_t i = 0; i < s->assigned_count; i++) {
        if (s->assigned[i] == partition) {
            return true;
        }
    }
    return false;
}

static void remember(struct record_source *s, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        if (is_assigned(s, list->elems[i].partition)) {
            continue;
        }
        if (s->assigned_count == s->assigned_cap) {
            s->assigned_cap = mem_grow_capacity(s->assigned_cap, s->assigned_count + 1);
            s->assigned = mem_realloc(s->assigned, s->assigned_cap, sizeof *s->assigned);
        }
        s->assigned[s->assigned_count++] = list->elems[i].partition;
    }
}

static void forget(struct record_source *s, const rd_kafka_topic_partition_list_t *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->assigned_count; i++) {
        if (!has_partition(list, s->assigned[i])) {
            s->assigned[kept++] = s->assigned[i];
        }
    }
    s->assigned_count = kept;
}

static void log_refused(const char *event, struct record_source *s, rd_kafka_error_t *error)
{
    struct err err;
    if (kafka_err_object(&err, error, "rebalance") != STATUS_OK) {
        log_failure(LOG_WARN, MOD, event, &err, LOG_FIELDS(LF_TEXT("group", s->group)));
    }
}

static void assign(struct record_source *s, const rd_kafka_topic_partition_list_t *list)
{
    log_refused("assign", s, rd_kafka_incremental_assign(s->client, list));
    remember(s, list);
}

static void unassign(struct record_source *s, const rd_kafka_topic_partition_list_t *list)
{
    forget(s, list);
    log_refused("unassign", s, rd_kafka_incremental_unassign(s->client, list));
}

/* --- callbacks: run inside our polls --- */

static void on_rebalance(rd_kafka_t *client,
                         rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list,
                         void *opaque)
{
    struct record_source *s = opaque;
    if (s->closing) {
        /* Also for an assignment that comes too late: nothing is to be kept. */
        unassign(s, list);
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
    metric_add(s->commit_failures, 1);
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

/* --- opening --- */

static enum status
make_client(const struct record_source_options *options, struct record_source *s, struct err *err)
{
    const struct kafka_identity identity = {
        .role = KAFKA_CONSUMER, .client_id = options->client_id, .group_id = options->group_id};
    void *conf = NULL;
    char text[300];
    const enum status status = kafka_conf_build(options->kafka, &identity, &conf, err);
    if (status != STATUS_OK) {
        return status;
    }
    rd_kafka_conf_set_opaque(conf, s);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
    rd_kafka_conf_set_error_cb(conf, on_error);
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
    s->commit_failures =
        metric_counter("stocksync_kafka_commit_failures_total",
                       "offset commits that the group refused", "group", options->group_id);
    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    INVARIANT(s->fd >= 0, "eventfd: errno %d", errno);
    enum status status = make_client(options, s, err);
    if (status == STATUS_OK) {
        status = subscribe(s, err);
    }
    if (status != STATUS_OK) {
        record_source_close(s, 0);
        return status;
    }
    *source = s;
    return STATUS_OK;
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

static void apply_pause(struct record_source *s, bool paused)
{
    if (s->assigned_count == 0) {
        return;
    }
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)s->assigned_count);
    for (size_t i = 0; i < s->assigned_count; i++) {
        (void)rd_kafka_topic_partition_list_add(list, s->topic, s->assigned[i]);
    }
    const rd_kafka_resp_err_t code = paused ? rd_kafka_pause_partitions(s->client, list)
                                            : rd_kafka_resume_partitions(s->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        log_warn(MOD, "pause_failed", LF_TEXT("group", s->group), LF_MSG(rd_kafka_err2str(code)));
    }
}

static void tell(struct record_source *s, const struct note *note, struct source_event *event)
{
    const size_t count = (size_t)note->list->cnt;
    if (count > s->told_cap) {
        s->told_cap = mem_grow_capacity(s->told_cap, count);
        s->told = mem_realloc(s->told, s->told_cap, sizeof *s->told);
    }
    for (size_t i = 0; i < count; i++) {
        s->told[i] = note->list->elems[i].partition;
    }
    event->type = note->type;
    event->partitions = s->told;
    event->partition_count = count;
}

/* Answers the oldest note towards the client and hands it on. */
static void take_note(struct record_source *s, struct source_event *event)
{
    struct note note = s->notes[0];
    s->note_count--;
    memmove(s->notes, s->notes + 1, s->note_count * sizeof *s->notes);
    tell(s, &note, event);
    /* A newer rebalance than the one the caller still drains for: that one has no claim any more.
     */
    record_source_release_partitions(s);
    if (note.type == SOURCE_REVOKED) {
        s->leaving = note.list;
        return;
    }
    if (note.type == SOURCE_ASSIGNED) {
        assign(s, note.list);
        if (s->paused) {
            apply_pause(s, true);
        }
    } else {
        unassign(s, note.list);
    }
    rd_kafka_topic_partition_list_destroy(note.list);
}

/* The last header of that name; ptr NULL when absent. */
static struct bytes find_header(const rd_kafka_message_t *message, const char *name)
{
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t size = 0;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return bytes_of(NULL, 0);
    }
    return bytes_of(value, size);
}

static int64_t header_revision(const rd_kafka_message_t *message)
{
    const struct bytes value = find_header(message, "revision");
    char text[NUMBER_SIZE] = "";
    if (value.ptr == NULL || value.len >= sizeof text) {
        return 0;
    }
    memcpy(text, value.ptr, value.len);
    char *end = NULL;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    return errno == 0 && end == text + value.len && number > 0 ? number : 0;
}

/* Leaves the event SOURCE_NOTHING when the message is none for the caller. */
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
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        const enum status status = kafka_err_code(err, code, "reading the topic");
        return err_set_origin(err, status, rd_kafka_err2name(code), "reading topic '%s': %s",
                              s->topic, rd_kafka_message_errstr(message));
    }
    /* What leaves is read again by the partition's next owner. */
    if (!is_assigned(s, message->partition) || has_partition(s->leaving, message->partition)) {
        return STATUS_OK;
    }
    event->partition = message->partition;
    if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        event->type = SOURCE_AT_END;
        return STATUS_OK;
    }
    event->type = SOURCE_RECORD;
    event->offset = message->offset;
    event->timestamp_ms = rd_kafka_message_timestamp(message, NULL);
    event->key = bytes_of(message->key, message->key_len);
    event->value = bytes_of(message->payload, message->len);
    event->header_revision = header_revision(message);
    event->header_cause = find_header(message, "cause");
    event->header_database = find_header(message, "database");
    return STATUS_OK;
}

static void clear_fd(const struct record_source *s)
{
    uint64_t ignored = 0;
    (void)!read(s->fd, &ignored, sizeof ignored);
}

/* The next message or NULL. The descriptor is cleared before the last look, so that nothing can
 * slip in between. */
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
        return err_set(err, STATUS_BROKER_LOST, "no broker of the Kafka cluster answers");
    }
    return STATUS_OK;
}

enum status
record_source_poll(struct record_source *source, struct source_event *event, struct err *err)
{
    struct record_source *s = source;
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
        const enum status status = take_message(s, message, event, err);
        if (status != STATUS_OK || event->type != SOURCE_NOTHING) {
            return status;
        }
    }
}

/* --- offsets --- */

/* NULL when nothing is left of the list. */
static rd_kafka_topic_partition_list_t *
prune(const struct record_source *s, const struct partition_offset *list, size_t count)
{
    rd_kafka_topic_partition_list_t *pruned = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        if (is_assigned(s, list[i].partition)) {
            rd_kafka_topic_partition_list_add(pruned, s->topic, list[i].partition)->offset =
                list[i].next_offset;
        }
    }
    if (pruned->cnt == 0) {
        rd_kafka_topic_partition_list_destroy(pruned);
        return NULL;
    }
    return pruned;
}

void record_source_commit(struct record_source *source,
                          const struct partition_offset *list,
                          size_t count)
{
    rd_kafka_topic_partition_list_t *offsets = prune(source, list, count);
    if (offsets == NULL) {
        return;
    }
    const rd_kafka_resp_err_t code = rd_kafka_commit(source->client, offsets, 1);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        on_commit(source->client, code, offsets, source);
    }
    rd_kafka_topic_partition_list_destroy(offsets);
}

/* The first error of a finished commit, of the whole or of one partition. */
static rd_kafka_resp_err_t commit_result(rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    for (int i = 0; list != NULL && code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++) {
        code = list->elems[i].err;
    }
    return code;
}

enum status record_source_commit_wait(struct record_source *source,
                                      const struct partition_offset *list,
                                      size_t count,
                                      int timeout_ms,
                                      struct err *err)
{
    rd_kafka_topic_partition_list_t *offsets = prune(source, list, count);
    if (offsets == NULL) {
        return STATUS_OK;
    }
    rd_kafka_queue_t *answer = rd_kafka_queue_new(source->client);
    rd_kafka_resp_err_t code = rd_kafka_commit_queue(source->client, offsets, answer, NULL, NULL);
    rd_kafka_topic_partition_list_destroy(offsets);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(answer, timeout_ms);
        code = event != NULL ? commit_result(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
        if (event != NULL) {
            rd_kafka_event_destroy(event);
        }
    }
    rd_kafka_queue_destroy(answer);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        metric_add(source->commit_failures, 1);
    }
    return kafka_err_code(err, code, "committing offsets");
}

void record_source_release_partitions(struct record_source *source)
{
    if (source->leaving == NULL) {
        return;
    }
    unassign(source, source->leaving);
    rd_kafka_topic_partition_list_destroy(source->leaving);
    source->leaving = NULL;
}

void record_source_pause(struct record_source *source, bool paused)
{
    if (source->paused != paused) {
        source->paused = paused;
        apply_pause(source, paused);
    }
}

size_t record_source_assigned_count(const struct record_source *source)
{
    return source->assigned_count;
}

/* --- closing --- */

/* Answers what was noted, so that the client does not wait for us. */
static void settle_notes(struct record_source *s)
{
    record_source_release_partitions(s);
    for (size_t i = 0; i < s->note_count; i++) {
        unassign(s, s->notes[i].list);
        rd_kafka_topic_partition_list_destroy(s->notes[i].list);
    }
    s->note_count = 0;
}

/*
 * One event of the closing client. As events, not by callbacks: records that were fetched and not
 * polled are still in the queue, and a queue that serves callbacks aborts the process on them.
 */
static void serve_close(struct record_source *s, rd_kafka_queue_t *events)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(events, CLOSE_STEP_MS);
    if (event != NULL && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
        unassign(s, rd_kafka_event_topic_partition_list(event));
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
    mem_free(s->assigned);
    mem_free(s->told);
    mem_free(s->topic);
    mem_free(s->group);
    mem_free(s);
}

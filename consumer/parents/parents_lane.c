#include "consumer/parents/parents_lane.h"

#include <string.h>

#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/model/product_stock.h"
#include "consumer/parents/pace.h"
#include "consumer/parents/parents_status.h"
#include "consumer/parents/parents_streams.h"
#include "consumer/parents/read_positions.h"

#define MOD "parents"

/* Records read in one turn: bounds the time until the next look at clock and stop flag. */
#define TURN_RECORDS    5000
#define COMMIT_EVERY_US INT64_C(1000000)
#define COMMIT_WAIT_MS  5000
#define CLOSE_LIMIT_MS  5000
#define IDLE_WAIT_US    INT64_C(1000000)
/* So often the database is asked whether it answers, unless it marks. */
#define PROBE_EVERY_US INT64_C(1000000)

struct parents_lane {
    struct parents_options options;
    struct parents_source_port source_port;
    struct parents_marks_port marks_port;
    struct parents_clock_port clock;
    struct parents_status status;
    struct component_batch *batch;
    size_t batch_limit; /* halved by a statement that failed, doubled by one that did not */
    struct pace pace;

    /* one session */
    struct thread *thread;
    bool *worked;
    struct parents *parents;
    struct parents_streams streams;
    struct record_source *source;
    struct read_positions *positions;
    int64_t commit_at_us, probe_at_us; /* monotonic */
};

/* --- who answers --- */

static struct health_server *server(struct parents_lane *l, enum parents_server which)
{
    return &l->status.health.list[which];
}

static void note_database(struct parents_lane *l)
{
    int64_t now = l->clock.monotonic_us();
    l->probe_at_us = now + PROBE_EVERY_US;
    health_note_answer(server(l, PARENTS_SERVER_ODOO), now);
}

/* --- offsets --- */

static enum status commit(struct parents_lane *l, bool wait, struct err *err)
{
    const struct partition_offset *list = NULL;
    size_t count = read_positions_take_uncommitted(l->positions, &list);
    if (count == 0) {
        return STATUS_OK;
    }
    FAULT_POINT("parents.before_commit");
    if (wait) {
        return l->source_port.commit_wait(l->source, list, count, COMMIT_WAIT_MS, err);
    }
    l->source_port.commit(l->source, list, count);
    return STATUS_OK;
}

static void commit_if_due(struct parents_lane *l)
{
    struct err err = {0};
    int64_t now = l->clock.monotonic_us();
    if (now < l->commit_at_us || !read_positions_has_uncommitted(l->positions)) {
        return;
    }
    l->commit_at_us = now + COMMIT_EVERY_US;
    (void)commit(l, false, &err); /* does not wait, so it cannot fail */
}

/* --- rebalances --- */

static void show_partitions(struct parents_lane *l)
{
    size_t count = l->source != NULL ? l->source_port.assigned_count(l->source) : 0;
    parents_status_set_partitions(&l->status, count);
}

static void log_partitions(const struct parents_lane *l, const char *name, size_t count)
{
    log_info(MOD, name, LF_TEXT("group", l->options.group), LF_INT("count", count),
             LF_INT("assigned", l->source_port.assigned_count(l->source)));
}

static enum status
take_partitions(struct parents_lane *l, const struct source_event *event, struct err *err)
{
    for (size_t i = 0; i < event->partition_count; i++) {
        read_positions_assign(l->positions, event->partitions[i]);
    }
    parents_status_set(&l->status, PARENTS_RUNNING, "joined the group");
    show_partitions(l);
    log_partitions(l, "partitions_assigned", event->partition_count);
    return parents_streams_note_assigned(&l->streams, l->source, event->partitions,
                                         event->partition_count, err);
}

/*
 * Products of a partition that leaves stay in the batch and are marked with it. The next member
 * that has the partition reads those records again and marks them too. That repeats one batch at
 * most, and nobody waits for us.
 */
static void give_up_partitions(struct parents_lane *l, const struct source_event *event)
{
    struct err err = {0};
    bool revoked = event->type == SOURCE_REVOKED;
    if (revoked && commit(l, true, &err) != STATUS_OK) {
        log_failure(LOG_WARN, MOD, "commit_on_revoke", &err,
                    LOG_FIELDS(LF_TEXT("group", l->options.group)));
    }
    for (size_t i = 0; i < event->partition_count; i++) {
        read_positions_drop(l->positions, event->partitions[i]);
    }
    if (revoked) {
        l->source_port.release(l->source);
    }
    show_partitions(l);
    log_partitions(l, revoked ? "partitions_revoked" : "partitions_lost", event->partition_count);
}

/* --- records into the batch --- */

static bool has_cause(const struct source_event *event, enum cause cause)
{
    const char *name = cause_name(cause);
    return event->header_cause.ptr != NULL && event->header_cause.len == strlen(name) &&
           memcmp(event->header_cause.ptr, name, strlen(name)) == 0;
}

/* When the record was written. Now, where the topic has no time or one in the future. */
static int64_t changed_at_us(const struct parents_lane *l, const struct source_event *event)
{
    int64_t now = l->clock.wall_us();
    bool usable = event->timestamp_ms > 0 && event->timestamp_ms <= now / 1000;
    return usable ? event->timestamp_ms * 1000 : now;
}

static void take_record(struct parents_lane *l, const struct source_event *event)
{
    struct err err = {0};
    int32_t product_id = 0;
    read_positions_note_read(l->positions, event->partition, event->offset);
    metric_add(l->status.metrics.records, 1);
    if (has_cause(event, CAUSE_PARENT)) {
        return;
    }
    if (product_stock_parse_key(event->key, &product_id, &err) != STATUS_OK) {
        /* no product, so it is in no kit */
        log_failure(
            LOG_WARN, MOD, "record_ignored", &err,
            LOG_FIELDS(LF_TEXT("topic", l->options.topic), LF_INT("partition", event->partition)));
        return;
    }
    metric_add(l->status.metrics.expanded, 1);
    component_batch_add(l->batch, product_id, changed_at_us(l, event));
}

static enum status
take_event(struct parents_lane *l, const struct source_event *event, struct err *err)
{
    if (event->gone_back_from > 0) { /* the offset that is committed goes back as well */
        read_positions_restart(l->positions, event->partition, event->offset);
    }
    switch (event->type) {
    case SOURCE_NOTHING:
        break;
    case SOURCE_RECORD:
        take_record(l, event);
        break;
    case SOURCE_AT_END:
        read_positions_note_end(l->positions, event->partition);
        break;
    case SOURCE_ASSIGNED:
        return take_partitions(l, event, err);
    case SOURCE_REVOKED:
    case SOURCE_LOST:
        give_up_partitions(l, event);
        break;
    }
    return STATUS_OK;
}

static bool is_full(const struct parents_lane *l)
{
    return component_batch_count(l->batch) >= l->batch_limit;
}

/* more: there may be records left to read now. */
static enum status take_records(struct parents_lane *l, bool *more, struct err *err)
{
    for (size_t i = 0; i < TURN_RECORDS && !is_full(l); i++) {
        struct source_event event = {0};
        enum status rc = l->source_port.poll(l->source, &event, err);
        if (rc == STATUS_BROKER_LOST) {
            /* the client reconnects while we go on polling */
            log_failure(LOG_WARN, MOD, "kafka_lost", err,
                        LOG_FIELDS(LF_TEXT("group", l->options.group)));
            *more = false;
            return STATUS_OK;
        }
        if (rc != STATUS_OK) {
            return rc;
        }
        if (event.type == SOURCE_NOTHING) {
            *more = false;
            return STATUS_OK;
        }
        rc = take_event(l, &event, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    *more = true;
    return STATUS_OK;
}

/* --- the batch into marks --- */

static void note_marked(struct parents_lane *l, const struct parents_marked *marked)
{
    const struct parents_metrics *m = &l->status.metrics;
    size_t limit = l->batch_limit * 2;
    l->batch_limit = limit < COMPONENT_BATCH_MAX ? limit : COMPONENT_BATCH_MAX;
    *l->worked = true;
    metric_add(m->batches, 1);
    metric_add(m->marks, marked->marks);
    if (marked->earliest_us > 0) {
        metric_observe_us(m->delay, l->clock.wall_us() - marked->earliest_us);
    }
    component_batch_reset(l->batch);
    read_positions_note_marked(l->positions);
    note_database(l);
    pace_note(&l->pace, marked->marks, marked->any_kits, l->clock.monotonic_us());
}

static enum status mark_batch(struct parents_lane *l, struct err *err)
{
    struct parents_marked marked = {0};
    if (component_batch_count(l->batch) == 0) {
        read_positions_note_marked(l->positions); /* only records with cause parent */
        return STATUS_OK;
    }
    FAULT_POINT("parents.before_mark");
    enum status rc = l->marks_port.mark(l->parents, l->batch, &marked, err);
    if (rc != STATUS_OK) {
        /* the same statement must not run into its timeout again */
        l->batch_limit = l->batch_limit > 1 ? l->batch_limit / 2 : 1;
        return rc;
    }
    FAULT_POINT("parents.marked");
    note_marked(l, &marked);
    return STATUS_OK;
}

/* --- do Kafka and the database answer? --- */

static enum status probe_if_due(struct parents_lane *l, struct err *err)
{
    if (l->clock.monotonic_us() < l->probe_at_us) {
        return STATUS_OK;
    }
    enum status rc = l->marks_port.probe(l->parents, err);
    if (rc == STATUS_OK) {
        note_database(l);
    }
    return rc;
}

/* The cluster may fall silent, or be gone, while the session stays open. */
static void follow_kafka(struct parents_lane *l)
{
    struct err err = {0};
    const struct source_health *source = l->source_port.health(l->source);
    source_health_show(source, server(l, PARENTS_SERVER_KAFKA));
    if (source_health_check(source, l->clock.monotonic_us(), &err) != STATUS_OK) {
        parents_status_set(&l->status, PARENTS_BROKEN, err.msg);
        parents_status_explain(&l->status, err.msg);
    } else if (source->is_member) {
        parents_status_set(&l->status, PARENTS_RUNNING, "Kafka answers");
    }
}

/* --- the loop of a session --- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void wait_for_work(struct parents_lane *l, bool more)
{
    bool full = is_full(l);
    if (more && !full) {
        return;
    }
    int64_t now = l->clock.monotonic_us();
    int64_t until = now + IDLE_WAIT_US;
    if (component_batch_count(l->batch) > 0) {
        until = earlier(until, now + pace_left_us(&l->pace, now));
    }
    if (read_positions_has_uncommitted(l->positions)) {
        until = earlier(until, l->commit_at_us);
    }
    int64_t left_us = until > now ? until - now : 0;
    /* Nothing is added to a full batch, so records in Kafka must not wake us. */
    int source_fd = full ? -1 : l->source_port.fd(l->source);
    l->clock.wait(l->thread->wake_fd, source_fd, (int)((left_us + 999) / 1000));
}

static bool is_drained(const struct parents_lane *l)
{
    return component_batch_count(l->batch) == 0 && read_positions_are_drained(l->positions);
}

static enum status turn(struct parents_lane *l, bool *more, struct err *err)
{
    enum status rc = parents_streams_compare(&l->streams, l->clock.monotonic_us(), err);
    if (rc == STATUS_OK) {
        rc = take_records(l, more, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    if (pace_left_us(&l->pace, l->clock.monotonic_us()) == 0) {
        rc = mark_batch(l, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    rc = probe_if_due(l, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    follow_kafka(l);
    commit_if_due(l);
    parents_status_publish(&l->status);
    return STATUS_OK;
}

static enum status run_session(struct parents_lane *l, struct err *err)
{
    while (!thread_is_stopping(l->thread)) {
        bool more = false;
        (void)thread_take_reload(l->thread); /* a session that works has nothing to probe */
        enum status rc = turn(l, &more, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        if (l->options.once && is_drained(l)) {
            return STATUS_OK;
        }
        wait_for_work(l, more);
    }
    return STATUS_OK;
}

/* No new records. What was read is marked without a pause, and committed. */
static void drain(struct parents_lane *l)
{
    struct err err = {0};
    parents_status_set(&l->status, PARENTS_DRAINING, "asked to stop");
    enum status rc = mark_batch(l, &err);
    if (rc == STATUS_OK) {
        rc = commit(l, true, &err);
    }
    if (rc != STATUS_OK) {
        log_failure(LOG_WARN, MOD, "drain_incomplete", &err,
                    LOG_FIELDS(LF_INT("count", component_batch_count(l->batch))));
        return;
    }
    log_info(MOD, "drained", LF_MSG("nothing is left"));
}

static enum status open_session(struct parents_lane *l, struct err *err)
{
    const struct record_source_options options = {.kafka = l->options.kafka,
                                                  .topic = l->options.topic,
                                                  .group_id = l->options.group,
                                                  .client_id = "stocksync-parents"};
    l->positions = read_positions_new();
    l->commit_at_us = 0;
    l->parents = l->marks_port.create(l->options.odoo_dsn);
    enum status rc = l->marks_port.open(l->parents, err);
    if (rc == STATUS_OK) {
        rc = parents_streams_open(&l->streams, l->options.ports, l->options.state_dsn,
                                  l->options.group, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    note_database(l);
    return l->source_port.open(&options, &l->source, err);
}

static void close_session(struct parents_lane *l)
{
    if (l->source != NULL) {
        source_health_show(l->source_port.health(l->source), server(l, PARENTS_SERVER_KAFKA));
    }
    l->source_port.close(l->source, CLOSE_LIMIT_MS);
    l->source = NULL;
    parents_streams_close(&l->streams);
    l->marks_port.destroy(l->parents);
    l->parents = NULL;
    read_positions_free(l->positions);
    l->positions = NULL;
    component_batch_reset(l->batch);
    show_partitions(l);
}

/* --- the job --- */

enum status parents_lane_session(void *lane, struct thread *thread, bool *worked, struct err *err)
{
    struct parents_lane *l = lane;
    l->thread = thread;
    l->worked = worked;
    enum status rc = open_session(l, err);
    if (rc == STATUS_OK) {
        rc = run_session(l, err);
    }
    if (rc == STATUS_OK) {
        drain(l);
    }
    close_session(l);
    if (rc == STATUS_RENEW) {
        log_info(MOD, "session_renewed", LF_TEXT("group", l->options.group), LF_MSG(err->msg));
    }
    return rc;
}

void parents_lane_failed(void *lane, enum status rc, const struct err *err, int64_t pause_ms)
{
    struct parents_lane *l = lane;
    bool person = status_class(rc) == CLASS_FATAL || status_class(rc) == CLASS_STORE;
    const struct health_server *kafka = server(l, PARENTS_SERVER_KAFKA);
    bool is_kafka = kafka->why[0] != '\0' && strncmp(kafka->why, err->msg, strlen(kafka->why)) == 0;
    if (!is_kafka) { /* the source has noted its failures */
        health_note_failure(server(l, PARENTS_SERVER_ODOO), l->clock.monotonic_us(), err->msg);
    }
    metric_add(l->status.metrics.failures, 1);
    log_failure(LOG_ERROR, MOD, "session_failed", err, LOG_FIELDS(LF_INT("backoff_ms", pause_ms)));
    parents_status_set(&l->status, person ? PARENTS_MISCONFIGURED : PARENTS_BROKEN, err->msg);
    parents_status_explain(&l->status, err->msg);
}

void parents_lane_show_ready(void *lane, bool ready)
{
    const struct parents_lane *l = lane;
    metric_set(l->status.metrics.ready, ready ? 1 : 0);
}

void parents_lane_reloaded(void *lane)
{
    (void)lane; /* nothing is kept between sessions that a person could have changed */
}

void parents_lane_stopped(void *lane)
{
    struct parents_lane *l = lane;
    parents_status_set(&l->status, PARENTS_STOPPED, "");
}

struct parents_lane *parents_lane_new(const struct parents_options *options)
{
    struct parents_lane *l = mem_calloc(1, sizeof *l);
    l->options = *options;
    l->source_port = options->ports->source;
    l->marks_port = options->ports->marks;
    l->clock = options->ports->clock;
    l->batch = component_batch_new();
    l->batch_limit = COMPONENT_BATCH_MAX;
    parents_status_init(&l->status, &options->view);
    return l;
}

void parents_lane_free(struct parents_lane *lane)
{
    if (lane == NULL) {
        return;
    }
    component_batch_free(lane->batch);
    parents_status_release(&lane->status);
    mem_free(lane);
}

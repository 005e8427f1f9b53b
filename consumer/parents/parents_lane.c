#include "consumer/parents/parents_lane.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/core/backoff.h"
#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/metric.h"
#include "common/core/thread.h"
#include "common/model/product_stock.h"
#include "consumer/intake/record_source.h"
#include "consumer/parents/pace.h"
#include "consumer/parents/parents.h"

#define MOD "parents"

/* Records read before the lane looks at the clock again. */
#define TURN_RECORDS    5000
#define COMMIT_EVERY_US INT64_C(1000000)
#define COMMIT_WAIT_MS  5000
#define CLOSE_LIMIT_MS  5000
#define IDLE_WAIT_MS    1000
#define RELOAD_LOOK_MS  100
/* A probe after something that only a person can change. */
#define SLOW_PROBE_MS 5000
/* A run with --once gives up when it could not even begin for so long. */
#define ONCE_PATIENCE_US INT64_C(30000000)

static const char *const STATE_NAMES[] = {
#define PARENTS_STATE_TEXT(name, text) [PARENTS_##name] = (text),
    PARENTS_STATE_MAP(PARENTS_STATE_TEXT)
#undef PARENTS_STATE_TEXT
};

/* One partition; offsets are the next one to read, -1: none yet. A batch holds all that was read
 * and not marked, so one number a partition says how far it goes. */
struct position {
    bool assigned;
    bool at_end;       /* end seen since the last record */
    int64_t read;      /* in the batch, or marked */
    int64_t marked;    /* its marks are committed */
    int64_t committed; /* told to Kafka */
};

struct parents_metrics {
    struct metric *records, *expanded, *marks, *batches, *failures, *state, *partitions, *delay;
};

/* What other threads may see; copied out under the mutex. */
struct parents_view {
    enum parents_state state;
    char why[320];
    int64_t since_us; /* wall */
    size_t partitions;
    bool joined;
};

struct parents_lane {
    const struct consumer_conf *conf;
    bool once;
    struct thread thread;
    atomic_bool reload;
    enum status result;
    struct err result_err;

    /* lives across sessions */
    struct parents_metrics m;
    struct backoff backoff;
    struct component_batch *batch;
    size_t batch_limit; /* halved by a statement that failed, doubled by one that did not */
    struct pace pace;

    /* one session */
    struct parents *parents;
    struct record_source *source;
    struct position *positions; /* by partition */
    size_t position_count;
    int64_t commit_at_us; /* monotonic */

    pthread_mutex_t mutex;
    struct parents_view view;
};

static const char *group_of(const struct parents_lane *l)
{
    return l->conf->consumer.parents_group;
}

/* --- states --- */

static void set_state(struct parents_lane *l, enum parents_state state, const char *why)
{
    enum parents_state old = l->view.state;
    if (old == state) {
        return;
    }
    INVARIANT(old != PARENTS_STOPPED && (old != PARENTS_DRAINING || state == PARENTS_STOPPED),
              "parents: %s after %s", STATE_NAMES[state], STATE_NAMES[old]);
    (void)pthread_mutex_lock(&l->mutex);
    l->view.state = state;
    l->view.since_us = clock_wall_us();
    (void)snprintf(l->view.why, sizeof l->view.why, "%s", why);
    (void)pthread_mutex_unlock(&l->mutex);
    metric_set(l->m.state, (double)state);
    char change[48];
    (void)snprintf(change, sizeof change, "%s->%s", STATE_NAMES[old], STATE_NAMES[state]);
    log_info(MOD, "state", LF_TEXT("state", change), LF_TEXT("why", why));
}

static void show_partitions(struct parents_lane *l, bool joined)
{
    size_t count = l->source != NULL ? record_source_assigned_count(l->source) : 0;
    (void)pthread_mutex_lock(&l->mutex);
    l->view.partitions = count;
    l->view.joined = l->view.joined || joined;
    (void)pthread_mutex_unlock(&l->mutex);
    metric_set(l->m.partitions, (double)count);
}

/* --- offsets --- */

static struct position *position_of(struct parents_lane *l, int32_t partition)
{
    size_t at = (size_t)partition;
    if (at >= l->position_count) {
        size_t count = mem_grow_capacity(l->position_count, at + 1);
        l->positions = mem_realloc(l->positions, count, sizeof *l->positions);
        memset(l->positions + l->position_count, 0,
               (count - l->position_count) * sizeof *l->positions);
        l->position_count = count;
    }
    return &l->positions[at];
}

/* All that was read so far is marked. */
static void note_marked(struct parents_lane *l)
{
    for (size_t i = 0; i < l->position_count; i++) {
        l->positions[i].marked = l->positions[i].read;
    }
}

static bool has_uncommitted(const struct parents_lane *l)
{
    for (size_t i = 0; i < l->position_count; i++) {
        if (l->positions[i].assigned && l->positions[i].marked > l->positions[i].committed) {
            return true;
        }
    }
    return false;
}

static enum status commit(struct parents_lane *l, bool wait, struct err *err)
{
    struct partition_offset *list = mem_calloc(l->position_count + 1, sizeof *list);
    enum status rc = STATUS_OK;
    size_t count = 0;
    for (size_t i = 0; i < l->position_count; i++) {
        struct position *p = &l->positions[i];
        if (p->assigned && p->marked > p->committed) {
            list[count++] =
                (struct partition_offset){.partition = (int32_t)i, .next_offset = p->marked};
            p->committed = p->marked;
        }
    }
    if (count > 0) {
        FAULT_POINT("parents.before_commit");
    }
    if (count > 0 && wait) {
        rc = record_source_commit_wait(l->source, list, count, COMMIT_WAIT_MS, err);
    } else if (count > 0) {
        record_source_commit(l->source, list, count);
    }
    mem_free(list);
    return rc;
}

static void commit_if_due(struct parents_lane *l)
{
    struct err err = {0};
    int64_t now = clock_monotonic_us();
    if (now >= l->commit_at_us && has_uncommitted(l)) {
        l->commit_at_us = now + COMMIT_EVERY_US;
        (void)commit(l, false, &err); /* does not wait, so it cannot fail */
    }
}

/* --- rebalances --- */

/*
 * Products of a partition that leaves stay in the batch and are marked with it; its next owner
 * reads those records again and marks them too. That repeats a batch at most, and nobody waits for
 * us.
 */
static void let_go(struct parents_lane *l, const struct source_event *event)
{
    struct err err = {0};
    if (event->type == SOURCE_REVOKED && commit(l, true, &err) != STATUS_OK) {
        log_failure(LOG_WARN, MOD, "commit_on_revoke", &err,
                    LOG_FIELDS(LF_TEXT("group", group_of(l))));
    }
    for (size_t i = 0; i < event->partition_count; i++) {
        *position_of(l, event->partitions[i]) = (struct position){.assigned = false};
    }
    if (event->type == SOURCE_REVOKED) {
        record_source_release_partitions(l->source);
    }
}

static void handle_assignment(struct parents_lane *l, const struct source_event *event)
{
    const char *name = "partitions_assigned";
    if (event->type == SOURCE_ASSIGNED) {
        for (size_t i = 0; i < event->partition_count; i++) {
            *position_of(l, event->partitions[i]) =
                (struct position){.assigned = true, .read = -1, .marked = -1, .committed = -1};
        }
        set_state(l, PARENTS_RUNNING, "joined the group");
    } else {
        name = event->type == SOURCE_LOST ? "partitions_lost" : "partitions_revoked";
        let_go(l, event);
    }
    show_partitions(l, event->type == SOURCE_ASSIGNED);
    log_info(MOD, name, LF_TEXT("group", group_of(l)), LF_INT("count", event->partition_count),
             LF_INT("assigned", record_source_assigned_count(l->source)));
}

/* --- records into the batch --- */

static bool has_cause(const struct source_event *event, enum cause cause)
{
    const char *name = cause_name(cause);
    return event->header_cause.ptr != NULL && event->header_cause.len == strlen(name) &&
           memcmp(event->header_cause.ptr, name, strlen(name)) == 0;
}

/* When the record was written, or now where the topic does not tell or tells nonsense. */
static int64_t changed_at_us(const struct source_event *event)
{
    int64_t now = clock_wall_us();
    bool usable = event->timestamp_ms > 0 && event->timestamp_ms <= now / 1000;
    return usable ? event->timestamp_ms * 1000 : now;
}

static void take_record(struct parents_lane *l, const struct source_event *event)
{
    struct position *p = position_of(l, event->partition);
    struct err err = {0};
    int32_t product_id = 0;
    p->at_end = false;
    p->read = event->offset + 1;
    metric_add(l->m.records, 1);
    if (has_cause(event, CAUSE_PARENT)) {
        return;
    }
    if (product_stock_parse_key(event->key, &product_id, &err) != STATUS_OK) {
        /* no product, so no kit can have it */
        log_failure(LOG_WARN, MOD, "record_ignored", &err,
                    LOG_FIELDS(LF_TEXT("topic", l->conf->shared.topic.name),
                               LF_INT("partition", event->partition)));
        return;
    }
    metric_add(l->m.expanded, 1);
    component_batch_add(l->batch, product_id, changed_at_us(event));
}

static bool is_full(const struct parents_lane *l)
{
    return component_batch_count(l->batch) >= l->batch_limit;
}

/* more: there may be records left to read now. */
static enum status take_records(struct parents_lane *l, bool *more, struct err *err)
{
    *more = true;
    for (size_t i = 0; i < TURN_RECORDS && !is_full(l); i++) {
        struct source_event event = {0};
        enum status rc = record_source_poll(l->source, &event, err);
        if (rc == STATUS_BROKER_LOST) {
            /* the client reconnects by itself; polling must go on */
            log_failure(LOG_WARN, MOD, "kafka_lost", err,
                        LOG_FIELDS(LF_TEXT("group", group_of(l))));
            *more = false;
            return STATUS_OK;
        }
        if (rc != STATUS_OK) {
            return rc;
        }
        switch (event.type) {
        case SOURCE_NOTHING:
            *more = false;
            return STATUS_OK;
        case SOURCE_RECORD:
            take_record(l, &event);
            break;
        case SOURCE_AT_END:
            position_of(l, event.partition)->at_end = true;
            break;
        case SOURCE_ASSIGNED:
        case SOURCE_REVOKED:
        case SOURCE_LOST:
            handle_assignment(l, &event);
            break;
        }
    }
    return STATUS_OK;
}

/* --- the batch into marks --- */

static void grow_limit(struct parents_lane *l)
{
    l->batch_limit *= 2;
    if (l->batch_limit > COMPONENT_BATCH_MAX) {
        l->batch_limit = COMPONENT_BATCH_MAX;
    }
}

static enum status mark_batch(struct parents_lane *l, struct err *err)
{
    struct parents_marked marked = {0};
    if (component_batch_count(l->batch) == 0) {
        note_marked(l); /* records with cause parent alone */
        return STATUS_OK;
    }
    FAULT_POINT("parents.before_mark");
    enum status rc = parents_mark(l->parents, l->batch, &marked, err);
    if (rc != STATUS_OK) {
        /* A statement that runs into its timeout must not be the same the next time. */
        l->batch_limit = l->batch_limit > 1 ? l->batch_limit / 2 : 1;
        return rc;
    }
    FAULT_POINT("parents.marked");
    grow_limit(l);
    metric_add(l->m.batches, 1);
    metric_add(l->m.marks, marked.marks);
    if (marked.earliest_us > 0) {
        metric_observe_us(l->m.delay, clock_wall_us() - marked.earliest_us);
    }
    component_batch_reset(l->batch);
    note_marked(l);
    pace_note(&l->pace, marked.marks, marked.any_kits, clock_monotonic_us());
    backoff_reset(&l->backoff);
    return STATUS_OK;
}

/* --- the loop of a session --- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void wait_for_work(struct parents_lane *l, bool more)
{
    int64_t now = clock_monotonic_us();
    int64_t until = now + IDLE_WAIT_MS * INT64_C(1000);
    if (component_batch_count(l->batch) > 0) {
        until = earlier(until, now + pace_left_us(&l->pace, now));
    }
    if (has_uncommitted(l)) {
        until = earlier(until, l->commit_at_us);
    }
    /* A full batch is not added to: what Kafka has would only wake us for nothing. */
    bool full = is_full(l);
    struct pollfd fds[2] = {
        {.fd = l->thread.wake_fd, .events = POLLIN},
        {.fd = full ? -1 : record_source_fd(l->source), .events = POLLIN},
    };
    if (full || !more) {
        (void)poll(fds, 2, clock_left_ms(until));
    }
}

static bool is_drained(const struct parents_lane *l)
{
    size_t assigned = 0;
    for (size_t i = 0; i < l->position_count; i++) {
        const struct position *p = &l->positions[i];
        if (p->assigned && (!p->at_end || p->marked < p->read)) {
            return false;
        }
        assigned += p->assigned;
    }
    return assigned > 0 && component_batch_count(l->batch) == 0;
}

static enum status run_session(struct parents_lane *l, struct err *err)
{
    while (!thread_is_stopping(&l->thread)) {
        bool more = false;
        enum status rc = take_records(l, &more, err);
        if (rc == STATUS_OK && pace_left_us(&l->pace, clock_monotonic_us()) == 0) {
            rc = mark_batch(l, err);
        }
        if (rc != STATUS_OK) {
            return rc;
        }
        commit_if_due(l);
        if (l->once && is_drained(l)) {
            break;
        }
        wait_for_work(l, more);
    }
    return STATUS_OK;
}

/* No new records; what was read is marked and committed, whatever the pace says. */
static void drain(struct parents_lane *l)
{
    struct err err = {0};
    set_state(l, PARENTS_DRAINING, "asked to stop");
    enum status rc = mark_batch(l, &err);
    if (rc == STATUS_OK) {
        rc = commit(l, true, &err);
    }
    if (rc != STATUS_OK) {
        log_failure(LOG_WARN, MOD, "drain_incomplete", &err,
                    LOG_FIELDS(LF_INT("count", component_batch_count(l->batch))));
    } else {
        log_info(MOD, "drained", LF_MSG("nothing is left"));
    }
}

/* --- sessions, one after the other --- */

static enum status open_session(struct parents_lane *l, struct err *err)
{
    struct record_source_options options = {.kafka = &l->conf->shared.kafka,
                                            .topic = l->conf->shared.topic.name,
                                            .group_id = group_of(l),
                                            .client_id = "stocksync-parents"};
    l->parents = parents_new(l->conf->shared.odoo.dsn);
    enum status rc = parents_open(l->parents, err);
    return rc == STATUS_OK ? record_source_open(&options, &l->source, err) : rc;
}

static void close_session(struct parents_lane *l)
{
    record_source_close(l->source, CLOSE_LIMIT_MS);
    l->source = NULL;
    parents_free(l->parents);
    l->parents = NULL;
    mem_free(l->positions);
    l->positions = NULL;
    l->position_count = 0;
    component_batch_reset(l->batch);
    show_partitions(l, false);
}

static bool needs_a_person(enum status rc)
{
    return status_class(rc) == CLASS_FATAL || status_class(rc) == CLASS_STORE;
}

static void pause_after(struct parents_lane *l, enum status rc, const struct err *err)
{
    bool slow = needs_a_person(rc);
    int64_t pause = backoff_next_ms(&l->backoff, slow ? SLOW_PROBE_MS : 0);
    metric_add(l->m.failures, 1);
    log_failure(LOG_ERROR, MOD, "session_failed", err, LOG_FIELDS(LF_INT("backoff_ms", pause)));
    set_state(l, slow ? PARENTS_MISCONFIGURED : PARENTS_BROKEN, err->msg);
    int64_t deadline = clock_monotonic_us() + pause * 1000;
    struct pollfd fd = {.fd = l->thread.wake_fd, .events = POLLIN};
    while (!thread_is_stopping(&l->thread) && !atomic_load(&l->reload) &&
           clock_left_ms(deadline) > 0) {
        int left = clock_left_ms(deadline);
        (void)poll(&fd, 1, left < RELOAD_LOOK_MS ? left : RELOAD_LOOK_MS);
    }
    if (atomic_exchange(&l->reload, false)) {
        backoff_reset(&l->backoff);
    }
}

/* A run with --once does not wait for a person. */
static bool gives_up(const struct parents_lane *l, enum status rc, int64_t begun_us)
{
    return l->once && (needs_a_person(rc) || clock_monotonic_us() - begun_us > ONCE_PATIENCE_US);
}

static void run_parents(struct thread *self, void *arg)
{
    struct parents_lane *l = arg;
    int64_t begun_us = clock_monotonic_us();
    while (!thread_is_stopping(self)) {
        struct err err = {0};
        enum status rc = open_session(l, &err);
        if (rc == STATUS_OK) {
            rc = run_session(l, &err);
        }
        if (rc == STATUS_OK) {
            drain(l);
            close_session(l);
            break;
        }
        close_session(l);
        if (gives_up(l, rc, begun_us)) {
            l->result = rc;
            l->result_err = err;
            break;
        }
        pause_after(l, rc, &err);
    }
    set_state(l, PARENTS_STOPPED, "");
}

/* --- life cycle --- */

static void register_metrics(struct parents_metrics *m)
{
    m->records = metric_counter("stocksync_parents_records_total", "Records read from the topic.",
                                NULL, NULL);
    m->expanded = metric_counter("stocksync_parents_expanded_total",
                                 "Records whose kits were looked for: all but those with cause "
                                 "parent or an unusable key.",
                                 NULL, NULL);
    m->marks = metric_counter("stocksync_parents_marks_inserted_total", "Kits marked.", NULL, NULL);
    m->batches = metric_counter("stocksync_parents_batches_total",
                                "Statements that looked kits up and marked them.", NULL, NULL);
    m->failures = metric_counter("stocksync_parents_failures_total",
                                 "Sessions that ended with a failure.", NULL, NULL);
    m->state = metric_gauge("stocksync_parents_state",
                            "State of role parents: 0 starting, 1 running, 2 broken, "
                            "3 misconfigured, 4 draining, 5 stopped.",
                            NULL, NULL);
    m->partitions =
        metric_gauge("stocksync_parents_partitions", "Partitions read here.", NULL, NULL);
    m->delay = metric_histogram("stocksync_parents_record_to_mark_seconds",
                                "From the earliest record that a statement marked kits for to the "
                                "commit of its marks.",
                                NULL, NULL);
}

enum status parents_lane_start(const struct consumer_conf *conf,
                               bool once,
                               struct parents_lane **lane,
                               struct err *err)
{
    struct parents_lane *l = mem_calloc(1, sizeof *l);
    l->conf = conf;
    l->once = once;
    l->batch = component_batch_new();
    l->batch_limit = COMPONENT_BATCH_MAX;
    backoff_init(&l->backoff, 500, 60000, (uint64_t)clock_wall_us() ^ (uint64_t)getpid());
    (void)pthread_mutex_init(&l->mutex, NULL);
    l->view.since_us = clock_wall_us();
    register_metrics(&l->m);
    enum status rc = thread_start(&l->thread, "parents", run_parents, l, err);
    if (rc != STATUS_OK) {
        parents_lane_free(l);
        return rc;
    }
    *lane = l;
    return STATUS_OK;
}

void parents_lane_ask_stop(struct parents_lane *lane)
{
    thread_ask_stop(&lane->thread);
}

void parents_lane_ask_reload(struct parents_lane *lane)
{
    atomic_store(&lane->reload, true);
}

bool parents_lane_is_done(const struct parents_lane *lane)
{
    return thread_is_done(&lane->thread);
}

enum status parents_lane_result(const struct parents_lane *lane, struct err *err)
{
    if (lane->result != STATUS_OK) {
        *err = lane->result_err;
    }
    return lane->result;
}

bool parents_lane_is_ready(struct parents_lane *lane)
{
    (void)pthread_mutex_lock(&lane->mutex);
    bool ready = lane->view.joined || lane->view.state == PARENTS_MISCONFIGURED;
    (void)pthread_mutex_unlock(&lane->mutex);
    return ready;
}

static unsigned long long count_of(const struct metric *m)
{
    return (unsigned long long)metric_value(m);
}

void parents_lane_append_status(struct parents_lane *lane, struct strbuf *out)
{
    char since[CLOCK_TEXT_SIZE];
    (void)pthread_mutex_lock(&lane->mutex);
    struct parents_view v = lane->view;
    (void)pthread_mutex_unlock(&lane->mutex);
    strbuf_appendf(out, "{\"state\":\"%s\",\"since\":\"%s\",\"why\":", STATE_NAMES[v.state],
                   clock_format_utc(v.since_us, since));
    strbuf_append_json(out, v.why);
    strbuf_appendf(out,
                   ",\"partitions\":%zu,\"records\":%llu,\"expanded\":%llu,\"marks\":%llu,"
                   "\"batches\":%llu}",
                   v.partitions, count_of(lane->m.records), count_of(lane->m.expanded),
                   count_of(lane->m.marks), count_of(lane->m.batches));
}

void parents_lane_free(struct parents_lane *lane)
{
    if (lane == NULL) {
        return;
    }
    thread_ask_stop(&lane->thread);
    thread_join(&lane->thread);
    component_batch_free(lane->batch);
    (void)pthread_mutex_destroy(&lane->mutex);
    mem_free(lane);
}

#include "producer/app/status.h"

#include <pthread.h>
#include <stdio.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "producer/odoo/odoo_version.h"

#define MOD "tail"

static const char *const STATE_NAMES[PRODUCER_STATES] = {"starting", "standby", "leader", "waiting",
                                                         "stopping"};

/* Copied out under the mutex. */
struct view {
    enum producer_state state;
    bool leads;         /* holds the lock */
    enum status reason; /* of WAITING; otherwise STATUS_OK */
    char why[480];      /* as long as a message of struct err */
    int64_t epoch, revision;
    int64_t alive_us;        /* monotonic: the last success since the last failure; 0: none */
    int64_t acknowledged_us; /* wall, like the next two; 0: never */
    int64_t oldest_us;       /* 0: no mark */
    int64_t marks_read_us;   /* at first: when the process began */
    int64_t waiting;
    size_t unsettled, parked;
    char database[ODOO_UUID_SIZE];
    char stream[STREAM_ID_SIZE]; /* "": not known yet */
    char stream_why[STREAM_WHY_SIZE];
    int64_t stream_began_us; /* wall */
    struct full_pass_state pass;
    char missing[480]; /* triggers; "": none */
};

struct producer_status {
    const struct producer_metrics *metrics;
    bool shows_pass;
    pthread_mutex_t mutex;
    struct view view;
    bool is_ahead; /* logged */
};

/* --- metrics --- */

#define ROW(field, kind, name, help)                                                               \
    {                                                                                              \
        offsetof(struct producer_metrics, field), kind, "stocksync_producer_" name, NULL, NULL,    \
            help                                                                                   \
    }
#define STATE_ROW(number, name)                                                                    \
    {                                                                                              \
        offsetof(struct producer_metrics, state[number]), METRIC_GAUGE,                            \
            "stocksync_producer_state", "state", name, "1 for the state that the producer is in."  \
    }

static const struct metric_row ROWS[] = {
    ROW(marks, METRIC_COUNTER, "marks_total", "Marks read and published."),
    ROW(records, METRIC_COUNTER, "records_total", "Records acknowledged by Kafka."),
    ROW(tombstones, METRIC_COUNTER, "tombstones_total", "Tombstones acknowledged by Kafka."),
    ROW(parked[PARKED_TIMES],
        METRIC_COUNTER,
        "parked_total",
        "Times that a product was parked: it could not be "
        "read or its record was refused."),
    ROW(parked[PARKED_NOW], METRIC_GAUGE, "parked_products", "Products parked now."),
    ROW(batches, METRIC_COUNTER, "batches_total", "Batches of marks that were published."),
    ROW(settled,
        METRIC_COUNTER,
        "settled_marks_total",
        "Marks deleted after their Kafka transaction was committed."),
    ROW(failures, METRIC_COUNTER, "failures_total", "Failures that the producer recovered from."),
    ROW(unsettled,
        METRIC_GAUGE,
        "unsettled_marks",
        "Marks published whose Kafka transaction is open."),
    ROW(waiting, METRIC_GAUGE, "marks_waiting", "Marks in the tables when they were counted last."),
    ROW(oldest,
        METRIC_GAUGE,
        "oldest_mark_age_seconds",
        "Age of the mark with the lowest id. Grows while the marks cannot be read."),
    ROW(acknowledged,
        METRIC_GAUGE,
        "last_acknowledgement_timestamp_seconds",
        "Unix time of Kafka's last acknowledgement; 0: none since the start."),
    ROW(publishing,
        METRIC_GAUGE,
        "publishing",
        "1 while the leader's last attempt succeeded, within 15 s."),
    ROW(streams, METRIC_COUNTER, "streams_total", "Streams that this process began."),
    ROW(stream_began,
        METRIC_GAUGE,
        "stream_began_timestamp_seconds",
        "Unix time at which the present stream began; 0: not known yet."),
    ROW(triggers,
        METRIC_GAUGE,
        "triggers",
        "1 while no trigger is missing, disabled or altered; 0: changes pass without a mark."),
    ROW(ahead,
        METRIC_GAUGE,
        "revision_ahead_seconds",
        "How far the newest revision is ahead of the clock; about 1 at most unless the clock was "
        "set back."),
    ROW(leader, METRIC_GAUGE, "leader", "1 while this process holds the lock."),
    STATE_ROW(PRODUCER_STARTING, "starting"),
    STATE_ROW(PRODUCER_STANDBY, "standby"),
    STATE_ROW(PRODUCER_LEADER, "leader"),
    STATE_ROW(PRODUCER_WAITING, "waiting"),
    STATE_ROW(PRODUCER_STOPPING, "stopping"),
    ROW(kits, METRIC_COUNTER, "kits_changed_total", "Kits whose changed structure was stored."),
    ROW(kit_problems,
        METRIC_COUNTER,
        "kit_problems_total",
        "Kits found to have no number: see the log."),
    ROW(pass_running, METRIC_GAUGE, "full_pass_running", "1 while a full pass runs."),
    ROW(pass_finished,
        METRIC_GAUGE,
        "full_pass_finished_timestamp_seconds",
        "Unix time when the last full pass finished; 0: none yet."),
    ROW(compared,
        METRIC_COUNTER,
        "full_pass_compared_total",
        "Products that the full pass compared with their last record."),
    ROW(republished,
        METRIC_COUNTER,
        "full_pass_republished_total",
        "Products that differed and that the full pass marked."),
    ROW(commit_to_acknowledged,
        METRIC_HISTOGRAM,
        "commit_to_acknowledged_seconds",
        "From the mark to Kafka's acknowledgement."),
};

const struct metric_table producer_metric_table = {.rows = ROWS,
                                                   .count = sizeof ROWS / sizeof ROWS[0]};

static void show_state(const struct producer_metrics *m, enum producer_state state, bool leads)
{
    metric_set(m->leader, leads ? 1 : 0);
    for (int i = 0; i < PRODUCER_STATES; i++) {
        metric_set(m->state[i], i == (int)state ? 1 : 0);
    }
}

/* --- life cycle --- */

struct producer_status *producer_status_new(const struct producer_metrics *metrics, bool shows_pass)
{
    struct producer_status *s = mem_calloc(1, sizeof *s);
    s->metrics = metrics;
    s->shows_pass = shows_pass;
    s->view.marks_read_us = clock_wall_us();
    (void)pthread_mutex_init(&s->mutex, NULL);
    metric_set(metrics->triggers, 1);
    show_state(metrics, s->view.state, false);
    return s;
}

void producer_status_free(struct producer_status *status)
{
    if (status != NULL) {
        (void)pthread_mutex_destroy(&status->mutex);
        mem_free(status);
    }
}

/* --- the main thread writes --- */

static void explain(struct view *v, const char *why)
{
    (void)snprintf(v->why, sizeof v->why, "%s", why);
}

static void change(struct producer_status *status,
                   enum producer_state state,
                   enum status reason,
                   const char *why)
{
    enum producer_state old = status->view.state;
    struct view *v = &status->view;
    char names[32];
    (void)pthread_mutex_lock(&status->mutex);
    v->state = state;
    v->reason = reason;
    v->leads = state == PRODUCER_LEADER || (state == PRODUCER_WAITING && v->leads);
    explain(v, why);
    (void)pthread_mutex_unlock(&status->mutex);
    show_state(status->metrics, state, v->leads);
    if (old != state) {
        (void)snprintf(names, sizeof names, "%s->%s", STATE_NAMES[old], STATE_NAMES[state]);
        log_info(MOD, "state", LF_TEXT("state", names), LF_TEXT("why", why));
    }
}

void producer_status_enter(struct producer_status *status,
                           enum producer_state state,
                           const char *why)
{
    if (status->view.state != state) {
        change(status, state, STATUS_OK, why);
    }
}

void producer_status_begin_publishing(struct producer_status *status)
{
    change(status, PRODUCER_LEADER, STATUS_OK, "publishing");
}

void producer_status_note_acknowledged(struct producer_status *status)
{
    int64_t now = clock_wall_us();
    (void)pthread_mutex_lock(&status->mutex);
    status->view.alive_us = clock_monotonic_us();
    status->view.acknowledged_us = now;
    (void)pthread_mutex_unlock(&status->mutex);
    metric_set(status->metrics->acknowledged, (double)now / 1e6);
}

void producer_status_note_empty(struct producer_status *status)
{
    (void)pthread_mutex_lock(&status->mutex);
    status->view.alive_us = clock_monotonic_us();
    (void)pthread_mutex_unlock(&status->mutex);
}

void producer_status_note_failure(struct producer_status *status, const struct err *err)
{
    (void)pthread_mutex_lock(&status->mutex);
    status->view.alive_us = 0;
    (void)pthread_mutex_unlock(&status->mutex);
    change(status, PRODUCER_WAITING, err->status, err->msg);
}

void producer_status_lose_lock(struct producer_status *status)
{
    (void)pthread_mutex_lock(&status->mutex);
    status->view.leads = false;
    (void)pthread_mutex_unlock(&status->mutex);
    producer_status_note_parked(status, 0); /* the next leader counts them */
    show_state(status->metrics, status->view.state, false);
}

void producer_status_set_leader(struct producer_status *status, int64_t epoch, const char *database)
{
    (void)pthread_mutex_lock(&status->mutex);
    status->view.epoch = epoch;
    (void)snprintf(status->view.database, sizeof status->view.database, "%s", database);
    (void)pthread_mutex_unlock(&status->mutex);
}

void producer_status_set_stream(struct producer_status *status, const struct stream *stream)
{
    (void)pthread_mutex_lock(&status->mutex);
    struct view *v = &status->view;
    (void)snprintf(v->stream, sizeof v->stream, "%s", stream->id);
    (void)snprintf(v->stream_why, sizeof v->stream_why, "%s", stream->why);
    v->stream_began_us = stream->began_us;
    (void)pthread_mutex_unlock(&status->mutex);
    metric_set(status->metrics->stream_began, (double)stream->began_us / 1e6);
}

static double ahead_s(const struct view *v)
{
    int64_t ahead_us = v->revision - clock_wall_us();
    return ahead_us > 0 ? (double)ahead_us / 1e6 : 0;
}

/* Order is kept, but revisions tell no time until the clock has caught up. */
static void watch_clock(struct producer_status *status)
{
    double ahead = ahead_s(&status->view);
    bool is_ahead = ahead * 1e6 > (double)PRODUCER_STATUS_AHEAD_US;
    if (is_ahead && !status->is_ahead) {
        log_warn(MOD, "revision_ahead", LF_REAL("ahead_s", ahead),
                 LF_MSG("the clock was set back: check this host's time; numbers stay in order, "
                        "and revisions follow the clock again when it has caught up"));
    } else if (!is_ahead && status->is_ahead) {
        log_info(MOD, "revision_follows", LF_MSG("revisions follow the clock again"));
    }
    status->is_ahead = is_ahead;
}

void producer_status_note(struct producer_status *status, int64_t revision, size_t unsettled)
{
    (void)pthread_mutex_lock(&status->mutex);
    status->view.revision = revision;
    status->view.unsettled = unsettled;
    (void)pthread_mutex_unlock(&status->mutex);
    metric_set(status->metrics->unsettled, (double)unsettled);
    watch_clock(status);
    producer_status_refresh(status);
}

void producer_status_note_parked(struct producer_status *status, size_t count)
{
    (void)pthread_mutex_lock(&status->mutex);
    status->view.parked = count;
    (void)pthread_mutex_unlock(&status->mutex);
    metric_set(status->metrics->parked[PARKED_NOW], (double)count);
}

void producer_status_note_marks(struct producer_status *status, int64_t waiting, int64_t oldest_us)
{
    (void)pthread_mutex_lock(&status->mutex);
    struct view *v = &status->view;
    v->waiting = waiting >= 0 ? waiting : v->waiting;
    v->oldest_us = oldest_us;
    v->marks_read_us = clock_wall_us();
    (void)pthread_mutex_unlock(&status->mutex);
}

void producer_status_note_pass(struct producer_status *status, const struct full_pass_state *pass)
{
    (void)pthread_mutex_lock(&status->mutex);
    status->view.pass = *pass;
    (void)pthread_mutex_unlock(&status->mutex);
    metric_set(status->metrics->pass_running, full_pass_is_running(pass) ? 1 : 0);
    metric_set(status->metrics->pass_finished, (double)pass->finished_us / 1e6);
}

void producer_status_note_triggers(struct producer_status *status, const char *missing)
{
    (void)pthread_mutex_lock(&status->mutex);
    (void)snprintf(status->view.missing, sizeof status->view.missing, "%s",
                   missing != NULL ? missing : "");
    (void)pthread_mutex_unlock(&status->mutex);
    metric_set(status->metrics->triggers, missing == NULL ? 1 : 0);
}

/* --- any thread reads --- */

static struct view copy(struct producer_status *status)
{
    (void)pthread_mutex_lock(&status->mutex);
    struct view v = status->view;
    (void)pthread_mutex_unlock(&status->mutex);
    return v;
}

/* After an empty read, a mark may have come at once: that is the oldest one there can be. */
static double age_s(const struct view *v)
{
    int64_t now = clock_wall_us();
    if (v->oldest_us > 0) {
        return (double)(now - v->oldest_us) / 1e6;
    }
    int64_t unread_us = now - v->marks_read_us;
    return unread_us > PRODUCER_STATUS_MARKS_FRESH_US ? (double)unread_us / 1e6 : 0;
}

static bool is_publishing(const struct view *v)
{
    return v->state == PRODUCER_LEADER && v->alive_us != 0 &&
           clock_monotonic_us() - v->alive_us < PRODUCER_STATUS_FRESH_US;
}

bool producer_status_is_publishing(struct producer_status *status)
{
    struct view v = copy(status);
    return is_publishing(&v);
}

bool producer_status_has_triggers(struct producer_status *status)
{
    struct view v = copy(status);
    return v.missing[0] == '\0';
}

void producer_status_refresh(struct producer_status *status)
{
    struct view v = copy(status);
    metric_set(status->metrics->publishing, is_publishing(&v) ? 1 : 0);
    metric_set(status->metrics->waiting, (double)v.waiting);
    metric_set(status->metrics->oldest, age_s(&v));
    metric_set(status->metrics->ahead, ahead_s(&v));
}

/* A leader that is silent has noted no failure yet. */
static void explain_silence(struct view *v)
{
    int64_t silent_us = clock_monotonic_us() - v->alive_us;
    if (v->state == PRODUCER_LEADER && v->alive_us != 0 && silent_us >= PRODUCER_STATUS_FRESH_US) {
        (void)snprintf(v->why, sizeof v->why, "no answer for %lld s",
                       (long long)(silent_us / 1000000));
    }
}

static const char *format_or_never(int64_t wall_us, char text[CLOCK_TEXT_SIZE])
{
    return wall_us > 0 ? clock_format_utc(wall_us, text) : "never";
}

static void append_pass(const struct full_pass_state *pass, struct strbuf *out)
{
    char started[CLOCK_TEXT_SIZE];
    char finished[CLOCK_TEXT_SIZE];
    strbuf_appendf(out,
                   ",\"full_pass\":{\"running\":%s,\"started\":\"%s\",\"finished\":\"%s\","
                   "\"compared\":%lld,\"of\":%lld,\"republished\":%lld}",
                   full_pass_is_running(pass) ? "true" : "false",
                   format_or_never(pass->started_us, started),
                   format_or_never(pass->finished_us, finished), (long long)pass->compared,
                   (long long)pass->total, (long long)pass->republished);
}

static void append_counter(struct strbuf *out, const char *name, const struct metric *m)
{
    strbuf_appendf(out, ",\"%s\":%llu", name, (unsigned long long)metric_value(m));
}

void producer_status_append(struct producer_status *status, struct strbuf *out)
{
    const struct producer_metrics *m = status->metrics;
    struct view v = copy(status);
    char acknowledged[CLOCK_TEXT_SIZE];
    char began[CLOCK_TEXT_SIZE];
    explain_silence(&v);
    strbuf_appendf(out,
                   "{\"service\":\"stocksync-producer\",\"version\":\"" STOCKSYNC_VERSION
                   "\",\"state\":\"%s\",\"leader\":%s,\"publishing\":%s,\"reason\":\"%s\",\"why\":",
                   STATE_NAMES[v.state], v.leads ? "true" : "false",
                   is_publishing(&v) ? "true" : "false",
                   v.reason != STATUS_OK ? status_name(v.reason) : "");
    strbuf_append_json(out, v.why);
    strbuf_appendf(out,
                   ",\"epoch\":%lld,\"revision\":%lld,\"revision_ahead_seconds\":%.3f,"
                   "\"marks_waiting\":%lld,"
                   "\"oldest_mark_age_seconds\":%.3f,\"unsettled_marks\":%zu,"
                   "\"last_acknowledgement\":\"%s\"",
                   (long long)v.epoch, (long long)v.revision, ahead_s(&v), (long long)v.waiting,
                   age_s(&v), v.unsettled, format_or_never(v.acknowledged_us, acknowledged));
    append_counter(out, "marks", m->marks);
    append_counter(out, "records", m->records);
    append_counter(out, "tombstones", m->tombstones);
    strbuf_appendf(out, ",\"parked\":%zu,\"database\":", v.parked);
    strbuf_append_json(out, v.database);
    strbuf_appendf(out, ",\"stream\":{\"id\":\"%s\",\"began\":\"%s\",\"why\":\"%s\"}", v.stream,
                   format_or_never(v.stream_began_us, began), v.stream_why);
    strbuf_append_text(out, ",\"triggers\":");
    strbuf_append_json(out, v.missing[0] != '\0' ? v.missing : "complete");
    if (status->shows_pass) {
        append_pass(&v.pass, out);
    }
    strbuf_append_char(out, '}');
}

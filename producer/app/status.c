#include "producer/app/status.h"

#include <pthread.h>
#include <stdio.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "producer/odoo/odoo_version.h"

#define MOD "tail"

static const char *const STATE_NAMES[PRODUCER_STATES] = {"starting", "standby", "leader",
                                                         "stopping"};

/* Copied out under the mutex. */
struct view {
    enum producer_state state;
    bool publishing;
    char why[320];
    int64_t epoch, revision, oldest_us;
    size_t unsettled;
    char database[ODOO_UUID_SIZE];
    struct full_pass_state pass;
};

struct producer_status {
    const struct producer_metrics *metrics;
    bool shows_pass;
    pthread_mutex_t mutex;
    struct view view;
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
    ROW(parked, METRIC_COUNTER, "parked_total", "Products whose record was refused."),
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
    ROW(oldest, METRIC_GAUGE, "oldest_mark_age_seconds", "Age of the mark with the lowest id."),
    ROW(leader, METRIC_GAUGE, "leader", "1 while this process is the leader."),
    STATE_ROW(PRODUCER_STARTING, "starting"),
    STATE_ROW(PRODUCER_STANDBY, "standby"),
    STATE_ROW(PRODUCER_LEADER, "leader"),
    STATE_ROW(PRODUCER_STOPPING, "stopping"),
    ROW(kits, METRIC_COUNTER, "kits_changed_total", "Kits whose changed structure was stored."),
    ROW(kit_problems,
        METRIC_COUNTER,
        "kit_problems_total",
        "Kits found to have no number: see the log."),
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

static void show_state(const struct producer_metrics *m, enum producer_state state)
{
    metric_set(m->leader, state == PRODUCER_LEADER ? 1 : 0);
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
    (void)pthread_mutex_init(&s->mutex, NULL);
    show_state(metrics, s->view.state);
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

void producer_status_enter(struct producer_status *status,
                           enum producer_state state,
                           const char *why)
{
    enum producer_state old = status->view.state;
    if (old == state) {
        return;
    }
    char change[32];
    (void)snprintf(change, sizeof change, "%s->%s", STATE_NAMES[old], STATE_NAMES[state]);
    (void)pthread_mutex_lock(&status->mutex);
    status->view.state = state;
    explain(&status->view, why);
    (void)pthread_mutex_unlock(&status->mutex);
    show_state(status->metrics, state);
    log_info(MOD, "state", LF_TEXT("state", change), LF_TEXT("why", why));
}

void producer_status_set_publishing(struct producer_status *status,
                                    bool publishing,
                                    const char *why)
{
    (void)pthread_mutex_lock(&status->mutex);
    status->view.publishing = publishing;
    explain(&status->view, why);
    (void)pthread_mutex_unlock(&status->mutex);
}

bool producer_status_is_publishing(const struct producer_status *status)
{
    return status->view.publishing;
}

void producer_status_set_leader(struct producer_status *status, int64_t epoch, const char *database)
{
    (void)pthread_mutex_lock(&status->mutex);
    status->view.epoch = epoch;
    (void)snprintf(status->view.database, sizeof status->view.database, "%s", database);
    (void)pthread_mutex_unlock(&status->mutex);
}

static double age_s(int64_t oldest_us)
{
    return oldest_us > 0 ? (double)(clock_wall_us() - oldest_us) / 1e6 : 0;
}

void producer_status_note(struct producer_status *status,
                          int64_t revision,
                          size_t unsettled,
                          int64_t oldest_us)
{
    (void)pthread_mutex_lock(&status->mutex);
    status->view.revision = revision;
    status->view.unsettled = unsettled;
    status->view.oldest_us = oldest_us;
    (void)pthread_mutex_unlock(&status->mutex);
    metric_set(status->metrics->unsettled, (double)unsettled);
    metric_set(status->metrics->oldest, age_s(oldest_us));
}

void producer_status_note_pass(struct producer_status *status, const struct full_pass_state *pass)
{
    (void)pthread_mutex_lock(&status->mutex);
    status->view.pass = *pass;
    (void)pthread_mutex_unlock(&status->mutex);
}

/* --- any thread reads --- */

static struct view copy(struct producer_status *status)
{
    (void)pthread_mutex_lock(&status->mutex);
    struct view v = status->view;
    (void)pthread_mutex_unlock(&status->mutex);
    return v;
}

bool producer_status_is_ready(struct producer_status *status)
{
    struct view v = copy(status);
    return v.publishing && v.state == PRODUCER_LEADER;
}

static void append_pass(const struct full_pass_state *pass, struct strbuf *out)
{
    char started[CLOCK_TEXT_SIZE] = "never";
    char finished[CLOCK_TEXT_SIZE] = "never";
    if (pass->started_us > 0) {
        (void)clock_format_utc(pass->started_us, started);
    }
    if (pass->finished_us > 0) {
        (void)clock_format_utc(pass->finished_us, finished);
    }
    strbuf_appendf(out,
                   ",\"full_pass\":{\"running\":%s,\"started\":\"%s\",\"finished\":\"%s\","
                   "\"compared\":%lld,\"of\":%lld,\"republished\":%lld}",
                   full_pass_is_running(pass) ? "true" : "false", started, finished,
                   (long long)pass->compared, (long long)pass->total, (long long)pass->republished);
}

static void append_counter(struct strbuf *out, const char *name, const struct metric *m)
{
    strbuf_appendf(out, ",\"%s\":%llu", name, (unsigned long long)metric_value(m));
}

void producer_status_append(struct producer_status *status, struct strbuf *out)
{
    const struct producer_metrics *m = status->metrics;
    struct view v = copy(status);
    strbuf_appendf(out,
                   "{\"service\":\"stocksync-producer\",\"version\":\"" STOCKSYNC_VERSION
                   "\",\"state\":\"%s\",\"publishing\":%s,\"why\":",
                   STATE_NAMES[v.state], v.publishing ? "true" : "false");
    strbuf_append_json(out, v.why);
    strbuf_appendf(out,
                   ",\"epoch\":%lld,\"revision\":%lld,\"oldest_mark_age_seconds\":%.3f,"
                   "\"unsettled_marks\":%zu",
                   (long long)v.epoch, (long long)v.revision, age_s(v.oldest_us), v.unsettled);
    append_counter(out, "marks", m->marks);
    append_counter(out, "records", m->records);
    append_counter(out, "tombstones", m->tombstones);
    append_counter(out, "parked", m->parked);
    strbuf_append_text(out, ",\"database\":");
    strbuf_append_json(out, v.database);
    if (status->shows_pass) {
        append_pass(&v.pass, out);
    }
    strbuf_append_char(out, '}');
}

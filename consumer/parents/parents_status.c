#include "consumer/parents/parents_status.h"

#include <stdio.h>

#include "common/core/clock.h"
#include "common/core/logger.h"

#define MOD "parents"

/* A reason of 320 bytes, escaped, and a few numbers. */
#define JSON_MAX_BYTES ((size_t)8 * 1024)

static const char *const STATE_NAMES[] = {
#define PARENTS_STATE_TEXT(name, text) [PARENTS_##name] = (text),
    PARENTS_STATE_MAP(PARENTS_STATE_TEXT)
#undef PARENTS_STATE_TEXT
};

#define TO(state) (1U << (unsigned)PARENTS_##state)

/* Which states may follow, and what holds in each. */
static const unsigned NEXT_STATES[] = {
    /* no session has joined the group yet */
    [PARENTS_STARTING] = TO(RUNNING) | TO(BROKEN) | TO(MISCONFIGURED) | TO(DRAINING) | TO(STOPPED),
    /* a session is open and joined the group */
    [PARENTS_RUNNING] = TO(BROKEN) | TO(MISCONFIGURED) | TO(DRAINING) | TO(STOPPED),
    /* the last session failed, and no later one has joined */
    [PARENTS_BROKEN] = TO(RUNNING) | TO(MISCONFIGURED) | TO(DRAINING) | TO(STOPPED),
    [PARENTS_MISCONFIGURED] = TO(RUNNING) | TO(BROKEN) | TO(DRAINING) | TO(STOPPED),
    /* a session is open and reads no more */
    [PARENTS_DRAINING] = TO(STOPPED),
    /* no session is open, and none follows */
    [PARENTS_STOPPED] = 0,
};

#define ROW(member, kind, name, help)                                                              \
    {                                                                                              \
        offsetof(struct parents_metrics, member), (kind), "stocksync_parents_" name, NULL, NULL,   \
            help                                                                                   \
    }
#define STATE_ROW(member, text)                                                                    \
    {offsetof(struct parents_metrics, state[PARENTS_##member]),                                    \
     METRIC_GAUGE,                                                                                 \
     "stocksync_parents_state",                                                                    \
     "state",                                                                                      \
     (text),                                                                                       \
     "State of role parents: 1 for the present one, 0 for the others."},

static const struct metric_row METRIC_ROWS[] = {
    ROW(records, METRIC_COUNTER, "records_total", "Records read from the topic."),
    ROW(expanded,
        METRIC_COUNTER,
        "expanded_total",
        "Records whose kits were looked up: all without cause parent that have a usable key."),
    ROW(marks, METRIC_COUNTER, "marks_inserted_total", "Kits marked."),
    ROW(batches, METRIC_COUNTER, "batches_total", "Statements that looked up and marked kits."),
    ROW(failures, METRIC_COUNTER, "failures_total", "Sessions that ended with a failure."),
    PARENTS_STATE_MAP(STATE_ROW) /* one a state */
    ROW(partitions, METRIC_GAUGE, "partitions", "Partitions that this process reads."),
    ROW(ready,
        METRIC_GAUGE,
        "ready",
        "1 while Kafka and Odoo's database have answered since their last failure, and recently."),
    {offsetof(struct parents_metrics, answered[PARENTS_SERVER_ODOO]), METRIC_GAUGE,
     "stocksync_parents_last_answer_timestamp_seconds", "server", "odoo",
     "Unix time of the server's last answer to role parents; 0: none since the start."},
    {offsetof(struct parents_metrics, answered[PARENTS_SERVER_KAFKA]), METRIC_GAUGE,
     "stocksync_parents_last_answer_timestamp_seconds", "server", "kafka",
     "Unix time of the server's last answer to role parents; 0: none since the start."},
    ROW(delay,
        METRIC_HISTOGRAM,
        "record_to_mark_seconds",
        "From the earliest record that a statement marked kits for to the commit of its marks."),
};

const struct metric_table parents_metric_table = {
    .rows = METRIC_ROWS, .count = sizeof METRIC_ROWS / sizeof METRIC_ROWS[0]};

static unsigned long long count_of(const struct metric *m)
{
    return (unsigned long long)metric_value(m);
}

void parents_status_publish(struct parents_status *status)
{
    char since[CLOCK_TEXT_SIZE];
    const struct parents_metrics *m = &status->metrics;
    struct strbuf *json = &status->json;
    int64_t offset_us = clock_wall_us() - clock_monotonic_us();
    for (unsigned i = 0; i < status->health.count; i++) {
        int64_t answered_us = status->health.list[i].answered_us;
        metric_set(m->answered[i], answered_us > 0 ? (double)(answered_us + offset_us) / 1e6 : 0);
    }
    strbuf_reset(json);
    strbuf_appendf(json, "{\"state\":\"%s\",\"since\":\"%s\",\"why\":", STATE_NAMES[status->state],
                   clock_format_utc(status->since_us, since));
    strbuf_append_json(json, status->why);
    strbuf_appendf(json,
                   ",\"partitions\":%zu,\"records\":%llu,\"expanded\":%llu,\"marks\":%llu,"
                   "\"batches\":%llu}",
                   status->partitions, count_of(m->records), count_of(m->expanded),
                   count_of(m->marks), count_of(m->batches));
    status->view.publish(status->view.arg, &status->health, json->ptr);
}

static void show_state(const struct parents_status *s)
{
    for (size_t i = 0; i < PARENTS_STATE_COUNT; i++) {
        metric_set(s->metrics.state[i], i == (size_t)s->state ? 1 : 0);
    }
}

void parents_status_init(struct parents_status *status, const struct view_port *view)
{
    *status =
        (struct parents_status){.view = *view,
                                .since_us = clock_wall_us(),
                                .health = {.count = 2,
                                           .list = {[PARENTS_SERVER_ODOO] = {.name = "odoo"},
                                                    [PARENTS_SERVER_KAFKA] = {.name = "kafka"}}}};
    strbuf_init(&status->json, JSON_MAX_BYTES);
    metric_table_register(&parents_metric_table, NULL, &status->metrics);
    show_state(status);
    parents_status_publish(status);
}

void parents_status_release(struct parents_status *status)
{
    strbuf_release(&status->json);
}

void parents_status_set(struct parents_status *status, enum parents_state state, const char *why)
{
    enum parents_state old = status->state;
    if (old == state) {
        return;
    }
    INVARIANT((NEXT_STATES[old] & 1U << (unsigned)state) != 0, "parents: %s after %s",
              STATE_NAMES[state], STATE_NAMES[old]);
    char change[48];
    status->state = state;
    status->since_us = clock_wall_us();
    (void)snprintf(status->why, sizeof status->why, "%s", why);
    show_state(status);
    parents_status_publish(status);
    (void)snprintf(change, sizeof change, "%s->%s", STATE_NAMES[old], STATE_NAMES[state]);
    log_info(MOD, "state", LF_TEXT("state", change), LF_TEXT("why", why));
}

void parents_status_explain(struct parents_status *status, const char *why)
{
    (void)snprintf(status->why, sizeof status->why, "%s", why);
    parents_status_publish(status);
}

void parents_status_set_partitions(struct parents_status *status, size_t count)
{
    status->partitions = count;
    metric_set(status->metrics.partitions, (double)count);
    parents_status_publish(status);
}

#include "consumer/lane/lane.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/lane_health.h"
#include "consumer/lane/lane_wait.h"
#include "consumer/lane/printer.h"
#include "consumer/lane/session.h"

#define MOD "lane"

#define COMMIT_EVERY_US INT64_C(1000000)
#define ADOPT_EVERY_US  INT64_C(5000000)
#define CLOSE_LIMIT_MS  5000
/* While partitions leave, answers are waited for at most this long. */
#define REVOKE_LIMIT_MS 5000

struct lane {
    struct lane_options options;
    const struct lane_ports *ports;
    struct lane_metrics metrics;
    struct store store;
    struct printer printer; /* of a dry run */
    struct sink sink;
    char group_id[64], client_id[64];

    /* lives across sessions */
    struct catalogue catalogue;
    bool rescanned_at_start;
    bool options_logged;
    struct health health;
    struct err kafka; /* why the cluster is away; STATUS_OK: it answers */

    enum lane_state state;
    char why[320];
    struct lane_view view; /* as it was last shown */

    struct session session; /* zero between sessions */
};

/* --- states --- */

static bool is_open(const struct lane *l)
{
    return l->session.c.source != NULL;
}

static bool is_at_end(const struct lane *l)
{
    return is_open(l) && records_at_end(&l->session.records);
}

static bool is_held(const struct lane *l)
{
    return l->session.brake.hold.on;
}

static bool is_closed(const struct lane *l)
{
    return !is_open(l);
}

#define FROM(state) (1U << LANE_##state)
#define FROM_TROUBLE                                                                               \
    (FROM(HELD) | FROM(BROKEN) | FROM(UNAUTHORISED) | FROM(CLOSED) | FROM(MISCONFIGURED))
#define FROM_WORK (FROM(CATCHING_UP) | FROM(RUNNING) | FROM(THROTTLED))
#define FROM_LIVE (FROM(STARTING) | FROM_WORK | FROM_TROUBLE)

/* The states of a lane: from where each is entered, and what holds then. */
static const struct transition {
    unsigned from;
    bool (*holds)(const struct lane *l); /* NULL: nothing */
    const char *invariant;
} TRANSITIONS[LANE_STATE_COUNT] = {
    [LANE_STARTING] = {0, NULL, "no session was opened yet"},
    [LANE_CATCHING_UP] = {FROM_LIVE, is_open, "the session is open"},
    [LANE_RUNNING] = {FROM_WORK, is_at_end, "the end of the topic was read"},
    [LANE_THROTTLED] = {FROM_LIVE, is_open, "the session is open"},
    [LANE_HELD] = {FROM_LIVE, is_held, "the store is held"},
    [LANE_BROKEN] = {FROM_LIVE, NULL, ""},
    [LANE_UNAUTHORISED] = {FROM_LIVE, NULL, ""},
    [LANE_CLOSED] = {FROM_LIVE, NULL, ""},
    [LANE_MISCONFIGURED] = {FROM_LIVE, NULL, ""},
    [LANE_DRAINING] = {FROM_LIVE, is_open, "the session is open, nothing new is sent"},
    [LANE_STOPPED] = {FROM_LIVE | FROM(DRAINING), is_closed, "no session is open"},
};

static void publish(struct lane *l);

static bool is_working(enum lane_state state)
{
    return state == LANE_CATCHING_UP || state == LANE_RUNNING || state == LANE_THROTTLED;
}

/* A lane that works shows that Kafka is away, or the hold of its store. */
static enum lane_state
shown_state(const struct lane *l, enum lane_state state, const char *text, const char **why)
{
    bool works = is_working(state);
    *why = text;
    if ((works || state == LANE_HELD) && l->kafka.status != STATUS_OK) {
        *why = l->kafka.msg;
        return LANE_BROKEN;
    }
    if (state == LANE_HELD || (works && is_held(l))) {
        *why = l->session.brake.hold.detail;
        return LANE_HELD;
    }
    return state;
}

static void set_why(struct lane *l, const char *why)
{
    if (strcmp(l->why, why) != 0) {
        (void)snprintf(l->why, sizeof l->why, "%s", why);
        publish(l);
    }
}

/* The only place that changes the state. */
static void set_state(struct lane *l, enum lane_state wanted, const char *text)
{
    char change[48];
    char why[sizeof l->why];
    enum lane_state old = l->state;
    const char *reason = NULL;
    enum lane_state state = shown_state(l, wanted, text, &reason);
    (void)snprintf(why, sizeof why, "%s", reason);
    if (old == state) {
        if (lane_state_is_trouble(state)) {
            set_why(l, why); /* one trouble may follow another */
        }
        return;
    }
    const struct transition *t = &TRANSITIONS[state];
    INVARIANT((t->from & (1U << old)) != 0, "lane %s: %s after %s", l->store.name,
              lane_state_name(state), lane_state_name(old));
    INVARIANT(t->holds == NULL || t->holds(l), "lane %s is %s, but not: %s", l->store.name,
              lane_state_name(state), t->invariant);
    l->state = state;
    l->view.since_us = clock_wall_us();
    memcpy(l->why, why, sizeof l->why);
    (void)snprintf(change, sizeof change, "%s->%s", lane_state_name(old), lane_state_name(state));
    log_info(MOD, "state", LF_TEXT("store", l->store.name), LF_TEXT("state", change),
             LF_TEXT("why", why));
    publish(l);
}

static void follow_signal(struct lane *l, const struct lane_signal *signal)
{
    if (l->state == LANE_DRAINING) {
        return;
    }
    switch (signal->kind) {
    case SIGNAL_NONE:
        break;
    case SIGNAL_ANSWERS:
        if (l->state != LANE_RUNNING) {
            set_state(l, LANE_CATCHING_UP, signal->why);
        }
        break;
    case SIGNAL_REASON:
        set_state(l, l->state, signal->why);
        break;
    case SIGNAL_STATE:
        set_state(l, signal->state, signal->why);
        break;
    }
}

/* The brake has held or released the store. */
static void follow_hold(struct lane *l)
{
    if (l->state == LANE_HELD || (is_working(l->state) && is_held(l))) {
        set_state(l, LANE_CATCHING_UP, "the store is not held any more");
    }
}

/* The cluster may fall silent, or be gone, while the session stays open. */
static void follow_kafka(struct lane *l)
{
    const struct source_health *source = l->ports->source->health(l->session.c.source);
    bool was_away = l->kafka.status != STATUS_OK;
    bool is_mine = l->state == LANE_BROKEN && l->session.requests.breaker.state == BREAKER_CLOSED;
    l->kafka.status = STATUS_OK;
    bool is_away = source_health_check(source, clock_monotonic_us(), &l->kafka) != STATUS_OK;
    if ((is_away && (is_working(l->state) || l->state == LANE_HELD)) || (was_away && is_mine)) {
        set_state(l, LANE_CATCHING_UP, "Kafka answers");
    }
}

/* A wait or the reading of the topic is over. A blocked lane learns from requests that wait whether
 * the store is well again. Without one, new requests must find out. */
static void follow_progress(struct lane *l)
{
    bool at_end = is_at_end(l);
    if (lane_state_is_blocked(l->state) && requests_in_flight(&l->session.requests) == 0) {
        set_state(l, LANE_CATCHING_UP, "no request waits for the store any more");
    }
    if (l->state == LANE_CATCHING_UP && at_end) {
        set_state(l, LANE_RUNNING, "at the end of the topic");
    }
    if (l->state == LANE_THROTTLED &&
        clock_monotonic_us() >= l->session.requests.budget.blocked_until_us) {
        set_state(l, at_end ? LANE_RUNNING : LANE_CATCHING_UP, "the wait is over");
    }
}

/* --- what others see --- */

static void publish(struct lane *l)
{
    struct lane_view *v = &l->view;
    struct strbuf json;
    if (is_open(l)) {
        session_fill_view(&l->session, v);
        lane_health_follow(&l->health, l->ports->source->health(l->session.c.source),
                           &l->session.requests);
    } else {
        v->partitions = 0;
        v->hold = (struct lane_hold){0};
        v->blocked = (struct blocked_view){0};
        v->rules_problem = NULL;
    }
    v->state = l->state;
    v->why = l->session.brake.is_checking ? BRAKE_CHECKING : l->why;
    v->client.token_left_s = token_left_s(&l->store.token, clock_monotonic_us());
    v->client.token_problem = l->store.token.failure.msg;
    status_set_gauges(&l->metrics, v);
    lane_health_set_gauges(&l->health, &l->metrics);
    if (l->options.view.publish == NULL) {
        return;
    }
    strbuf_init(&json, (size_t)64 * 1024);
    status_append_json(&l->metrics, v, &json);
    l->options.view.publish(l->options.view.arg, &l->health, json.ptr);
    strbuf_release(&json);
}

/* --- answers --- */

static enum status take_answers(struct lane *l, struct catalogue_news *news, struct err *err)
{
    struct exchange_news group;
    do {
        enum status rc = exchange_take(&l->session.exchange, &group, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        for (size_t i = 0; i < group.signal_count; i++) {
            follow_signal(l, &group.signals[i]);
        }
        news->retry = news->retry || group.catalogue.retry;
    } while (group.more);
    return l->state == LANE_DRAINING ? STATUS_OK
                                     : exchange_check_version(&l->session.exchange, err);
}

/* No new work: waits for the answers in flight. */
static enum status finish_requests(struct lane *l, int64_t limit_ms, struct err *err)
{
    const struct lane_context *c = &l->session.c;
    int64_t deadline = clock_monotonic_us() + limit_ms * 1000;
    struct catalogue_news news = {0};
    catalogue_cancel(&l->catalogue);
    while (c->ports->store->running(c->graphql) > 0 && clock_left_ms(deadline) > 0) {
        c->ports->store->wait(c->graphql, NULL, 0, clock_left_ms(deadline));
        enum status rc = take_answers(l, &news, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    if (news.retry) {
        retries_ask(&l->session.retries, CATALOGUE_FIXABLE);
    }
    return STATUS_OK;
}

static enum status
follow_assignment(struct lane *l, const struct source_event *event, struct err *err)
{
    int64_t limit_ms = l->options.shared.drain_ms;
    enum status rc = STATUS_OK;
    if (event->type == SOURCE_ASSIGNED) {
        rc = session_assigned(&l->session, event, err);
        if (l->state == LANE_CATCHING_UP && replan_count(&l->session.replan) > 0) {
            set_why(l, "planning the topic again, because the store's rules changed");
        }
        return rc;
    }
    rc = finish_requests(l, limit_ms < REVOKE_LIMIT_MS ? limit_ms : REVOKE_LIMIT_MS, err);
    return rc == STATUS_OK ? session_revoked(&l->session, event, err) : rc;
}

/* --- the turn --- */

static enum status take_records(struct lane *l, bool *busy, struct err *err)
{
    struct source_event event;
    enum status rc = records_take(&l->session.records, busy, &event, err);
    return rc == STATUS_OK && event.type != SOURCE_NOTHING ? follow_assignment(l, &event, err) : rc;
}

static enum status send_requests(struct lane *l, struct err *err)
{
    bool at_end = is_at_end(l);
    enum status rc =
        dispatch_turn(&l->session.dispatch, lane_state_is_blocked(l->state), at_end, err);
    follow_hold(l);
    if (rc != STATUS_OK || l->sink.turn == NULL) {
        return rc;
    }
    return l->sink.turn(l->sink.arg, at_end, err);
}

/* Not while history is read: it may have a newer record, or other rules give another number. */
static enum status retry_parked(struct lane *l, struct err *err)
{
    struct session *s = &l->session;
    return replan_is_reading(&s->replan) ? STATUS_OK : retries_turn(&s->retries, is_at_end(l), err);
}

static enum status turn_catalogue(struct lane *l, struct err *err)
{
    struct catalogue_news news = {0};
    enum status rc = catalogue_turn(&l->catalogue, lane_state_is_blocked(l->state), &news, err);
    if (rc != STATUS_OK || !news.retry) {
        return rc;
    }
    retries_ask(&l->session.retries, CATALOGUE_FIXABLE);
    rc = retry_parked(l, err);
    catalogue_settle_news(&l->catalogue, &news);
    return rc;
}

static enum status commit_if_due(struct lane *l, struct err *err)
{
    struct session *s = &l->session;
    int64_t now = clock_monotonic_us();
    if (now < s->commit_at_us) {
        return STATUS_OK;
    }
    s->commit_at_us = now + COMMIT_EVERY_US;
    publish(l);
    if (now >= s->adopt_at_us) {
        /* a process that died a moment ago may still have had its lock when its partitions came */
        s->adopt_at_us = now + ADOPT_EVERY_US;
        enum status rc = requests_adopt(&s->requests, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    enum status rc = s->c.ports->state->probe(s->c.state, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    lane_health_note_state(&l->health);
    return session_commit(s, false, err);
}

static enum status turn(struct lane *l, bool *busy, struct err *err)
{
    struct session *s = &l->session;
    struct catalogue_news news = {0};
    enum status rc = take_records(l, busy, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    follow_kafka(l);
    rc = session_look_back(s, is_at_end(l), err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = send_requests(l, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = session_verify(s, lane_state_is_blocked(l->state), err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = take_answers(l, &news, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (news.retry) {
        retries_ask(&s->retries, CATALOGUE_FIXABLE);
    }
    rc = retry_parked(l, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = turn_catalogue(l, err);
    return rc == STATUS_OK ? commit_if_due(l, err) : rc;
}

/* --- a session --- */

static void read_credentials(struct lane *l)
{
    struct err err = {0};
    if (token_read(&l->store.token, &err) != STATUS_OK) {
        log_failure(LOG_ERROR, MOD, "credentials_unreadable", &err,
                    LOG_FIELDS(LF_TEXT("store", l->store.name)));
    }
}

/* A person says that something is fixed: no probe need wait. */
static void reload(struct lane *l)
{
    read_credentials(l);
    token_reset(&l->store.token);
    requests_probe_now(&l->session.requests, lane_state_is_blocked(l->state));
}

static enum status finish(struct lane *l, struct err *err)
{
    enum status rc = finish_requests(l, l->options.shared.drain_ms, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = retries_settle(&l->session.retries, err);
    return rc == STATUS_OK ? session_commit(&l->session, true, err) : rc;
}

/* A run with --once ends without success, but what was sent is finished, recorded and committed. */
static enum status give_up(struct lane *l, enum status rc)
{
    struct err err = {0};
    if (finish(l, &err) != STATUS_OK) {
        log_failure(LOG_WARN, MOD, "drain_incomplete", &err,
                    LOG_FIELDS(LF_TEXT("store", l->store.name)));
    }
    return rc;
}

static enum status work(struct lane *l, struct thread *thread, bool *worked, struct err *err)
{
    const struct lane_context *c = &l->session.c;
    bool busy = true;
    l->kafka.status = STATUS_OK;
    lane_health_note_opened(&l->health);
    set_state(l, LANE_CATCHING_UP, "reading the topic");
    publish(l);
    while (!thread_is_stopping(thread)) {
        const int fds[2] = {thread->wake_fd, c->ports->source->fd(c->source)};
        bool blocked = lane_state_is_blocked(l->state);
        c->ports->store->wait(c->graphql, fds, 2, lane_wait_ms(&l->session, blocked, busy));
        if (thread_take_reload(thread)) {
            reload(l);
        }
        enum status rc = turn(l, &busy, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        *worked = true;
        follow_progress(l);
        if (!l->options.once) {
            continue;
        }
        bool done = false;
        rc = lane_wait_once(&l->session, &l->view, &done, err);
        if (rc == STATUS_OK && done) {
            break;
        }
        if (rc != STATUS_OK) {
            return give_up(l, rc);
        }
    }
    return STATUS_OK;
}

/* No new input. Requests in flight are finished, recorded and committed. */
static void drain(struct lane *l)
{
    struct err err = {0};
    set_state(l, LANE_DRAINING, "asked to stop");
    enum status rc = finish(l, &err);
    size_t left = coalescer_total(l->session.c.coalescer);
    publish(l);
    if (rc != STATUS_OK) {
        log_failure(LOG_WARN, MOD, "drain_incomplete", &err,
                    LOG_FIELDS(LF_TEXT("store", l->store.name), LF_INT("count", left)));
    } else {
        log_info(MOD, "drained", LF_TEXT("store", l->store.name), LF_INT("count", left),
                 LF_MSG(left > 0 ? "levels not written yet: their records are not committed and "
                                   "are read again"
                                 : "nothing is left"));
    }
    if (l->sink.end != NULL) {
        l->sink.end(l->sink.arg);
    }
}

enum status lane_session(void *lane, struct thread *thread, bool *worked, struct err *err)
{
    struct lane *l = lane;
    const struct session_setup setup = {.options = &l->options,
                                        .ports = l->ports,
                                        .metrics = &l->metrics,
                                        .sink = &l->sink,
                                        .store = &l->store,
                                        .catalogue = &l->catalogue,
                                        .rescanned_at_start = &l->rescanned_at_start,
                                        .options_logged = &l->options_logged,
                                        .group_id = l->group_id,
                                        .client_id = l->client_id,
                                        .stop_fd = thread->stop_fd};
    read_credentials(l);
    enum status rc = session_open(&l->session, &setup, err);
    if (rc == STATUS_OK) {
        rc = work(l, thread, worked, err);
    }
    if (rc == STATUS_OK) {
        drain(l);
    }
    publish(l); /* keeps what Kafka and the store have answered */
    session_close(&l->session, CLOSE_LIMIT_MS);
    if (rc == STATUS_RENEW) {
        log_info(MOD, "session_renewed", LF_TEXT("store", l->store.name), LF_MSG(err->msg));
    }
    return rc;
}

/* --- between sessions --- */

void lane_failed(void *lane, enum status rc, const struct err *err, int64_t pause_ms)
{
    struct lane *l = lane;
    if (rc == STATUS_STORE_MISCONFIGURED) {
        token_mark_uncertain(&l->store.token); /* scopes granted later may need a new token */
    }
    lane_health_note_failure(&l->health, rc, err);
    log_failure(LOG_ERROR, MOD, "session_failed", err,
                LOG_FIELDS(LF_TEXT("store", l->store.name), LF_INT("backoff_ms", pause_ms)));
    set_state(l, lane_state_after_failure(rc), err->msg);
    publish(l); /* also when the state stays */
}

void lane_show_ready(void *lane, bool ready)
{
    const struct lane *l = lane;
    metric_set(l->metrics.ready, ready ? 1 : 0);
}

void lane_reloaded(void *lane)
{
    struct lane *l = lane;
    token_reset(&l->store.token);
}

void lane_stopped(void *lane)
{
    set_state(lane, LANE_STOPPED, "");
}

struct lane *lane_new(const struct lane_options *options, const struct lane_ports *ports)
{
    struct lane *l = mem_calloc(1, sizeof *l);
    bool dry_run = options->dry_run || options->store_conf->dry_run;
    l->options = *options;
    l->ports = ports;
    l->sink = dry_run ? printer_sink(&l->printer)
                      : (struct sink){.writes = true,
                                      .completed = differences_note_completed,
                                      .arg = &l->session.verify.comparison.differences};
    store_conf_fill_store(options->store_conf, &l->store);
    (void)snprintf(l->group_id, sizeof l->group_id, STORE_GROUP_PREFIX "%s%s", l->store.name,
                   dry_run ? DRY_RUN_GROUP_SUFFIX : "");
    (void)snprintf(l->client_id, sizeof l->client_id, "stocksync-store-%s", l->store.name);
    metric_table_register(&lane_metric_table, l->store.name, &l->metrics);
    lane_health_init(&l->health);
    l->view = (struct lane_view){
        .store = l->store.name, .since_us = clock_wall_us(), .is_dry_run = dry_run};
    publish(l);
    return l;
}

void lane_free(struct lane *lane)
{
    if (lane == NULL) {
        return;
    }
    catalogue_release(&lane->catalogue);
    token_release(&lane->store.token);
    mem_free(lane);
}

#include "consumer/app/process.h"

#include <time.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/service.h"
#include "common/core/signals.h"
#include "common/http/http_listener.h"
#include "common/kafka/kafka_assignor.h"
#include "consumer/app/worker.h"
#include "consumer/lane/lane.h"
#include "consumer/lane/live_ports.h"
#include "consumer/parents/parents_lane.h"

#define MOD "consumer"

#define TICK_MS          200
#define END_NAP_NS       20000000L
#define REASON_MAX_BYTES ((size_t)1024)
/* What a stop may take beyond the wait for answers: the databases, the last commit, the group. */
#define END_LIMIT_MS 18000

/* A worker and its job, which is either a lane or role parents. */
struct member {
    struct worker *worker;
    struct lane *lane;
    struct parents_lane *parents;
};

struct process {
    const struct process_plan *plan;
    struct member *members; /* stores first, then role parents if it runs here */
    size_t count;
    size_t store_count;
};

/* --- HTTP --- */

static const struct member *parents_of(const struct process *p)
{
    return p->count > p->store_count ? &p->members[p->store_count] : NULL;
}

/* @return whether it is ready; else the body names it and the reason */
static bool report(const struct member *m, const char *what, const char *name, struct strbuf *body)
{
    struct strbuf reason;
    bool ready = worker_is_ready(m->worker);
    if (ready) {
        return true;
    }
    strbuf_init(&reason, REASON_MAX_BYTES);
    worker_append_reason(m->worker, &reason);
    strbuf_appendf(body, "%s%s is not ready: %s\n", what, name,
                   reason.len > 0 ? reason.ptr : "it begins");
    strbuf_release(&reason);
    return false;
}

static unsigned show_ready(void *context, struct strbuf *body)
{
    const struct process *p = context;
    const struct member *parents = parents_of(p);
    size_t stores = 0;
    bool ready = true;
    for (size_t i = 0; i < p->store_count; i++) {
        stores += report(&p->members[i], "store ", p->plan->stores[i]->instance.name, body);
    }
    strbuf_appendf(body, "%zu of %zu stores are ready, or wait for a person: see /status\n", stores,
                   p->store_count);
    if (parents != NULL) {
        ready = report(parents, "role parents", "", body);
        strbuf_append_text(body, ready ? "role parents is ready\n" : "");
    }
    return stores == p->store_count && ready ? 200 : 503;
}

static unsigned show_status(void *context, struct strbuf *body)
{
    const struct process *p = context;
    const struct member *parents = parents_of(p);
    strbuf_append_text(body, "{\"service\":\"stocksync-consumer\",\"version\":\"" STOCKSYNC_VERSION
                             "\",\"stores\":[");
    for (size_t i = 0; i < p->store_count; i++) {
        strbuf_append_text(body, i > 0 ? "," : "");
        worker_append_status(p->members[i].worker, body);
    }
    strbuf_append_text(body, "]");
    if (parents != NULL) {
        strbuf_append_text(body, ",\"parents\":");
        worker_append_status(parents->worker, body);
    }
    strbuf_append_text(body, "}\n");
    return 200;
}

static unsigned show_index(void *context, struct strbuf *body)
{
    (void)context;
    strbuf_append_text(body, "stocksync-consumer " STOCKSYNC_VERSION
                             "\n\n/status   stores, parents: states, counts (JSON)\n"
                             "/metrics  Prometheus\n"
                             "/readyz   200 while Kafka, state and store answer for every store, "
                             "and Kafka and Odoo's database for role parents. A store that waits "
                             "for a person counts as ready\n"
                             "/healthz  200 while the process lives\n");
    return 200;
}

static const struct http_route ROUTES[] = {
    {"/metrics", HTTP_METRICS_TYPE, http_server_show_metrics},
    {"/healthz", "text/plain", http_server_show_health},
    {"/readyz", "text/plain", show_ready},
    {"/status", "application/json", show_status},
    {"/", "text/plain; charset=utf-8", show_index},
};

/* --- members --- */

static void free_member(struct member *m)
{
    worker_free(m->worker); /* joins its thread, so that nothing uses the job any more */
    lane_free(m->lane);
    parents_lane_free(m->parents);
    *m = (struct member){0};
}

static enum status
start_member(struct process *p, struct member *m, const struct worker_job *job, struct err *err)
{
    enum status rc = worker_start(m->worker, job, err);
    if (rc != STATUS_OK) {
        free_member(m);
        return rc;
    }
    p->count++;
    return STATUS_OK;
}

static enum status start_store(struct process *p, const struct store_conf *store, struct err *err)
{
    const struct process_plan *plan = p->plan;
    const struct consumer_conf *conf = plan->conf;
    struct member *m = &p->members[p->count];
    m->worker = worker_new(&worker_limits);
    const struct lane_options options = {
        .store_conf = store,
        .shared = {.topic = conf->shared.topic.name,
                   .partitions = conf->shared.topic.partitions,
                   .kafka = &conf->shared.kafka,
                   .state_dsn = conf_state_dsn(&conf->shared),
                   .max_requests = conf->consumer.max_requests,
                   .drain_ms = conf->consumer.drain_ms,
                   .reload_catalogue_ms = conf->consumer.reload_catalogue_ms},
        .once = plan->once,
        .dry_run = plan->dry_run,
        .print = plan->print,
        .view = worker_view(m->worker)};
    m->lane = lane_new(&options, &live_ports);
    const struct worker_job job = {.name = store->instance.name,
                                   .arg = m->lane,
                                   .once = plan->once,
                                   .session = lane_session,
                                   .failed = lane_failed,
                                   .reloaded = lane_reloaded,
                                   .stopped = lane_stopped,
                                   .show_ready = lane_show_ready};
    return start_member(p, m, &job, err);
}

static enum status start_parents(struct process *p, struct err *err)
{
    const struct consumer_conf *conf = p->plan->conf;
    struct member *m = &p->members[p->count];
    m->worker = worker_new(&worker_limits);
    const struct parents_options options = {.kafka = &conf->shared.kafka,
                                            .topic = conf->shared.topic.name,
                                            .odoo_dsn = conf->shared.odoo.dsn,
                                            .state_dsn = conf_state_dsn(&conf->shared),
                                            .group = conf->consumer.parents_group,
                                            .once = p->plan->once,
                                            .view = worker_view(m->worker),
                                            .ports = &parents_ports_live};
    m->parents = parents_lane_new(&options);
    const struct worker_job job = {.name = "parents",
                                   .arg = m->parents,
                                   .once = p->plan->once,
                                   .session = parents_lane_session,
                                   .failed = parents_lane_failed,
                                   .reloaded = parents_lane_reloaded,
                                   .stopped = parents_lane_stopped,
                                   .show_ready = parents_lane_show_ready};
    return start_member(p, m, &job, err);
}

static enum status start_all(struct process *p, struct err *err)
{
    for (size_t i = 0; i < p->plan->store_count; i++) {
        enum status rc = start_store(p, p->plan->stores[i], err);
        if (rc != STATUS_OK) {
            return rc;
        }
        p->store_count++;
    }
    return p->plan->parents ? start_parents(p, err) : STATUS_OK;
}

static bool all_done(const struct process *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (!worker_is_done(p->members[i].worker)) {
            return false;
        }
    }
    return true;
}

static bool all_ready(const struct process *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (!worker_is_ready(p->members[i].worker)) {
            return false;
        }
    }
    return true;
}

static void ask_reload(const struct process *p)
{
    log_info(MOD, "reload", LF_MSG("credentials are read again, failed stores are probed now"));
    for (size_t i = 0; i < p->count; i++) {
        worker_ask_reload(p->members[i].worker);
    }
}

/* Whatever a worker waits for: what it has not committed is read again, as after a crash. */
static void give_up(const struct process *p, enum status rc)
{
    size_t left = 0;
    for (size_t i = 0; i < p->count; i++) {
        left += worker_is_done(p->members[i].worker) ? 0 : 1;
    }
    log_error(MOD, "stop_forced", LF_INT("count", left),
              LF_MSG("workers did not end in time: the process ends without them"));
    _exit(status_exit_code(rc));
}

/* Asks every worker to finish and waits until all have. @param rc  how the process ends */
static void stop_all(const struct process *p, enum status rc)
{
    int64_t limit_ms = p->plan->conf->consumer.drain_ms + END_LIMIT_MS;
    int64_t deadline = clock_monotonic_us() + limit_ms * 1000;
    for (size_t i = 0; i < p->count; i++) {
        worker_ask_stop(p->members[i].worker);
    }
    while (!all_done(p)) {
        struct timespec nap = {.tv_nsec = END_NAP_NS};
        (void)nanosleep(&nap, NULL);
        if (clock_left_ms(deadline) == 0) {
            give_up(p, rc);
        }
    }
}

static void wait_for_end(const struct process *p)
{
    bool ready = false;
    while (!all_done(p) && signals_sleep(TICK_MS)) {
        if (signals_take_reload()) {
            ask_reload(p);
        }
        if (!ready && all_ready(p)) {
            ready = true;
            service_ready();
        }
        for (size_t i = 0; i < p->count; i++) {
            worker_show_ready(p->members[i].worker);
        }
        service_alive();
        if (p->plan->tick != NULL) {
            p->plan->tick(p->plan->tick_arg);
        }
    }
    service_stopping();
}

static enum status first_failure(const struct process *p, struct err *err)
{
    for (size_t i = 0; i < p->count; i++) {
        enum status rc = worker_result(p->members[i].worker, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

/* Once a process: all groups are divided in the same way. */
static void log_assignor(const struct consumer_conf *conf)
{
    const struct kafka_assignor a = kafka_assignor_of(&conf->shared.kafka);
    const char *reason = kafka_assignor_reason(&a);
    if (a.may_abort) {
        log_warn(MOD, "assignor", LF_TEXT("strategy", a.strategy), LF_TEXT("librdkafka", a.library),
                 LF_MSG(reason));
        return;
    }
    log_info(MOD, "assignor", LF_TEXT("strategy", a.strategy), LF_TEXT("librdkafka", a.library),
             LF_MSG(reason));
}

static enum status serve(struct process *p, struct http_listener **listener, struct err *err)
{
    const struct consumer_conf *conf = p->plan->conf;
    log_assignor(conf);
    enum status rc = start_all(p, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = http_listener_start(p->plan->dry_run || p->plan->no_http ? NULL : conf->consumer.listen,
                             ROUTES, sizeof ROUTES / sizeof ROUTES[0], p, listener, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    log_info(MOD, "started", LF_TEXT("version", STOCKSYNC_VERSION), LF_INT("count", p->store_count),
             LF_TEXT("topic", conf->shared.topic.name));
    wait_for_end(p);
    return STATUS_OK;
}

enum status process_run(const struct process_plan *plan, struct err *err)
{
    struct process p = {.plan = plan};
    struct http_listener *listener = NULL;
    enum status rc = signals_stop_fd() < 0 ? signals_install(err) : STATUS_OK;
    if (rc != STATUS_OK) {
        return rc;
    }
    p.members = mem_calloc(plan->store_count + 1, sizeof *p.members);
    rc = serve(&p, &listener, err);
    stop_all(&p, rc);
    http_listener_free(listener);
    if (rc == STATUS_OK) {
        rc = first_failure(&p, err);
    }
    for (size_t i = 0; i < p.count; i++) {
        free_member(&p.members[i]);
    }
    mem_free(p.members);
    log_info(MOD, "stopped", LF_TEXT("status", status_name(rc)));
    return rc;
}

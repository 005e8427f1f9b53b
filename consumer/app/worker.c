#include "consumer/app/worker.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "common/core/backoff.h"
#include "common/core/clock.h"
#include "common/core/mem.h"

/* Several times the longest status: all texts of a job are bounded. */
#define STATUS_MAX_BYTES ((size_t)256 * 1024)

const struct worker_limits worker_limits = {
    .first_pause_ms = 500,
    .max_pause_ms = 60000,
    .away_pause_ms = 2000,
    .server_pause_ms = 10000,
    .slow_probe_ms = 5000,
    .patience_ms = 30000,
};

struct worker {
    struct worker_job job;
    struct worker_limits limits;
    struct thread thread;
    struct backoff backoff; /* the thread's */
    enum status result;     /* the thread's until it is done */
    struct err result_err;

    pthread_mutex_t mutex; /* of what follows */
    struct strbuf json;
    struct health health;
};

static bool needs_a_person(enum status rc)
{
    return status_class(rc) == CLASS_STORE || status_class(rc) == CLASS_FATAL;
}

static bool is_of_the_store(enum status rc)
{
    return status_class(rc) == CLASS_STORE || rc == STATUS_STORE_LOST || rc == STATUS_THROTTLED ||
           rc == STATUS_OUTCOME_UNKNOWN;
}

/* Kafka and databases are ours, and nobody asks for longer pauses. The state is opened first: while
 * it is away, a probe does not reach the store. */
static int64_t longest_pause_ms(const struct worker *w, enum status rc)
{
    if (is_of_the_store(rc)) {
        return w->limits.max_pause_ms;
    }
    return rc == STATUS_SOURCE_LOST ? w->limits.away_pause_ms : w->limits.server_pause_ms;
}

static bool gives_up(const struct worker *w, enum status rc, int64_t begun_us)
{
    if (!w->job.once) {
        return false;
    }
    return needs_a_person(rc) ||
           clock_monotonic_us() - begun_us > w->limits.patience_ms * INT64_C(1000);
}

static void take_reload(struct worker *w)
{
    if (thread_take_reload(&w->thread)) {
        backoff_reset(&w->backoff);
        w->job.reloaded(w->job.arg);
    }
}

/* Ends early when the worker is asked to stop or to reload. */
static void pause_after(struct worker *w, enum status rc, const struct err *err)
{
    int64_t least_ms = needs_a_person(rc) ? w->limits.slow_probe_ms : 0;
    int64_t longest_ms = longest_pause_ms(w, rc);
    int64_t pause_ms = backoff_next_ms(&w->backoff, least_ms);
    longest_ms = longest_ms > least_ms ? longest_ms : least_ms;
    pause_ms = pause_ms < longest_ms ? pause_ms : longest_ms;
    w->job.failed(w->job.arg, rc, err, pause_ms);
    int64_t deadline = clock_monotonic_us() + pause_ms * 1000;
    struct pollfd wake = {.fd = w->thread.wake_fd, .events = POLLIN};
    int left_ms = 0;
    while ((left_ms = clock_left_ms(deadline)) > 0 && poll(&wake, 1, left_ms) <= 0) {
    }
    take_reload(w);
}

static void run_sessions(struct thread *thread, void *arg)
{
    struct worker *w = arg;
    int64_t begun_us = clock_monotonic_us();
    while (!thread_is_stopping(thread)) {
        struct err err = {0};
        bool worked = false;
        enum status rc = w->job.session(w->job.arg, thread, &worked, &err);
        if (worked) {
            backoff_reset(&w->backoff);
        }
        if (rc == STATUS_OK || rc == STATUS_STOPPING) {
            break;
        }
        if (rc == STATUS_RENEW) {
            continue;
        }
        if (gives_up(w, rc, begun_us)) {
            w->result = rc;
            w->result_err = err;
            break;
        }
        pause_after(w, rc, &err);
    }
    w->job.stopped(w->job.arg);
}

struct worker *worker_new(const struct worker_limits *limits)
{
    struct worker *w = mem_calloc(1, sizeof *w);
    w->limits = *limits;
    backoff_init(&w->backoff, limits->first_pause_ms, limits->max_pause_ms,
                 (uint64_t)clock_wall_us() ^ (uint64_t)getpid());
    strbuf_init(&w->json, STATUS_MAX_BYTES);
    (void)pthread_mutex_init(&w->mutex, NULL);
    return w;
}

struct view_port worker_view(struct worker *worker)
{
    return (struct view_port){.publish = worker_publish, .arg = worker};
}

enum status worker_start(struct worker *worker, const struct worker_job *job, struct err *err)
{
    worker->job = *job;
    return thread_start(&worker->thread, job->name, run_sessions, worker, err);
}

void worker_ask_stop(struct worker *worker)
{
    thread_ask_stop(&worker->thread);
}

void worker_ask_reload(struct worker *worker)
{
    thread_ask_reload(&worker->thread);
}

bool worker_is_done(const struct worker *worker)
{
    return thread_is_done(&worker->thread);
}

enum status worker_result(const struct worker *worker, struct err *err)
{
    if (worker->result != STATUS_OK) {
        *err = worker->result_err;
    }
    return worker->result;
}

void worker_publish(void *worker, const struct health *health, const char *json)
{
    struct worker *w = worker;
    (void)pthread_mutex_lock(&w->mutex);
    w->health = *health;
    strbuf_reset(&w->json);
    strbuf_append_text(&w->json, json);
    (void)pthread_mutex_unlock(&w->mutex);
}

void worker_append_status(struct worker *worker, struct strbuf *out)
{
    int64_t now = clock_monotonic_us();
    (void)pthread_mutex_lock(&worker->mutex);
    if (worker->json.len < 2) {
        strbuf_append_text(out, "{}");
    } else {
        strbuf_append(out, worker->json.ptr, worker->json.len - 1);
        strbuf_append_char(out, ',');
        health_append_json(&worker->health, now, out);
        strbuf_append_char(out, '}');
    }
    (void)pthread_mutex_unlock(&worker->mutex);
}

static struct health copy_health(struct worker *worker)
{
    (void)pthread_mutex_lock(&worker->mutex);
    struct health health = worker->health;
    (void)pthread_mutex_unlock(&worker->mutex);
    return health;
}

bool worker_is_ready(struct worker *worker)
{
    struct health health = copy_health(worker);
    return health.count > 0 && health_trouble(&health, clock_monotonic_us()) == NULL;
}

void worker_append_reason(struct worker *worker, struct strbuf *out)
{
    struct health health = copy_health(worker);
    health_append_reason(&health, clock_monotonic_us(), out);
}

void worker_show_ready(struct worker *worker)
{
    worker->job.show_ready(worker->job.arg, worker_is_ready(worker));
}

void worker_free(struct worker *worker)
{
    if (worker == NULL) {
        return;
    }
    thread_ask_stop(&worker->thread);
    thread_join(&worker->thread);
    strbuf_release(&worker->json);
    (void)pthread_mutex_destroy(&worker->mutex);
    mem_free(worker);
}

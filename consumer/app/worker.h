/**
 * worker: one thread that runs the sessions of a job, one after the other, until it is asked to
 * stop.
 *
 * A session opens its connections, works, and closes them. After a failure the worker pauses and
 * begins again, exactly as a restarted process would. The worker knows no job. It holds what all
 * jobs share: thread, stop, reload, pauses, result and published status.
 *
 * How a session ends decides what follows:
 *
 *   STATUS_OK        drained after a stop, or done with `once`: the worker ends
 *   STATUS_STOPPING  the worker ends; without a stop, a reload woke the session: begin again
 *   STATUS_RENEW     begin again at once
 *   any other        pause, then begin again
 *
 * A job with `once` does not wait for a person. It ends with the failure when that is of class
 * STORE or FATAL, or when patience_ms have passed since the start.
 *
 * Calling sequence: worker_new; make the job, which gets worker_view; worker_start;
 * worker_ask_stop; wait for worker_is_done; worker_result; worker_free; free the job.
 */
#ifndef STOCKSYNC_CONSUMER_APP_WORKER_H
#define STOCKSYNC_CONSUMER_APP_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/health.h"
#include "common/core/strbuf.h"
#include "common/core/thread.h"
#include "common/core/view_port.h"

/* All functions run in the worker's thread. */
struct worker_job {
    const char *name; /* of the thread */
    void *arg;        /* of the functions below; must outlive the worker */
    bool once;        /* the job ends when it has done what there is */
    /**
     * Runs one session. Its waits end when thread->wake_fd is readable.
     * @param worked  [out] false before the call; true when a turn went through: the pauses start
     *                over from the shortest
     */
    enum status (*session)(void *arg, struct thread *thread, bool *worked, struct err *err);
    /** A session failed and the worker pauses now: sets the job's state, logs. */
    void (*failed)(void *arg, enum status rc, const struct err *err, int64_t pause_ms);
    /** A person asked to probe now, while no session ran. */
    void (*reloaded)(void *arg);
    /** No session follows. */
    void (*stopped)(void *arg);
    /** Shows as a metric whether the job is ready. Any thread. */
    void (*show_ready)(void *arg, bool ready);
};

struct worker_limits {
    int64_t first_pause_ms; /* upper bound of the first pause; it doubles with every failure */
    int64_t max_pause_ms;
    int64_t away_pause_ms;   /* the same while a database is away: work goes on when it is back */
    int64_t server_pause_ms; /* the same for other failures of Kafka and databases */
    int64_t slow_probe_ms;   /* least pause after a failure that only a person can fix */
    int64_t patience_ms;     /* of a job with `once` */
};

extern const struct worker_limits worker_limits;

struct worker;

struct worker *worker_new(const struct worker_limits *limits);
/** Where the job publishes its status; valid until worker_free. */
struct view_port worker_view(struct worker *worker);
/** Starts the thread. @param job  copied */
NODISCARD enum status
worker_start(struct worker *worker, const struct worker_job *job, struct err *err);
/** Asks the session to finish, record, commit and leave. Any thread. */
void worker_ask_stop(struct worker *worker);
/** Asks the job to probe now: the session takes it from its thread, a pause ends. Any thread. */
void worker_ask_reload(struct worker *worker);
/** Any thread. */
bool worker_is_done(const struct worker *worker);
/** After worker_is_done. @return STATUS_OK, or the failure that ended a job with `once` */
NODISCARD enum status worker_result(const struct worker *worker, struct err *err);
/** The publish function of worker_view; worker: a struct worker *. */
void worker_publish(void *worker, const struct health *health, const char *json);
/** Appends the JSON object that the job published last, with readiness and ages of this moment. Any
 * thread. */
void worker_append_status(struct worker *worker, struct strbuf *out);
/** Whether the job is ready now, by what it published last. Any thread. */
bool worker_is_ready(struct worker *worker);
/** Appends why the job is not ready; nothing while it is. Any thread. */
void worker_append_reason(struct worker *worker, struct strbuf *out);
/** Has the job show as a metric whether it is ready. Any thread. */
void worker_show_ready(struct worker *worker);
/** Asks to stop, joins the thread and frees. Accepts NULL and a worker that never started. */
void worker_free(struct worker *worker);

#endif

#include "producer/app/gc_task.h"

#include <poll.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/metric.h"
#include "common/core/thread.h"
#include "producer/app/databases.h"
#include "producer/odoo/gc.h"
#include "producer/odoo/horizon.h"

#define MOD "gc"

/* One step may take long on a large table, but not for ever. */
#define STATEMENT_TIMEOUT_MS (15 * 60 * 1000)
/* A snapshot older than this keeps dead marks from being cleaned: worth a line. */
#define HORIZON_WARN_S 600

struct gc_task {
    const struct producer_conf *conf;
    struct thread thread;
    struct metric *runs, *removed, *failures, *horizon_age;
};

static void warn_of_horizon(struct gc_task *t, const struct horizon *h)
{
    metric_set(t->horizon_age, (double)h->age_s);
    if (h->age_s > HORIZON_WARN_S) {
        log_warn(MOD, "vacuum_held_back", LF_INT("age_ms", h->age_s * 1000),
                 LF_TEXT("holder", h->holder),
                 LF_MSG("an old snapshot keeps dead rows in the whole cluster: end that session, "
                        "transaction or slot"));
    }
}

static enum status clean(struct gc_task *t, struct err *err)
{
    struct databases dbs = {0};
    struct gc_counts counts = {0};
    struct horizon h = {0};
    int64_t begun = clock_monotonic_us();
    enum status rc =
        databases_open(t->conf, "stocksync-producer gc", STATEMENT_TIMEOUT_MS, &dbs, err);
    if (rc == STATUS_OK) {
        rc = horizon_read(dbs.odoo, &h, err);
    }
    if (rc == STATUS_OK) {
        warn_of_horizon(t, &h);
        rc = gc_run(dbs.odoo, dbs.state, t->conf->gc.keep_attempts_ms, &counts, err);
    }
    if (rc == STATUS_OK) {
        int64_t removed =
            counts.attempts + counts.parked_products + counts.products + counts.levels;
        metric_add(t->runs, 1);
        metric_add(t->removed, (uint64_t)removed);
        log_info(MOD, "cleaned", LF_INT("attempts", counts.attempts),
                 LF_INT("products", counts.products), LF_INT("levels", counts.levels),
                 LF_INT("parked", counts.parked_products),
                 LF_TEXT("vacuumed", counts.vacuumed ? "yes" : "no"),
                 LF_INT("took_ms", (clock_monotonic_us() - begun) / 1000));
    }
    databases_close(&dbs);
    return rc;
}

static void run(struct thread *self, void *arg)
{
    struct gc_task *t = arg;
    int64_t due = clock_monotonic_us() + t->conf->gc.every_ms * 1000;
    while (!thread_is_stopping(self)) {
        struct pollfd wake = {.fd = self->wake_fd, .events = POLLIN};
        (void)poll(&wake, 1, clock_left_ms(due));
        if (thread_is_stopping(self) || clock_left_ms(due) > 0) {
            continue;
        }
        struct err err = {0};
        if (clean(t, &err) != STATUS_OK) {
            metric_add(t->failures, 1);
            log_failure(LOG_WARN, MOD, "not_cleaned", &err,
                        LOG_FIELDS(LF_MSG("tried again at the next interval")));
        }
        due = clock_monotonic_us() + t->conf->gc.every_ms * 1000;
    }
}

enum status gc_task_start(const struct producer_conf *conf, struct gc_task **task, struct err *err)
{
    struct gc_task *t = mem_calloc(1, sizeof *t);
    t->conf = conf;
    t->runs = metric_counter("stocksync_producer_gc_runs_total", "Cleanings that went through.",
                             NULL, NULL);
    t->removed = metric_counter("stocksync_producer_gc_removed_total", "Rows removed by cleaning.",
                                NULL, NULL);
    t->failures = metric_counter("stocksync_producer_gc_failures_total", "Cleanings that failed.",
                                 NULL, NULL);
    t->horizon_age =
        metric_gauge("stocksync_producer_vacuum_horizon_age_seconds",
                     "Age of the oldest snapshot that holds cleaning back.", NULL, NULL);
    enum status rc = thread_start(&t->thread, "gc", run, t, err);
    if (rc != STATUS_OK) {
        mem_free(t);
        return rc;
    }
    *task = t;
    return STATUS_OK;
}

void gc_task_stop(struct gc_task *task)
{
    if (task == NULL) {
        return;
    }
    thread_ask_stop(&task->thread);
    thread_join(&task->thread);
    mem_free(task);
}

#include "producer/app/gc_task.h"

#include <poll.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/thread.h"

#define MOD "gc"

/* A snapshot older than this keeps dead marks from being cleaned: worth a line. */
#define HORIZON_WARN_S 600

struct gc_task {
    const struct producer_conf *conf;
    gc_clean_fn clean;
    struct thread thread;
    struct gc_metrics metrics;
};

#define ROW(field, kind, name, help)                                                               \
    {                                                                                              \
        offsetof(struct gc_metrics, field), kind, "stocksync_producer_" name, NULL, NULL, help     \
    }

static const struct metric_row ROWS[] = {
    ROW(runs, METRIC_COUNTER, "gc_runs_total", "Cleanings that succeeded."),
    ROW(removed, METRIC_COUNTER, "gc_removed_total", "Rows that a cleaning removed."),
    ROW(failures, METRIC_COUNTER, "gc_failures_total", "Cleanings that failed."),
    ROW(horizon_age,
        METRIC_GAUGE,
        "vacuum_horizon_age_seconds",
        "Age of the oldest snapshot that holds vacuum back."),
};

const struct metric_table gc_metric_table = {.rows = ROWS, .count = sizeof ROWS / sizeof ROWS[0]};

static void warn_of_horizon(struct gc_task *t, const struct horizon *h)
{
    metric_set(t->metrics.horizon_age, (double)h->age_s);
    if (h->age_s > HORIZON_WARN_S) {
        log_warn(MOD, "vacuum_held_back", LF_INT("age_ms", h->age_s * 1000),
                 LF_TEXT("holder", h->holder),
                 LF_MSG("an old snapshot keeps dead rows in the whole cluster: end that session, "
                        "transaction or slot"));
    }
}

static void show(struct gc_task *t, const struct gc_counts *counts, int64_t took_us)
{
    int64_t removed =
        counts->attempts + counts->parked_products + counts->products + counts->levels;
    metric_add(t->metrics.runs, 1);
    metric_add(t->metrics.removed, (uint64_t)removed);
    log_info(
        MOD, "cleaned", LF_INT("attempts", counts->attempts), LF_INT("products", counts->products),
        LF_INT("levels", counts->levels), LF_INT("parked", counts->parked_products),
        LF_TEXT("vacuumed", counts->vacuumed ? "yes" : "no"), LF_INT("took_ms", took_us / 1000));
}

static void clean(struct gc_task *t)
{
    struct err err = {0};
    struct gc_report report = {0};
    int64_t begun = clock_monotonic_us();
    enum status rc = t->clean(t->conf, &report, &err);
    if (report.has_horizon) {
        warn_of_horizon(t, &report.horizon);
    }
    if (rc != STATUS_OK) {
        metric_add(t->metrics.failures, 1);
        log_failure(LOG_WARN, MOD, "not_cleaned", &err,
                    LOG_FIELDS(LF_MSG("tried again at the next interval")));
        return;
    }
    show(t, &report.counts, clock_monotonic_us() - begun);
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
        clean(t);
        due = clock_monotonic_us() + t->conf->gc.every_ms * 1000;
    }
}

enum status gc_task_start(const struct producer_conf *conf,
                          gc_clean_fn clean_once,
                          struct gc_task **task,
                          struct err *err)
{
    struct gc_task *t = mem_calloc(1, sizeof *t);
    t->conf = conf;
    t->clean = clean_once;
    metric_table_register(&gc_metric_table, NULL, &t->metrics);
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

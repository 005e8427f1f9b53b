/**
 * gc_task: the scheduled cleaning, on a thread with its own connections.
 */
#ifndef STOCKSYNC_PRODUCER_APP_GC_TASK_H
#define STOCKSYNC_PRODUCER_APP_GC_TASK_H

#include "common/core/metric.h"
#include "producer/app/producer_conf.h"
#include "producer/odoo/gc.h"
#include "producer/odoo/horizon.h"

struct gc_task;

/** The cells of gc_metric_table. */
struct gc_metrics {
    struct metric *runs, *removed, *failures, *horizon_age;
};

extern const struct metric_table gc_metric_table;

/** What one cleaning found and did. */
struct gc_report {
    bool has_horizon; /* horizon is filled; also after a failure */
    struct horizon horizon;
    struct gc_counts counts;
};

/** One cleaning, with connections that it opens and closes. Runs on the task's thread. */
typedef enum status (*gc_clean_fn)(const struct producer_conf *conf,
                                   struct gc_report *report,
                                   struct err *err);

/** Starts the thread; the first cleaning comes after [gc] every. conf is borrowed until
 * gc_task_stop. */
NODISCARD enum status gc_task_start(const struct producer_conf *conf,
                                    gc_clean_fn clean_once,
                                    struct gc_task **task,
                                    struct err *err);
/** Ends the thread, waiting for a step that runs. Accepts NULL. */
void gc_task_stop(struct gc_task *task);

#endif

/**
 * gc_task: the scheduled cleaning, on a thread and connections of its own.
 */
#ifndef STOCKSYNC_PRODUCER_APP_GC_TASK_H
#define STOCKSYNC_PRODUCER_APP_GC_TASK_H

#include "producer/app/producer_conf.h"

struct gc_task;

/** Starts the thread; the first cleaning comes after [gc] every. conf is borrowed until
 * gc_task_stop. */
NODISCARD enum status
gc_task_start(const struct producer_conf *conf, struct gc_task **task, struct err *err);
/** Ends the thread, waiting for a step that runs. Accepts NULL. */
void gc_task_stop(struct gc_task *task);

#endif

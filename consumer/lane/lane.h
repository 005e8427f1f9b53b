/**
 * lane: one store's work, from the topic to Shopify.
 *
 * It owns a Kafka client, an HTTP client, a state connection and the plan. It shares nothing with
 * other lanes but metric cells and the logger. A failure that passes ends in one of two ways: a
 * request waits with its bytes and is sent again, or the session is dropped and begins again, as
 * after a crash. A lane never ends the process.
 *
 * The functions that take void * fit struct worker_job. They run in one thread; only lane_new and
 * lane_free run in another, before and after it.
 */
#ifndef STOCKSYNC_LANE_LANE_H
#define STOCKSYNC_LANE_LANE_H

#include "common/core/metric.h"
#include "common/core/thread.h"
#include "consumer/lane/lane_options.h"
#include "consumer/lane/ports.h"

struct lane;

/** @param options  copied; its pointers are borrowed until lane_free
 *  @param ports    borrowed; live_ports but in tests */
NODISCARD struct lane *lane_new(const struct lane_options *options, const struct lane_ports *ports);
/** Accepts NULL. */
void lane_free(struct lane *lane);

/**
 * One session: opens, works until the thread is asked to stop, drains and closes.
 * @param worked  [out] true once a turn went through
 * @return STATUS_OK: asked to stop, or drained with options.once; STATUS_RENEW: begin again at
 *         once; otherwise why the session failed
 */
NODISCARD enum status
lane_session(void *lane, struct thread *thread, bool *worked, struct err *err);
/** A session failed, and the next begins after a pause. */
void lane_failed(void *lane, enum status rc, const struct err *err, int64_t pause_ms);
/** A person asks to try again now. Between sessions; during one, the session takes it from its
 * thread. */
void lane_reloaded(void *lane);
/** No further session begins. */
void lane_stopped(void *lane);
/** Sets the metric. Any thread. */
void lane_show_ready(void *lane, bool ready);

#endif

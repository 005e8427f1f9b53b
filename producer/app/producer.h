/**
 * producer: the run loop: take ownership, tail the marks, publish, settle; recover from whatever
 * fails for a while.
 *
 *     STANDBY ──lock taken──▶ OWNER ──stop──▶ STOPPING
 *        ▲                     │
 *        └──lock's connection lost
 *
 * A fenced producer ends with STATUS_FENCED. Everything here belongs to the main thread; the HTTP
 * responder reads metric cells and a copied view. Two things have a thread and connections of their
 * own, so that they do not delay the tail: the scheduled cleaning (gc_task), and reading products
 * that may wait (slice_reader), which hands what it read to the main thread.
 */
#ifndef STOCKSYNC_PRODUCER_APP_PRODUCER_H
#define STOCKSYNC_PRODUCER_APP_PRODUCER_H

#include "common/core/strbuf.h"
#include "producer/app/producer_conf.h"

struct producer;

/** @param conf  borrowed until producer_free */
NODISCARD struct producer *producer_new(const struct producer_conf *conf);
/** Runs until signals_stop_requested. @return STATUS_OK, or the fatal failure */
NODISCARD enum status producer_run(struct producer *producer, struct err *err);
/** True while it owns the tail and Kafka and both databases answer. Any thread. */
bool producer_is_ready(struct producer *producer);
/** Appends a JSON object. Any thread. */
void producer_append_status(struct producer *producer, struct strbuf *out);
void producer_free(struct producer *producer);

#endif

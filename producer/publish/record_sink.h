/**
 * record_sink: the transactional Kafka producer: opens, begins, adds records, waits, commits and
 * aborts.
 *
 * One open transaction at a time. The caller decides when to settle (settlement.h). Thread: the
 * producer's main thread.
 */
#ifndef STOCKSYNC_PUBLISH_RECORD_SINK_H
#define STOCKSYNC_PUBLISH_RECORD_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/bytes.h"
#include "common/core/conf.h"
#include "common/core/status.h"

struct record_sink;

struct record_sink_options {
    const struct conf_pairs *kafka; /* pass-through; borrowed until free */
    const char *topic;              /* borrowed until free */
    /* The topic's max.message.bytes: the client refuses larger records. 0: librdkafka's default. */
    int64_t max_message_bytes;
    /* Header "database" of every record; NULL or "": none. Borrowed until free. */
    const char *database;
    /*
     * Header "stream" of every record: a UUID as text; NULL or "": none. Borrowed until free and
     * read for each record, so the caller may fill it after record_sink_new.
     */
    const char *stream;
};

/** One record. Everything is borrowed for the call; librdkafka copies. */
struct record {
    const char *key;    /* decimal product id */
    struct bytes value; /* ptr NULL: tombstone */
    int64_t revision;   /* header "revision", decimal */
    const char *cause;  /* header "cause" */
    int64_t epoch;      /* header "epoch", decimal */
};

/** Makes the client without connecting. @return STATUS_OK, STATUS_CONFIG */
NODISCARD enum status record_sink_new(const struct record_sink_options *options,
                                      struct record_sink **sink,
                                      struct err *err);
/**
 * Takes the topic over: fetches its metadata, then init_transactions, which fences a predecessor
 * and aborts its transaction. Takes at most timeout_ms.
 * @return STATUS_OK
 *         STATUS_BROKER_LOST    call again
 *         STATUS_TOPIC_UNFIT
 *         STATUS_PERMISSION
 *         STATUS_CLIENT_BROKEN
 *         STATUS_FENCED
 */
NODISCARD enum status
record_sink_take_over(struct record_sink *sink, int timeout_ms, struct err *err);
/**
 * Begins a transaction if none is open.
 * @return STATUS_OK, STATUS_CLIENT_BROKEN, STATUS_FENCED
 */
NODISCARD enum status record_sink_begin(struct record_sink *sink, struct err *err);
bool record_sink_is_open(const struct record_sink *sink);
/**
 * True when record_sink_wait would not wait: every queued record is acknowledged or refused.
 * Serves callbacks.
 */
bool record_sink_is_idle(struct record_sink *sink);
/**
 * Queues one record in the open transaction. Waits for room while the client's queue is full.
 *
 * @param index  record_sink_refused returns it if the broker refuses the record
 * @return STATUS_OK
 *         STATUS_TOO_LARGE      this record only; the transaction stays good
 *         STATUS_BATCH_ABORTED
 *         STATUS_FENCED
 *         STATUS_CLIENT_BROKEN
 */
NODISCARD enum status record_sink_add(struct record_sink *sink,
                                      const struct record *record,
                                      size_t index,
                                      struct err *err);
/**
 * Waits until every queued record is acknowledged.
 * @return STATUS_OK             all of them are
 *         STATUS_BATCH_ABORTED  at least one failed: abort and read again; record_sink_refused
 *                               returns those that the broker refused for what they are
 *         STATUS_BROKER_LOST    not all are after timeout_ms
 *         STATUS_STREAM_ENDED   an acknowledged offset went back: the topic is another one of that
 *                               name. So from now on; abort and free the sink
 *         STATUS_FENCED
 *         STATUS_CLIENT_BROKEN
 */
NODISCARD enum status record_sink_wait(struct record_sink *sink, int timeout_ms, struct err *err);
/**
 * Returns the records of this transaction that the broker refused for what they are. The broker
 * refuses whole batches, so good records may be among them. Empty when the cause lies elsewhere.
 *
 * @param indexes  [out] borrowed until the next begin, in no order
 * @return how many
 */
size_t record_sink_refused(const struct record_sink *sink, const size_t **indexes);
/**
 * For each partition the offset behind the last record of this sink that was acknowledged, also in
 * transactions that were aborted later. Markers of transactions may lie behind it.
 *
 * @param next_offsets  [out] by partition, -1: none acknowledged yet; borrowed until the next call
 * @return how many; grows with the partitions that were written
 */
size_t record_sink_ends(const struct record_sink *sink, const int64_t **next_offsets);
/**
 * Commits the open transaction; afterwards its marks may be deleted.
 * @return as record_sink_wait; STATUS_OK when none is open. STATUS_STREAM_ENDED also after the
 *         commit, when its records lie in the topic that took the place of the former one
 */
NODISCARD enum status record_sink_commit(struct record_sink *sink, struct err *err);
/**
 * Aborts the open transaction and drops queued records.
 * @return STATUS_OK
 *         STATUS_CLIENT_BROKEN  the abort failed: free the sink and make a new one
 *         STATUS_FENCED
 */
NODISCARD enum status record_sink_abort(struct record_sink *sink, struct err *err);
/**
 * Serves callbacks without waiting. Call at least once a second while idle.
 * @return STATUS_OK, or what was seen there: STATUS_FENCED, STATUS_CLIENT_BROKEN,
 *         STATUS_STREAM_ENDED
 */
NODISCARD enum status record_sink_poll(struct record_sink *sink, struct err *err);
/**
 * Closes without flushing. An open transaction is left to the successor's init_transactions.
 * Accepts NULL.
 */
void record_sink_free(struct record_sink *sink);

#endif

/**
 * record_sink: the transactional Kafka producer: open, begin, add records, wait for them, commit,
 * abort.
 *
 * One open transaction at a time; who decides when to settle is producer/app with
 * producer/publish/settlement. One owner: the producer's main thread.
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
    int64_t max_message_bytes; /* the topic's max.message.bytes: larger records are refused by the
                                  client; 0: the library's default */
    const char
        *database; /* header "database" of every record; NULL or "": none; borrowed until free
                    */
};

/** What a record carries. All borrowed for the call; librdkafka copies. */
struct record {
    const char *key;    /* decimal product id */
    struct bytes value; /* ptr NULL: tombstone */
    int64_t revision;   /* header "revision", decimal */
    const char *cause;  /* header "cause" */
    int64_t epoch;      /* header "epoch", decimal */
};

/** Makes the client; does not connect by itself. @return STATUS_OK, STATUS_CONFIG */
NODISCARD enum status record_sink_new(const struct record_sink_options *options,
                                      struct record_sink **sink,
                                      struct err *err);
/**
 * Takes over: fetches the topic's metadata, then init_transactions (fences and aborts a
 * predecessor). Bounded by timeout_ms.
 * @return STATUS_OK, STATUS_BROKER_LOST (call again), STATUS_TOPIC_UNFIT, STATUS_PERMISSION,
 * STATUS_CLIENT_BROKEN, STATUS_FENCED
 */
NODISCARD enum status
record_sink_take_over(struct record_sink *sink, int timeout_ms, struct err *err);
/** Begins a transaction if none is open. */
NODISCARD enum status record_sink_begin(struct record_sink *sink, struct err *err);
bool record_sink_is_open(const struct record_sink *sink);
/** Whether record_sink_wait would not wait: every queued record is acknowledged or refused. Serves
 * callbacks. */
bool record_sink_is_idle(struct record_sink *sink);
/**
 * Queues one record in the open transaction; index comes back in record_sink_wait's list of refused
 * ones. When the client's queue is full, waits for room.
 * @return STATUS_OK, STATUS_TOO_LARGE (this record only; the transaction stays good),
 * STATUS_BATCH_ABORTED, STATUS_FENCED, STATUS_CLIENT_BROKEN
 */
NODISCARD enum status record_sink_add(struct record_sink *sink,
                                      const struct record *record,
                                      size_t index,
                                      struct err *err);
/**
 * Waits until every queued record is acknowledged.
 * @return STATUS_OK: all of them are. STATUS_BATCH_ABORTED: at least one was refused: abort, read
 * again; record_sink_refused tells which ones the broker refused by themselves (as opposed to a
 * neighbour). STATUS_BROKER_LOST after timeout_ms. STATUS_FENCED. STATUS_CLIENT_BROKEN.
 */
NODISCARD enum status record_sink_wait(struct record_sink *sink, int timeout_ms, struct err *err);
/**
 * Which records of this transaction the broker refused because of what they are. It refuses by
 * batches of its own, so good ones may be among them. Empty when the cause lies elsewhere. @param
 * indexes [out] borrowed until the next begin, in no order @return how many
 */
size_t record_sink_refused(const struct record_sink *sink, const size_t **indexes);
/** Commits what is open: afterwards its marks may be deleted. @return as wait; STATUS_OK when
 * nothing is open */
NODISCARD enum status record_sink_commit(struct record_sink *sink, struct err *err);
/** Aborts what is open, dropping what is queued. A failed abort returns STATUS_CLIENT_BROKEN (free
 * the sink and make a new one) or STATUS_FENCED. */
NODISCARD enum status record_sink_abort(struct record_sink *sink, struct err *err);
/** Serves callbacks without waiting: call at least once a second when idle. A fatal error seen
 * there is returned. */
NODISCARD enum status record_sink_poll(struct record_sink *sink, struct err *err);
/** Closes without flushing; an open transaction is left for init_transactions of the successor.
 * Accepts NULL. */
void record_sink_free(struct record_sink *sink);

#endif

/**
 * publisher: turns one batch of products into acknowledged records, and finds a poison record.
 *
 * Every item ends published, parked with a reason, or held until a later batch. A record over the
 * client's limit, or one that cannot be encoded, is parked at once and does not affect the others.
 *
 * When the broker refuses a record, the whole Kafka transaction must be aborted, so the search
 * spans batches. It bisects: the refused records are held back and tried in halves, each half first
 * in its transaction, until single ones are left. A record that is refused alone is a poison
 * record. It is parked when its product is read again. Thread: the producer's main thread.
 */
#ifndef STOCKSYNC_PUBLISH_PUBLISHER_H
#define STOCKSYNC_PUBLISH_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"
#include "common/model/product_stock.h"
#include "producer/publish/record_sink.h"

struct publisher;

enum publish_end {
    PUBLISH_DONE,   /* acknowledged: its marks belong to the open transaction */
    PUBLISH_PARKED, /* cannot be published: kind and reason say why */
    PUBLISH_HELD    /* bisecting: its marks stay and are read again */
};

struct publish_item {
    int32_t product_id;
    const struct product_stock *stock; /* borrowed for the submit; NULL: gone, write a tombstone */
    const char *unreadable; /* why its state cannot be read: parked at once; NULL: it can be read */
    int64_t revision;       /* of a tombstone, like cause */
    enum cause cause;
    enum publish_end end; /* [out] */
    const char *kind;   /* [out] PARKED: "unreadable", "invalid", "too_large", "refused"; static */
    const char *reason; /* [out] PARKED: valid until the first submit after publisher_wait */
};

/**
 * @param epoch              the leader epoch, for the header
 * @param max_message_bytes  as in record_sink_options
 * @return STATUS_OK, STATUS_INTERNAL
 */
NODISCARD enum status publisher_new(int64_t epoch,
                                    int64_t max_message_bytes,
                                    struct publisher **publisher,
                                    struct err *err);
void publisher_free(struct publisher *publisher);
/**
 * Queues items (a product at most once) in the sink's transaction. Begins one if there is anything
 * to publish.
 *
 * Records are copied. The items, without what they point to, must stay until publisher_wait. Items
 * of a further submit before that must follow right behind them; there must be none while
 * publisher_is_bisecting.
 *
 * @return STATUS_OK             every item has its end, valid once publisher_wait is STATUS_OK too
 *         STATUS_BATCH_ABORTED  nothing in the open transaction counts, and the ends are void:
 *                               record_sink_abort, settlement_clear, read again from the start
 *         STATUS_BROKER_LOST    not acknowledged within ack_timeout_ms: treat like BATCH_ABORTED
 *         STATUS_FENCED
 *         STATUS_CLIENT_BROKEN
 */
NODISCARD enum status publisher_submit(struct publisher *publisher,
                                       struct record_sink *sink,
                                       struct publish_item *items,
                                       size_t count,
                                       int ack_timeout_ms,
                                       struct err *err);
/**
 * Waits until every submitted item is acknowledged. Without a submit before, does nothing.
 * @return as publisher_submit
 */
NODISCARD enum status publisher_wait(struct publisher *publisher,
                                     struct record_sink *sink,
                                     int ack_timeout_ms,
                                     struct err *err);
/** Items submitted and not waited for. */
size_t publisher_count(const struct publisher *publisher);
/** Forgets the items submitted and not waited for, because their transaction is aborted. */
void publisher_drop(struct publisher *publisher);
/**
 * True while a poison record is searched for. Then settle after every batch and read from the
 * start, so that the held records meet an empty transaction.
 */
bool publisher_is_bisecting(const struct publisher *publisher);

#endif

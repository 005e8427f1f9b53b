/**
 * deferred: publishes products that may wait (kits whose components changed, backfill) without
 * holding up the others.
 *
 * A thread reads one deferred chunk while the main thread reads fresh changes over the tail's
 * connection and publishes them, one fresh chunk after another. All of it goes through the outbox,
 * so through one Kafka transaction, from the main thread.
 *
 * The records of a product come in the order of their snapshots:
 * - A deferred chunk is started between two reads of fresh marks, and submitted before the next of
 *   these reads.
 * - Fresh marks that deferred_reader_holds forbids meanwhile are postponed. They go into the first
 *   fresh chunk after it.
 * - When marks are postponed, no further deferred chunk is started before that fresh chunk is read.
 *
 * Thread: the producer's main thread.
 */
#ifndef STOCKSYNC_PRODUCER_APP_DEFERRED_H
#define STOCKSYNC_PRODUCER_APP_DEFERRED_H

#include "producer/app/chunk.h"
#include "producer/app/deferred_reader.h"
#include "producer/app/outbox.h"
#include "producer/app/upkeep.h"

struct deferred;

/** All borrowed until deferred_free. */
struct deferred_parts {
    const struct chunk_port *chunks; /* the tail's */
    struct deferred_reader *reader;
    struct outbox *outbox;
    struct upkeep *upkeep;
    struct producer_status *status;
};

NODISCARD struct deferred *deferred_new(const struct deferred_parts *parts);
/** Accepts NULL. */
void deferred_free(struct deferred *deferred);
/** Fresh changes came just now: deferred chunks stay small for a while. */
void deferred_note_fresh(struct deferred *deferred);
/**
 * Publishes products, and fresh changes meanwhile. Covers the marks of the fresh changes only.
 * @param batch     the products' batch; its marks are sorted if there are products
 * @param products  borrowed for the call
 * @param newest    where the batch's reads ended
 * @return the ports' and the outbox's statuses; STATUS_STOPPING: given up, the batch's marks stay
 */
NODISCARD enum status deferred_publish(struct deferred *deferred,
                                       struct batch *batch,
                                       const struct batch_products *products,
                                       struct mark_place newest,
                                       struct err *err);

#endif

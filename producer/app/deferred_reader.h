/**
 * deferred_reader: reads the state of one deferred chunk on a thread, over another
 * connection, while the tail goes on with fresh changes.
 *
 *     IDLE ──start──▶ BUSY ──(thread)──▶ READY ──take──▶ IDLE
 *
 * The thread reads and writes (stocksync.kit and kit_component) in the database only. It knows
 * neither marks nor Kafka: the main thread publishes what it read, in the tail's Kafka transaction.
 * From start to take the main thread must not
 * - publish a product of the chunk: the chunk's state may be older, but its record comes later;
 * - explode kits, when the chunk explodes: one of two writers is refused (40001).
 * deferred_reader_holds names the marks that this forbids. All calls: the main thread.
 */
#ifndef STOCKSYNC_PRODUCER_APP_DEFERRED_READER_H
#define STOCKSYNC_PRODUCER_APP_DEFERRED_READER_H

#include "producer/app/chunk.h"

struct deferred_reader;

/** What the thread calls, and its first argument: chunk_reader_read_alone. */
struct deferred_reader_port {
    struct chunk_reader *reader;
    enum status (*read)(struct chunk_reader *reader,
                        const struct chunk *chunk,
                        struct stock_batch *stock,
                        struct kit_table_changes *changes,
                        struct err *err);
};

/** Makes the object, without its thread. @param port  copied */
NODISCARD struct deferred_reader *deferred_reader_new(const struct deferred_reader_port *port);
/** Waits for a chunk that is being read. Accepts NULL. */
void deferred_reader_free(struct deferred_reader *reader);

/** Starts the thread, over a connection that is open. @return thread_start's statuses */
NODISCARD enum status deferred_reader_open(struct deferred_reader *reader, struct err *err);
/** Waits for a chunk that is being read, forgets it and ends the thread. A closed one is fine. */
void deferred_reader_close(struct deferred_reader *reader);

/** Begins to read; the reader must be idle. @param chunk  its products are borrowed until take,
 * drop or close */
void deferred_reader_start(struct deferred_reader *reader, const struct chunk *chunk);
/** True when no chunk is being read or ready. */
bool deferred_reader_is_idle(const struct deferred_reader *reader);
/** Waits at most that long for a chunk that is being read. @return a chunk is ready */
bool deferred_reader_wait(struct deferred_reader *reader, int timeout_ms);
/** True when the mark's product must not be read and published between start and take. */
bool deferred_reader_holds(const struct deferred_reader *reader, const struct mark *mark);
/**
 * Gives what the read found.
 * @param chunk           [out] what was started
 * @param stock, changes  [out] valid until the next start
 * @return the read's statuses
 */
NODISCARD enum status deferred_reader_take(struct deferred_reader *reader,
                                           struct chunk *chunk,
                                           struct stock_batch *stock,
                                           struct kit_table_changes *changes,
                                           struct err *err);
/** Waits for the chunk that is being read, if one is, and forgets it. */
void deferred_reader_drop(struct deferred_reader *reader);

#endif

/**
 * slice_reader: reads the state of one slice of products that may wait, on a thread and a
 * connection of its own, while the tail goes on with fresh changes.
 *
 *     IDLE ──start──▶ BUSY ──(thread)──▶ READY ──take──▶ IDLE
 *
 * The thread reads and writes (stocksync.kit and kit_component) in the database only; it knows no
 * marks, and nothing about Kafka: what it read is published by the owner of the tail, in the
 * tail's Kafka transaction. From start to take the owner must not
 * - publish a product of the slice: the slice's state may be the older one, and would come later;
 * - explode kits, when the slice explodes: of two writers one is refused (40001).
 * slice_reader_holds names what that forbids. All calls: the owner, one thread.
 */
#ifndef STOCKSYNC_PRODUCER_APP_SLICE_READER_H
#define STOCKSYNC_PRODUCER_APP_SLICE_READER_H

#include "producer/app/chunk_reader.h"

struct slice_reader;

/** Makes the object, without thread or connection. @param dsn  Odoo's; borrowed until free */
NODISCARD struct slice_reader *slice_reader_new(const char *dsn, int statement_timeout_ms);
/** Waits for a slice that is being read. Accepts NULL. */
void slice_reader_free(struct slice_reader *reader);

/**
 * Connects and starts the thread, which has its first slice from slice_reader_start.
 * @return pg_conn_open's statuses; thread_start's
 */
NODISCARD enum status slice_reader_open(struct slice_reader *reader,
                                        const struct odoo_shape *shape,
                                        const struct stock_reader_options *options,
                                        struct err *err);
/** Waits for a slice that is being read, forgets it, ends the thread, closes the connection. A
 * closed one is fine. */
void slice_reader_close(struct slice_reader *reader);

/** Begins to read; the reader must be idle. @param slice  its products are borrowed until take,
 * drop or close */
void slice_reader_start(struct slice_reader *reader, const struct chunk *slice);
/** True when no slice is being read or ready. */
bool slice_reader_is_idle(const struct slice_reader *reader);
/** Waits at most that long for a slice that is being read. @return a slice is ready */
bool slice_reader_wait(struct slice_reader *reader, int timeout_ms);
/** True when the mark's product must not be read and published between start and take. */
bool slice_reader_holds(const struct slice_reader *reader, const struct mark *mark);
/**
 * What the ready slice's read found.
 * @param slice           [out] what was started
 * @param batch, changes  [out] valid until the next start
 * @return chunk_reader_read_alone's statuses
 */
NODISCARD enum status slice_reader_take(struct slice_reader *reader,
                                        struct chunk *slice,
                                        struct stock_batch *batch,
                                        struct kit_table_changes *changes,
                                        struct err *err);
/** Waits for the slice that is being read, if one is, and forgets it. */
void slice_reader_drop(struct slice_reader *reader);

#endif

/**
 * chunk_reader: reads the state of products over one connection. It explodes the kits whose
 * structure their marks name, then reads stock.
 *
 * The tail has one, and the reader of deferred chunks has another. Keeps only memory between reads.
 * One thread at a time.
 */
#ifndef STOCKSYNC_PRODUCER_APP_CHUNK_READER_H
#define STOCKSYNC_PRODUCER_APP_CHUNK_READER_H

#include "producer/app/chunk.h"

struct chunk_reader;

/** @param conn  borrowed until free */
NODISCARD struct chunk_reader *chunk_reader_new(struct pg_conn *conn);
/** Accepts NULL. */
void chunk_reader_free(struct chunk_reader *reader);

/** The connection is open with MARKS_SESSION_SQL. Shape and options are copied. */
void chunk_reader_open(struct chunk_reader *reader,
                       const struct odoo_shape *shape,
                       const struct stock_reader_options *options);
/** Leaves the connection alone; a closed one is fine. */
void chunk_reader_close(struct chunk_reader *reader);

/**
 * Reads inside the present snapshot.
 *
 * @param stock    [out] belongs to the reader until its next read
 * @param changes  [out] of kits; likewise
 * @return kit_table_update's and stock_reader_read's statuses
 */
NODISCARD enum status chunk_reader_read(struct chunk_reader *reader,
                                        const struct chunk *chunk,
                                        struct stock_batch *stock,
                                        struct kit_table_changes *changes,
                                        struct err *err);
/** Reads in a new snapshot. */
NODISCARD enum status chunk_reader_read_alone(struct chunk_reader *reader,
                                              const struct chunk *chunk,
                                              struct stock_batch *stock,
                                              struct kit_table_changes *changes,
                                              struct err *err);
/** Explodes all products of a list (ascending and distinct), then reads them, inside the present
 * snapshot. Otherwise like chunk_reader_read. */
NODISCARD enum status chunk_reader_read_ids(struct chunk_reader *reader,
                                            const struct id_list *ids,
                                            struct stock_batch *stock,
                                            struct kit_table_changes *changes,
                                            struct err *err);

/** kit_table_is_filled over this connection. */
NODISCARD enum status
chunk_reader_has_kits(struct chunk_reader *reader, bool *filled, struct err *err);
/** kit_table_fill over this connection. */
NODISCARD enum status chunk_reader_fill_kits(
    struct chunk_reader *reader,
    bool mark,
    void (*progress)(void *arg, size_t done, size_t total, const struct kit_table_changes *changes),
    void *arg,
    struct err *err);

#endif

/**
 * chunk_reader: what reads the state of products over one connection: explodes the kits whose
 * structure their marks speak of, then reads stock.
 *
 * The tail has one, slice_reader another one. Keeps nothing between reads but memory. One owner.
 */
#ifndef STOCKSYNC_PRODUCER_APP_CHUNK_READER_H
#define STOCKSYNC_PRODUCER_APP_CHUNK_READER_H

#include "producer/app/cycle.h"
#include "producer/odoo/id_list.h"
#include "producer/odoo/kit_table.h"
#include "producer/odoo/stock_reader.h"

/** Products that are read and published together: a part of a list. */
struct chunk {
    const struct cycle_products *products;
    size_t first;
    size_t count;
};

struct chunk_reader {
    struct pg_conn *conn;       /* borrowed */
    struct stock_reader *stock; /* NULL: closed */
    struct kit_table *kits;
    struct id_list look, look_all; /* of a chunk: to be exploded; with all they are part of */
};

/** @param conn  open, MARKS_SESSION_SQL; borrowed until chunk_reader_close. The rest is copied. */
void chunk_reader_open(struct chunk_reader *reader,
                       struct pg_conn *conn,
                       const struct odoo_shape *shape,
                       const struct stock_reader_options *options);
/** Leaves the connection alone; a closed one, or zero, is fine. */
void chunk_reader_close(struct chunk_reader *reader);

/** The part of a list from `first` on that is read together: at most `most` products. */
struct chunk chunk_at(const struct cycle_products *list, size_t first, size_t most);
/** True when reading it explodes, and so writes stocksync.kit and kit_component. */
bool chunk_explodes(const struct chunk *chunk);
/** True when the product is in it. */
bool chunk_has(const struct chunk *chunk, int32_t product_id);

/**
 * Explodes what has to be and reads the state, inside the present snapshot.
 *
 * @param batch    [out] belongs to the reader until its next read
 * @param changes  [out] of kits; likewise
 * @return kit_table_update's and stock_reader_read's statuses
 */
NODISCARD enum status chunk_reader_read(struct chunk_reader *reader,
                                        const struct chunk *chunk,
                                        struct stock_batch *batch,
                                        struct kit_table_changes *changes,
                                        struct err *err);
/** The same in a snapshot of its own. */
NODISCARD enum status chunk_reader_read_alone(struct chunk_reader *reader,
                                              const struct chunk *chunk,
                                              struct stock_batch *batch,
                                              struct kit_table_changes *changes,
                                              struct err *err);

#endif

/**
 * chunk: products that are read and published together, and how marks and chunks are read.
 *
 * Consumers must know the warehouses before a record comes, so a read ends with sharing them.
 * Thread: the producer's main thread.
 */
#ifndef STOCKSYNC_PRODUCER_APP_CHUNK_H
#define STOCKSYNC_PRODUCER_APP_CHUNK_H

#include "producer/app/batch.h"
#include "producer/app/status.h"
#include "producer/odoo/kit_table.h"
#include "producer/odoo/stock_reader.h"

struct chunk_reader;
struct leader;

/** Products whose state is read at a time. */
#define CHUNK_PRODUCTS 5000

/** A part of a list, which is borrowed. */
struct chunk {
    const struct batch_products *products;
    size_t first;
    size_t count;
};

/** The part of a list from `first` on that is read together: at most `most` products. */
struct chunk chunk_at(const struct batch_products *list, size_t first, size_t most);
/** True when reading it explodes kits, and so writes stocksync.kit and kit_component. */
bool chunk_explodes(const struct chunk *chunk);
/** True when the product is in it. */
bool chunk_has(const struct chunk *chunk, int32_t product_id);

/** How the loop reads: functions of producer/odoo and chunk_reader, with their first arguments. */
struct chunk_port {
    struct pg_conn *conn;
    struct chunk_reader *reader; /* over conn */
    struct leader *leader;
    enum status (*snapshot)(struct pg_conn *conn,
                            enum status (*read)(void *arg, struct err *err),
                            void *arg,
                            struct err *err);
    enum status (*read_marks)(struct pg_conn *conn,
                              size_t limit,
                              const struct mark_skip *skip,
                              struct marks_page *page,
                              struct mark_list *marks,
                              struct err *err);
    enum status (*read)(struct chunk_reader *reader,
                        const struct chunk *chunk,
                        struct stock_batch *stock,
                        struct kit_table_changes *changes,
                        struct err *err);
    bool (*knows_warehouses)(struct leader *leader,
                             const struct stock_warehouse_row *list,
                             size_t count);
    enum status (*share_warehouses)(struct leader *leader,
                                    const struct stock_warehouse_row *list,
                                    size_t count,
                                    struct err *err);
    const struct producer_metrics *metrics;
};

/**
 * Explodes and reads inside port->snapshot, which the caller runs.
 * @param stock  [out] valid until the next read over the port
 * @return the port's statuses
 */
NODISCARD enum status chunk_read_here(const struct chunk_port *port,
                                      const struct chunk *chunk,
                                      struct stock_batch *stock,
                                      struct err *err);
/** Reads in a new snapshot. It is later than the marks, so it holds their changes too. */
NODISCARD enum status chunk_read(const struct chunk_port *port,
                                 const struct chunk *chunk,
                                 struct stock_batch *stock,
                                 struct err *err);
/**
 * Shares what a read over another connection found. Its list of warehouses may be older than the
 * last one shared. When they differ, this reads them again over the port.
 * @return the port's statuses
 */
NODISCARD enum status chunk_share(const struct chunk_port *port,
                                  const struct kit_table_changes *changes,
                                  const struct stock_batch *stock,
                                  struct err *err);

#endif

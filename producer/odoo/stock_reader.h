/**
 * stock_reader: reads the current state of a set of products as Odoo computes it, one record each.
 *
 * Source: Odoo 15, addons/stock/models/product.py and addons/mrp/models/product.py,
 * _compute_quantities_dict. free_confirmed is ours: Odoo has no such field.
 *
 *   plain products      stock_sums; each field is rounded HALF-UP to the product's unit
 *   services            all 0
 *   kits, commingled    kit_number over stocksync.kit_component, which kit_table maintains
 *
 * Components are read in the same snapshot. A fixed number of statements for any number of
 * products, and two more for each level of kits within kits. Call inside source_snapshot. Borrows a
 * connection. Thread: the one that uses it.
 */
#ifndef STOCKSYNC_ODOO_STOCK_READER_H
#define STOCKSYNC_ODOO_STOCK_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"
#include "common/model/product_stock.h"
#include "common/pg/pg_conn.h"
#include "common/pg/pg_query.h"
#include "producer/odoo/odoo_version.h"
#include "producer/odoo/stock_sums.h"
#include "producer/odoo/unreadable.h"

struct stock_reader;

/** The scope of one quantity. Records are by warehouse. The others are Odoo's totals, for a person:
 * those of a kit are computed from all components together and are no sums over warehouses. */
enum stock_group { STOCK_BY_WAREHOUSE, STOCK_BY_COMPANY, STOCK_OF_ALL };

struct stock_reader_options {
    bool forecast; /* also incoming, outgoing, forecast, free_confirmed */
    enum stock_scope scope;
    enum stock_group group;
};

/** A row of stock_warehouse, archived ones included. */
struct stock_warehouse_row {
    int32_t id;
    const char *code;
    const char *company; /* res_company.name */
    int32_t company_id;
    bool active;
};

/**
 * What one read found. The reader owns everything in it until its next call. It leaves revision,
 * cause and changed_at_us of the records 0 for the caller. A kit without a quantity
 * (stocksync.kit.problem) has no warehouses.
 *
 *   group               warehouse_id    code
 *   STOCK_BY_WAREHOUSE  warehouse's id  warehouse's code
 *   STOCK_BY_COMPANY    company's id    company's name
 *   STOCK_OF_ALL        0               "all"
 */
struct stock_batch {
    struct product_stock *list; /* by product_id ascending */
    size_t count;
    const int32_t *gone; /* products without a row: tombstones; ascending */
    size_t gone_count;
    const struct unreadable *unreadable; /* products whose state cannot be read; ascending */
    size_t unreadable_count;
    int64_t read_at_us; /* wall clock before the first statement; also in every record */
    const struct stock_warehouse_row *warehouses; /* all, by id */
    size_t warehouse_count;
};

/**
 * Reads all warehouses by id, without a reader.
 * @param rows  [out] owns the texts: pg_rows_release
 * @param list  [out] as many as rows has; mem_free
 * @return pg_query's statuses
 */
NODISCARD enum status stock_warehouses_read(struct pg_conn *conn,
                                            struct pg_rows *rows,
                                            struct stock_warehouse_row **list,
                                            struct err *err);

/** @param conn  borrowed until stock_reader_free. @param shape, options  copied */
NODISCARD struct stock_reader *stock_reader_new(struct pg_conn *conn,
                                                const struct odoo_shape *shape,
                                                const struct stock_reader_options *options);
/** Accepts NULL. */
void stock_reader_free(struct stock_reader *reader);

/**
 * Reads products. One whose rows cannot be read stops none of the others: see unreadable.h.
 *
 * @param product_ids  ascending and distinct
 * @param batch        [out] replaced
 * @return STATUS_OK
 *         STATUS_TOO_LARGE  more than STOCK_READER_MAX_PRODUCTS
 *         pg_query's and unreadable_search's statuses
 */
#define STOCK_READER_MAX_PRODUCTS 50000
NODISCARD enum status stock_reader_read(struct stock_reader *reader,
                                        const int32_t *product_ids,
                                        size_t count,
                                        struct stock_batch *batch,
                                        struct err *err);

#endif

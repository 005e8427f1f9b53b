/**
 * stock_reader: the current state of a set of products, as Odoo computes it, one record each.
 *
 * Source of the formula: Odoo 15, addons/stock/models/product.py and addons/mrp/models/product.py,
 * _compute_quantities_dict. Plain products: see stock_sums; each field is rounded HALF-UP to the
 * product unit's rounding. Services are all 0. Kits and commingled products: see kit_number, from
 * stocksync.kit_component, which kit_table keeps; what they are made of is read with them, in the
 * same snapshot. A fixed number of statements for any number of products (one more for each level
 * of components that are kits themselves). Borrows a connection and must be called inside
 * marks_snapshot_begin and _end. One owner.
 */
#ifndef STOCKSYNC_ODOO_STOCK_READER_H
#define STOCKSYNC_ODOO_STOCK_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"
#include "common/model/product_stock.h"
#include "common/pg/pg_conn.h"
#include "producer/odoo/odoo_version.h"
#include "producer/odoo/stock_sums.h"

struct stock_reader;

/** What one number is about. Records are by warehouse; the others are Odoo's totals, for a person:
 * of a kit no sum of warehouses, but what could be made of all parts together. */
enum stock_group { STOCK_BY_WAREHOUSE, STOCK_BY_COMPANY, STOCK_OF_ALL };

struct stock_reader_options {
    bool forecast; /* also incoming, outgoing, forecast */
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
 * What one read found. Everything in it belongs to the reader and is valid until its next call.
 * revision, cause and changed_at_us of the records are left 0 for the caller. Of groups other than
 * STOCK_BY_WAREHOUSE, warehouse_id and code of a record's numbers are the company's id and name, or
 * 0 and "all". A kit without a number (stocksync.kit.problem) has no warehouses.
 */
struct stock_batch {
    struct product_stock *list; /* by product_id ascending */
    size_t count;
    const int32_t *gone; /* asked for, no row in product_product: tombstones; ascending */
    size_t gone_count;
    int64_t read_at_us; /* wall clock before the first statement; also in every record */
    const struct stock_warehouse_row *warehouses; /* all, by id */
    size_t warehouse_count;
};

/** @param conn  borrowed until stock_reader_free. @param shape, options  copied */
NODISCARD struct stock_reader *stock_reader_new(struct pg_conn *conn,
                                                const struct odoo_shape *shape,
                                                const struct stock_reader_options *options);
/** Accepts NULL. */
void stock_reader_free(struct stock_reader *reader);

/**
 * Reads products.
 *
 * @param product_ids  ascending and distinct
 * @param batch        [out] replaced
 * @return STATUS_OK; STATUS_TOO_LARGE: more than STOCK_READER_MAX_PRODUCTS; pg_query's statuses
 */
#define STOCK_READER_MAX_PRODUCTS 50000
NODISCARD enum status stock_reader_read(struct stock_reader *reader,
                                        const int32_t *product_ids,
                                        size_t count,
                                        struct stock_batch *batch,
                                        struct err *err);

#endif

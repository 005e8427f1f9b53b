/**
 * stock_sums: adds up quants and open moves of each product in each group of warehouses.
 *
 * Source: Odoo 15, addons/stock/models/product.py, _compute_quantities_dict. A group's locations
 * are those below the view (or stock) locations of its warehouses, whatever their usage. Sums are exact
 * numerics, then doubles. A fixed number of statements for any number of products. Call inside
 * source_snapshot. Borrows a connection. Thread: the one that uses it.
 */
#ifndef STOCKSYNC_ODOO_STOCK_SUMS_H
#define STOCKSYNC_ODOO_STOCK_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"
#include "common/pg/pg_conn.h"
#include "producer/odoo/odoo_version.h"

struct stock_sums;

/** Which locations belong to a warehouse. */
enum stock_scope {
    STOCK_SCOPE_VIEW,     /* all below its view location, as Odoo's context `warehouse` has it */
    STOCK_SCOPE_LOT_STOCK /* all below its stock location: not input, quality, packing, output */
};

/** A warehouse and the group that it belongs to. */
struct stock_place {
    int32_t warehouse_id;
    int32_t group; /* 0 … group_count - 1 */
};

enum stock_sum {
    STOCK_QUANTITY,
    STOCK_RESERVED,
    STOCK_INCOMING,
    STOCK_OUTGOING,
    STOCK_UNRESERVED, /* of the outgoing moves: what they have not reserved */
    STOCK_INSIDE,     /* what moves inside the group have reserved */
    STOCK_SUM_COUNT
};

/** @param conn  borrowed until stock_sums_free */
NODISCARD struct stock_sums *stock_sums_new(struct pg_conn *conn,
                                            const struct odoo_dialect *dialect,
                                            bool forecast,
                                            enum stock_scope scope);
/** Accepts NULL. */
void stock_sums_free(struct stock_sums *sums);

/**
 * Reads and adds up.
 *
 * @param ids     products, ascending and distinct; borrowed until the next read
 * @param places  each warehouse at most once; moves inside a group are neither in nor out
 * @return pg_query's statuses
 */
NODISCARD enum status stock_sums_read(struct stock_sums *sums,
                                      const int32_t *ids,
                                      size_t count,
                                      const struct stock_place *places,
                                      size_t place_count,
                                      size_t group_count,
                                      struct err *err);
/**
 * The sums of one product in one group, by enum stock_sum. Without forecast those of moves are 0.
 * Valid until the next read.
 * @param at  index of the product in ids
 */
const double *stock_sums_of(const struct stock_sums *sums, size_t at, size_t group);

#endif

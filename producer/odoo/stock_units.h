/**
 * stock_units: the products of one read with everything they are made of, and their quantities.
 *
 * A unit is a product that was asked for, or a component of one. Plain units get their quantities
 * from stock_sums. Kits and commingled products get theirs from their components (kit_number).
 *
 * Calling sequence, inside source_snapshot: stock_units_begin; stock_units_add for each product
 * asked for; stock_units_read_components; stock_sums_read of stock_units_carriers;
 * stock_units_compute; stock_units_find, stock_units_values and stock_units_unreadable. Borrows a
 * connection. Thread: one.
 */
#ifndef STOCKSYNC_ODOO_STOCK_UNITS_H
#define STOCKSYNC_ODOO_STOCK_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/status.h"
#include "common/pg/pg_query.h"
#include "producer/odoo/id_list.h"
#include "producer/odoo/odoo_version.h"
#include "producer/odoo/stock_sums.h"
#include "producer/odoo/unreadable.h"

/**
 * The first five columns of a product, and its tables. $1: ids.
 *
 *   integer   product
 *   smallint  enum kit_kind
 *   boolean   it is a kit without a quantity (stocksync.kit.problem)
 *   boolean   it is a service
 *   float8    rounding of its unit of measure
 */
#define STOCK_UNIT_COLUMNS                                                                         \
    "SELECT p.id, COALESCE(k.kind, 0::smallint), k.problem IS NOT NULL,"                           \
    " t.type IS NOT DISTINCT FROM 'service', COALESCE(u.rounding, 0)::float8"
#define STOCK_UNIT_SHAPE "ihbbd"
#define STOCK_UNIT_TABLES                                                                          \
    " FROM public.product_product p"                                                               \
    " LEFT JOIN public.product_template t ON t.id = p.product_tmpl_id"                             \
    " LEFT JOIN public.uom_uom u ON u.id = t.uom_id"                                               \
    " LEFT JOIN stocksync.kit k ON k.kit_id = p.id"                                                \
    " WHERE p.id = ANY ($1::integer[])"

/** Quantities of one unit in one group, in the order of a record. */
enum stock_field {
    STOCK_FIELD_ON_HAND,
    STOCK_FIELD_FREE,
    STOCK_FIELD_INCOMING,
    STOCK_FIELD_OUTGOING,
    STOCK_FIELD_FORECAST,
    STOCK_FIELD_FREE_CONFIRMED,
    STOCK_FIELD_COUNT
};

struct stock_units;

/**
 * @param conn      borrowed until stock_units_free
 * @param dialect   static
 * @param forecast  also compute incoming, outgoing, forecast and free_confirmed
 */
NODISCARD struct stock_units *
stock_units_new(struct pg_conn *conn, const struct odoo_dialect *dialect, bool forecast);
/** Accepts NULL. */
void stock_units_free(struct stock_units *units);

/** Forgets the last read. @param ids  the products asked for, ascending and distinct; copied */
void stock_units_begin(struct stock_units *units, const int32_t *ids, size_t count);
/** Adds a product asked for; call in the order of their ids. @param rows  STOCK_UNIT_COLUMNS … */
void stock_units_add(struct stock_units *units, const struct pg_rows *rows, int row);
/**
 * Reads what the added products are made of, level by level: one pair of statements per level of
 * kits within kits.
 * @return pg_query's statuses
 */
NODISCARD enum status stock_units_read_components(struct stock_units *units, struct err *err);
/** The units that have their own stock, ascending. Borrowed until the next begin. */
const struct id_list *stock_units_carriers(const struct stock_units *units);
/**
 * Notes that the stock of some carriers cannot be read. What they are part of has no quantity then
 * either. @param list  borrowed until the next begin; sorted
 */
void stock_units_note_unreadable(struct stock_units *units, const struct unreadable_list *list);
/**
 * Computes all quantities. One that is no finite number cannot be read.
 * @param sums  read for stock_units_carriers without the unreadable ones, and these groups
 */
void stock_units_compute(struct stock_units *units,
                         const struct stock_sums *sums,
                         size_t group_count);

/** Index of a product that was added. */
size_t stock_units_find(const struct stock_units *units, int32_t product_id);
/**
 * STOCK_FIELD_COUNT quantities of one unit in one group. Borrowed until the next begin.
 * @return NULL: a kit without a quantity, or it cannot be read
 */
const double *stock_units_values(const struct stock_units *units, size_t unit, size_t group);
/**
 * True when its quantity, or that of something it is made of, cannot be read.
 * @param list  [out] a row is added to it then, which names the component
 */
bool stock_units_unreadable(const struct stock_units *units,
                            size_t unit,
                            struct unreadable_list *list);

#endif

/**
 * odoo_dialect: the table of differences between versions of Odoo in stored and computed stock. No
 * other file compares versions.
 *
 *   15        proven against numbers recorded from it
 *   16 to 18  follow their source; read, not run
 *
 * Early 15.0 (before May 2023) computed kits differently: it did not add the needs of a component
 * that is named twice, nor multiply by the quantity of the bill of materials. Late 15.0 is served.
 */
#ifndef STOCKSYNC_ODOO_ODOO_DIALECT_H
#define STOCKSYNC_ODOO_ODOO_DIALECT_H

#include <stdbool.h>
#include <stddef.h>

#include "producer/odoo/kit_number.h"
#include "producer/odoo/kit_rows.h"

#define ODOO_OLDEST 15 /* the first version that is served */

/** How open moves are read. */
enum odoo_moves {
    ODOO_MOVES_15, /* a line's reservation is product_qty, in the product's unit */
    ODOO_MOVES_16, /* it is reserved_qty */
    ODOO_MOVES_17, /* it is quantity_product_uom: of an open move, what is reserved */
    ODOO_MOVES_18, /* likewise; location_final_id, where set, is the move's destination */
    ODOO_MOVES_COUNT
};

struct odoo_dialect {
    int major;
    bool is_proven;
    bool has_storable_flag; /* product_template.is_storable instead of type = 'product' */
    enum odoo_moves moves;
    enum kit_bom_order bom_order;
    enum kit_rounding kit_rounding;
};

/** NULL: a version that is not served. Static. */
const struct odoo_dialect *odoo_dialect_of(int major);

/** A column that our SQL names. */
struct odoo_column {
    const char *table;
    const char *column;
    const char *instead; /* NULL, or a column that serves as well */
    int since;           /* major version; 0: all */
    int until;           /* likewise */
};

/**
 * The columns of every version, those that hold the version first. Static.
 *
 *   stock_move…          only the forecast reads them
 *   mrp_…                only with the module mrp
 *   product_commingled   only when the table exists
 */
const struct odoo_column *odoo_dialect_columns(size_t *count);
/** True when this version has the column. */
bool odoo_dialect_has(const struct odoo_dialect *dialect, const struct odoo_column *column);

#endif

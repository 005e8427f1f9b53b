/**
 * odoo_dialect: how versions of Odoo differ in what they store and compute. The only place that
 * knows; all else asks.
 *
 * 15 is proven against numbers recorded from it. 16 to 18 are what their source says (read, not
 * run). Early 15.0 (before May 2023) computed kits differently (needs of a component that is named
 * twice were not added, the quantity of the bill of materials was not multiplied): the late one is
 * served.
 */
#ifndef STOCKSYNC_ODOO_ODOO_DIALECT_H
#define STOCKSYNC_ODOO_ODOO_DIALECT_H

#include <stdbool.h>

#include "producer/odoo/kit_explode.h"
#include "producer/odoo/kit_number.h"

struct odoo_dialect {
    int major;
    bool is_proven;
    bool has_storable_flag;  /* product_template.is_storable instead of type = 'product' */
    bool has_final_location; /* stock_move.location_final_id, where set, is where a move goes to */
    enum kit_bom_order bom_order;
    enum kit_rounding kit_rounding;
};

/** NULL: a version that is not served. Static. */
const struct odoo_dialect *odoo_dialect_of(int major);

#endif

/**
 * kit_explode: computes the components of one batch of a kit from the rows of Odoo's tables. Pure.
 *
 * Source: Odoo 15.0 (late), addons/mrp/models: mrp_bom.py _bom_find and explode, product.py
 * _compute_quantities_dict; addons/uom/models/uom_uom.py _compute_quantity. Numbers are doubles in
 * Odoo's order of operations:
 *
 *   - Lines are opened breadth first.
 *   - Each level's quantity is rounded up to the unit of its bill of materials.
 *   - Each leaf's quantity is rounded up to the unit of its line.
 *   - Needs of one component are added in the order of its lines.
 *
 * Keeps nothing between calls. Thread: any.
 */
#ifndef STOCKSYNC_ODOO_KIT_EXPLODE_H
#define STOCKSYNC_ODOO_KIT_EXPLODE_H

#include <stddef.h>
#include <stdint.h>

#include "producer/odoo/kit_rows.h"

/** Where the stock of a product comes from. */
enum kit_kind {
    KIT_NONE = 0,      /* its own quants */
    KIT_PHANTOM = 1,   /* a kit: least over its components */
    KIT_COMMINGLED = 2 /* sum over its children; a phantom bill comes first */
};

/** How a component counts. When a component has several roles, the greatest wins. */
enum kit_role {
    KIT_ROLE_STRUCTURE, /* opened, not storable, or its need is 0: its stock does not count */
    KIT_ROLE_THROUGH,   /* counts through another component, which is a kit or commingled itself */
    KIT_ROLE_LIMITS,    /* need of it limits the kit (or is added up) */
    KIT_ROLE_OWN        /* likewise, by its own quants although it is a kit: see kit_explode */
};

/** One component; the product itself is never among them. */
struct kit_part {
    int32_t component_id;
    enum kit_role role;
    double
        need; /* units of the component for one batch; only with KIT_ROLE_LIMITS and _OWN, never 0 */
};

/** Why a kit has no quantity. */
enum kit_problem {
    KIT_FINE,
    KIT_CYCLE,             /* it contains itself */
    KIT_TOO_LARGE,         /* it exceeds a limit below, or a number is infinite or NaN */
    KIT_UOM_UNKNOWN,       /* a line or bill names a unit that does not exist */
    KIT_UOM_FACTOR,        /* a unit's factor is 0 */
    KIT_UOM_CATEGORY,      /* a line's unit cannot be converted into the unit of the bill it opens;
                             Odoo refuses too (into the component's unit it leaves the number) */
    KIT_BATCH,             /* a bill makes 0 kits */
    KIT_COMPONENT_UNKNOWN, /* a line names a product that does not exist */
    KIT_UNREADABLE         /* rows of its bills are damaged: only kit_table finds it */
};
/** Far above any real kit: these limits bound the cost of broken data. */
#define KIT_MAX_LINES   100000 /* opened lines */
#define KIT_MAX_DEPTH   2000   /* kits within kits */
#define KIT_MAX_THROUGH 2000   /* components that are kits and are not opened */

/** Zero-initialise; keeps its memory between calls. */
struct kit_needs {
    enum kit_kind kind;
    int32_t bom_id; /* KIT_PHANTOM: the bill that counts */
    double yield;   /* its product_qty; 1 for KIT_COMMINGLED, or when that is no number */
    enum kit_problem problem;
    int32_t problem_product; /* where it was found: the component, or the kit itself */
    /* By component_id, ascending. With a problem: all that were opened, since a change of any of
     * them may fix it. */
    struct kit_part *parts;
    size_t count;
    size_t room;
};
void kit_needs_release(struct kit_needs *needs);

/**
 * Explodes one product.
 *
 * A component can be a kit that is not opened, because its bill is of another company or operation
 * type than the root's. Then its quantity limits the root, and its components are added as
 * KIT_ROLE_THROUGH, so that the parts are all that the root depends on.
 *
 * Odoo looks the bills of several lines up at once. It then finds no bill of an archived variant's
 * template (kit_rows_bom), and does not open that component. When it reads the stock of several
 * components, it does not see a kit there either: KIT_ROLE_OWN.
 *
 * @param product_id  unknown ones are KIT_NONE
 * @param needs       [out] replaced
 */
void kit_explode(const struct kit_rows *rows, int32_t product_id, struct kit_needs *needs);

/** "cycle", "too_large", "uom_factor" …; static, for the column problem and for logs. */
const char *kit_problem_name(enum kit_problem problem);

#endif

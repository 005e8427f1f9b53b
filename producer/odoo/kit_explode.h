/**
 * kit_explode: what one batch of a kit is made of: rows of Odoo's tables in (kit_rows), needs out.
 * Pure.
 *
 * Source: Odoo 15.0 (late), addons/mrp/models: mrp_bom.py _bom_find and explode, product.py
 * _compute_quantities_dict; addons/uom/models/uom_uom.py _compute_quantity. Numbers are doubles, in
 * Odoo's order of operations: lines are opened breadth first, each level's quantity is rounded up
 * to the unit of its bill of materials, each leaf's to the unit of its line, and needs of one
 * component are added in the order in which its lines come up.
 *
 * One owner; keeps nothing between calls.
 */
#ifndef STOCKSYNC_ODOO_KIT_EXPLODE_H
#define STOCKSYNC_ODOO_KIT_EXPLODE_H

#include <stddef.h>
#include <stdint.h>

#include "producer/odoo/kit_rows.h"

/** What a product is. */
enum kit_kind {
    KIT_NONE = 0,      /* has stock of its own */
    KIT_PHANTOM = 1,   /* a kit: least over its components */
    KIT_COMMINGLED = 2 /* sum over its children; a phantom bill comes first */
};

/** How a component counts. Ordered: of several the greater wins. */
enum kit_role {
    KIT_ROLE_STRUCTURE, /* opened, not storable, or nothing of it is needed: its stock does not
                           count */
    KIT_ROLE_THROUGH,   /* counts through another component, which is a kit or commingled itself */
    KIT_ROLE_LIMITS     /* need of it limits the kit (or is added up) */
};

/** One component; the product itself is never among them. */
struct kit_part {
    int32_t component_id;
    enum kit_role role;
    double need; /* units of the component for one batch; only with KIT_ROLE_LIMITS, never 0 */
};

/** Why a kit has no number. */
enum kit_problem {
    KIT_FINE,
    KIT_CYCLE,            /* it contains itself */
    KIT_TOO_LARGE,        /* a limit below is passed, or a need is no number any more */
    KIT_UOM_UNKNOWN,      /* a line or bill names a unit that does not exist */
    KIT_UOM_FACTOR,       /* a unit's factor is 0 */
    KIT_UOM_CATEGORY,     /* a line's unit cannot be converted into the unit of the bill it opens;
                             Odoo refuses too (into the component's unit it leaves the number) */
    KIT_BATCH,            /* a bill makes 0 kits */
    KIT_COMPONENT_UNKNOWN /* a line names a product that does not exist */
};
/** Far above any real kit; they bound what broken data can cost. */
#define KIT_MAX_LINES   100000 /* lines that come up */
#define KIT_MAX_DEPTH   2000   /* kits within kits */
#define KIT_MAX_THROUGH 2000   /* times that a component limits with a number of its own */

/** Zero-initialise; keeps its memory between calls. */
struct kit_needs {
    enum kit_kind kind;
    int32_t bom_id; /* KIT_PHANTOM: the bill that counts */
    double yield;   /* its product_qty; 1 for KIT_COMMINGLED */
    enum kit_problem problem;
    int32_t problem_product; /* where it was met: the component, or the kit itself */
    struct kit_part *parts;  /* by component_id, ascending; complete also with a problem, as far as
                                it was opened: a change of any of them may cure it */
    size_t count;
    size_t room;
};
void kit_needs_release(struct kit_needs *needs);

/**
 * Explodes one product.
 *
 * @param product_id  unknown ones are KIT_NONE
 * @param needs       [out] replaced
 * Parts that are kits and are not opened (their bill is of another company or operation type than
 * the root's) limit with a number of their own: what they are made of comes in as KIT_ROLE_THROUGH,
 * so that the parts are all that the kit depends on.
 */
void kit_explode(const struct kit_rows *rows, int32_t product_id, struct kit_needs *needs);

/** "cycle", "too_large", "uom_factor" …; static, for the column problem and for logs. */
const char *kit_problem_name(enum kit_problem problem);

#endif

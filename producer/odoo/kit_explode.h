/**
 * kit_explode: what one batch of a kit is made of: rows of Odoo's tables in, needs out. Pure.
 *
 * Source: Odoo 15.0 (late), addons/mrp/models: mrp_bom.py _bom_find and explode, product.py
 * _compute_quantities_dict; addons/uom/models/uom_uom.py _compute_quantity. Numbers are doubles, in
 * Odoo's order of operations: lines are opened breadth first, each level's quantity is rounded up
 * to the unit of its bill of materials, each leaf's to the unit of its line, and needs of one
 * component are added in the order in which its lines come up.
 *
 * Calling sequence: fill a struct kit_rows, kit_rows_sort, then kit_explode for each kit;
 * kit_rows_release. One owner; keeps nothing between calls.
 */
#ifndef STOCKSYNC_ODOO_KIT_EXPLODE_H
#define STOCKSYNC_ODOO_KIT_EXPLODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- rows in: each struct is one row; ids are Odoo's, 0 where the column is NULL --- */

/** product_product with what counts of its template. */
struct kit_product {
    int32_t id;
    int32_t template_id; /* 0: the row has no template */
    int32_t uom_id;      /* of the template */
    bool is_service;     /* never a kit */
    bool is_storable;    /* only these limit a kit */
    bool has_priority;   /* the template's priority is not NULL: see kit_bom_order */
};
/** An active phantom mrp_bom. */
struct kit_bom {
    int32_t id;
    int32_t template_id;
    int32_t product_id; /* 0: for all variants of the template */
    int32_t company_id;
    int32_t picking_type_id;
    int32_t uom_id;
    int32_t sequence;
    bool has_sequence; /* NULL sorts last */
    double quantity;   /* product_qty: kits in one batch */
};
/** mrp_bom_line. */
struct kit_line {
    int32_t id;
    int32_t bom_id;
    int32_t product_id;
    int32_t uom_id;
    int32_t sequence; /* NULL: INT32_MAX, it sorts last */
    double quantity;  /* NULL: 0 */
};
/** mrp_bom_line_product_template_attribute_value_rel: the line is for variants with this value. */
struct kit_filter {
    int32_t line_id;
    int32_t attribute_line_id; /* values of one attribute line: any; different lines: all */
    int32_t value_id;
};
/** product_variant_combination, of attribute lines with more than one value. */
struct kit_value {
    int32_t product_id;
    int32_t value_id;
};
/** uom_uom. */
struct kit_uom {
    int32_t id;
    int32_t category_id;
    double factor;
    double rounding;
};
/** product_commingled: the parent's stock is the sum of its children's. */
struct kit_child {
    int32_t parent_id;
    int32_t product_id;
};

/** Among bills of one sequence: which is taken first. */
enum kit_bom_order {
    /* 15 to 17: ORDER BY sequence, product_id expands to the product's own order, which begins with
       priority DESC. The NULL of a bill for the whole template sorts first there, unless the
       variant's priority is NULL too: then default_code and name decide, where NULL sorts last. */
    KIT_BOM_TEMPLATE_FIRST,
    KIT_BOM_VARIANT_FIRST /* 18 */
};

/** Room for growing lists of rows; zero-initialise. */
struct kit_rows {
    struct kit_product *products;
    struct kit_bom *boms;
    struct kit_line *lines;
    struct kit_filter *filters;
    struct kit_value *values;
    struct kit_uom *uoms;
    struct kit_child *children;
    size_t product_count, bom_count, line_count, filter_count, value_count, uom_count, child_count;
    size_t product_room, bom_room, line_room, filter_room, value_room, uom_room, child_room;
    enum kit_bom_order order;
};

void kit_rows_add_product(struct kit_rows *rows, const struct kit_product *row);
void kit_rows_add_bom(struct kit_rows *rows, const struct kit_bom *row);
void kit_rows_add_line(struct kit_rows *rows, const struct kit_line *row);
void kit_rows_add_filter(struct kit_rows *rows, const struct kit_filter *row);
void kit_rows_add_value(struct kit_rows *rows, const struct kit_value *row);
void kit_rows_add_uom(struct kit_rows *rows, const struct kit_uom *row);
void kit_rows_add_child(struct kit_rows *rows, const struct kit_child *row);
/** Sorts for look-up and drops repeated rows. Call after the last row, and again after more. */
void kit_rows_sort(struct kit_rows *rows);
/** Empties, keeps the memory and the order. */
void kit_rows_reset(struct kit_rows *rows);
void kit_rows_release(struct kit_rows *rows);

/* --- needs out --- */

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

/**
 * kit_rows: rows of Odoo's tables about bills of materials, and look-up in them. Pure.
 *
 * Source: Odoo 15.0, addons/mrp/models/mrp_bom.py: _bom_find, _skip_bom_line. Calling sequence:
 * kit_rows_add_* for each row, kit_rows_sort, then look-up; kit_rows_release. Thread: one.
 */
#ifndef STOCKSYNC_ODOO_KIT_ROWS_H
#define STOCKSYNC_ODOO_KIT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each struct is one row; ids are Odoo's, 0 where the column is NULL. */

/** product_product with columns of its template. */
struct kit_product {
    int32_t id;
    int32_t template_id; /* 0: the row has no template */
    int32_t uom_id;      /* of the template */
    bool is_service;     /* never a kit */
    bool is_storable;    /* only these limit a kit */
    bool has_priority;   /* the template's priority is not NULL: see kit_bom_order */
    bool is_archived;    /* see kit_rows_bom */
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

/** Which of several bills of one sequence Odoo takes. */
enum kit_bom_order {
    /* 15 to 17: ORDER BY sequence, product_id expands to the product's order, which begins with
       priority DESC. The NULL of a bill for the whole template sorts first there, unless the
       variant's priority is NULL too: then default_code and name decide, where NULL sorts last. */
    KIT_BOM_TEMPLATE_FIRST,
    KIT_BOM_VARIANT_FIRST /* 18 */
};

/** Growing lists of rows; zero-initialise. */
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
    bool has_archived; /* one of the products is archived */
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

/* --- look-up, after kit_rows_sort; results live until the next change of rows --- */

/** NULL: no such row. */
const struct kit_product *kit_rows_product(const struct kit_rows *rows, int32_t id);
const struct kit_uom *kit_rows_uom(const struct kit_rows *rows, int32_t id);

/** Restricts bills to this company or none, and to this operation type or none. 0: any. */
struct kit_scope {
    int32_t company_id;
    int32_t picking_type_id;
};
/**
 * The bill that makes a product a kit.
 *
 * Odoo looks one product up in another way than several: among several, the bill of a template
 * serves its active variants only.
 *
 * @param product   may be NULL
 * @param together  it is looked up together with others
 * @return NULL: it is no kit
 */
const struct kit_bom *kit_rows_bom(const struct kit_rows *rows,
                                   const struct kit_product *product,
                                   struct kit_scope scope,
                                   bool together);
/** Index in rows->lines of a bill's first line; its lines follow in Odoo's order. line_count or the
 * line of another bill: it has none. */
size_t kit_rows_first_line(const struct kit_rows *rows, int32_t bom_id);
/** Likewise the index in rows->children. */
size_t kit_rows_first_child(const struct kit_rows *rows, int32_t parent_id);
bool kit_rows_has_children(const struct kit_rows *rows, int32_t product_id);
/** True when the line is for this variant: it has a value of each attribute line that the filter
 * names. */
bool kit_rows_applies(const struct kit_rows *rows, int32_t line_id, int32_t product_id);

#endif

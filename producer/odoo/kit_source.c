#include "producer/odoo/kit_source.h"

#include "common/core/mem.h"
#include "common/pg/pg_query.h"
#include "producer/odoo/id_list.h"

/* Arguments of one statement: a list of ids, at most as long as the lines of one level. */
#define ARGS_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* A number that no double holds, as NaN: kit_explode refuses it, and the statement does not fail for
 * all bills. */
#define NUMBER(column)                                                                             \
    "CASE WHEN abs(" column ") < 1e300 THEN " column "::float8"                                    \
    " WHEN " column " IS NOT NULL THEN 'NaN'::float8 END"

#define PRODUCTS(storable, priority)                                                               \
    "SELECT p.id, COALESCE(t.id, 0), COALESCE(t.uom_id, 0), t.type IS NOT DISTINCT FROM 'service'" \
    ", " storable ", " priority ", p.active IS NOT TRUE FROM public.product_product p"             \
    " LEFT JOIN public.product_template t ON t.id = p.product_tmpl_id"                             \
    " WHERE p.id = ANY ($1::integer[])"
#define BY_TYPE      "t.type IS NOT DISTINCT FROM 'product'"
#define BY_FLAG      "t.is_storable IS TRUE"
#define HAS_PRIORITY "t.priority IS NOT NULL"
/* By has_storable_flag, then by has_priority. */
static const char *const PRODUCTS_OF[2][2] = {
    {PRODUCTS(BY_TYPE, "false"), PRODUCTS(BY_TYPE, HAS_PRIORITY)},
    {PRODUCTS(BY_FLAG, "false"), PRODUCTS(BY_FLAG, HAS_PRIORITY)},
};

#define BOM_COLUMNS                                                                                \
    "SELECT b.id, b.product_tmpl_id, COALESCE(b.product_id, 0), COALESCE(b.company_id, 0),"        \
    " COALESCE(b.picking_type_id, 0), b.product_uom_id, b.sequence, " NUMBER(                      \
        "b.product_qty") " FROM public.mrp_bom b WHERE b.type = 'phantom' AND b.active AND "
static const char BOMS[] =
    BOM_COLUMNS "b.product_id = ANY ($1::integer[]) UNION ALL " BOM_COLUMNS
                "b.product_tmpl_id = ANY ($2::integer[]) AND b.product_id IS NULL";

static const char LINES[] = "SELECT id, bom_id, product_id, product_uom_id, sequence, " NUMBER(
    "product_qty") " FROM public.mrp_bom_line WHERE bom_id = ANY ($1::integer[])";

static const char FILTERS[] = "SELECT r.mrp_bom_line_id, v.attribute_line_id, v.id"
                              " FROM public.mrp_bom_line_product_template_attribute_value_rel r"
                              " JOIN public.product_template_attribute_value v"
                              " ON v.id = r.product_template_attribute_value_id"
                              " WHERE r.mrp_bom_line_id = ANY ($1::integer[])";

/* Like the variant's field: only values of attribute lines with a choice. */
static const char VALUES[] =
    "SELECT c.product_product_id, c.product_template_attribute_value_id"
    " FROM public.product_variant_combination c"
    " JOIN public.product_template_attribute_value v"
    " ON v.id = c.product_template_attribute_value_id"
    " JOIN public.product_template_attribute_line a ON a.id = v.attribute_line_id"
    " WHERE c.product_product_id = ANY ($1::integer[]) AND a.value_count > 1";

static const char UOMS[] =
    "SELECT id, category_id, COALESCE(" NUMBER("factor") ", 0), COALESCE(" NUMBER(
        "rounding") ", 0)"
                    " FROM public.uom_uom WHERE id = ANY ($1::integer[])";

static const char CHILDREN[] = "SELECT parent_product_id, product_id FROM public.product_commingled"
                               " WHERE parent_product_id = ANY ($1::integer[])"
                               " AND product_id IS NOT NULL";

struct kit_source {
    struct pg_conn *conn;
    struct odoo_shape shape;
    struct pg_args args;
    struct kit_rows *rows;  /* of the current call */
    struct id_list loaded;  /* products whose rows are in rows */
    struct id_list pending; /* products of the next level */
    struct id_list bom_ids, line_ids, template_ids, uom_ids;
};

struct kit_source *kit_source_new(struct pg_conn *conn, const struct odoo_shape *shape)
{
    struct kit_source *s = mem_calloc(1, sizeof *s);
    s->conn = conn;
    s->shape = *shape;
    pg_args_init(&s->args, ARGS_MAX_BYTES);
    return s;
}

void kit_source_free(struct kit_source *source)
{
    if (source == NULL) {
        return;
    }
    pg_args_release(&source->args);
    id_list_release(&source->loaded);
    id_list_release(&source->pending);
    id_list_release(&source->bom_ids);
    id_list_release(&source->line_ids);
    id_list_release(&source->template_ids);
    id_list_release(&source->uom_ids);
    mem_free(source);
}

static enum status query_ids(struct kit_source *s,
                             const char *sql,
                             const struct id_list *ids,
                             const char *shape,
                             struct pg_rows *rows,
                             struct err *err)
{
    pg_args_reset(&s->args);
    pg_args_i32_array(&s->args, ids->ids, ids->count);
    return pg_query(s->conn, sql, &s->args, shape, rows, err);
}

static enum status load_products(struct kit_source *s, struct err *err)
{
    struct pg_rows rows = {0};
    const bool by_flag = s->shape.dialect->has_storable_flag;
    const char *sql = PRODUCTS_OF[by_flag ? 1 : 0][s->shape.has_priority ? 1 : 0];
    enum status rc = query_ids(s, sql, &s->pending, "iiibbbb", &rows, err);
    id_list_reset(&s->template_ids);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        struct kit_product product = {.id = pg_i32(&rows, i, 0),
                                      .template_id = pg_i32(&rows, i, 1),
                                      .uom_id = pg_i32(&rows, i, 2),
                                      .is_service = pg_bool(&rows, i, 3),
                                      .is_storable = pg_bool(&rows, i, 4),
                                      .has_priority = pg_bool(&rows, i, 5),
                                      .is_archived = pg_bool(&rows, i, 6)};
        kit_rows_add_product(s->rows, &product);
        id_list_add(&s->template_ids, product.template_id);
        id_list_add(&s->uom_ids, product.uom_id);
    }
    id_list_sort(&s->template_ids);
    pg_rows_release(&rows);
    return rc;
}

static enum status load_boms(struct kit_source *s, struct err *err)
{
    struct pg_rows rows = {0};
    pg_args_reset(&s->args);
    pg_args_i32_array(&s->args, s->pending.ids, s->pending.count);
    pg_args_i32_array(&s->args, s->template_ids.ids, s->template_ids.count);
    enum status rc = pg_query(s->conn, BOMS, &s->args, "iiiiiiid", &rows, err);
    id_list_reset(&s->bom_ids);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        struct kit_bom bom = {.id = pg_i32(&rows, i, 0),
                              .template_id = pg_i32(&rows, i, 1),
                              .product_id = pg_i32(&rows, i, 2),
                              .company_id = pg_i32(&rows, i, 3),
                              .picking_type_id = pg_i32(&rows, i, 4),
                              .uom_id = pg_i32(&rows, i, 5),
                              .sequence = pg_i32(&rows, i, 6),
                              .has_sequence = !pg_is_null(&rows, i, 6),
                              .quantity = pg_f64(&rows, i, 7)};
        kit_rows_add_bom(s->rows, &bom);
        id_list_add(&s->bom_ids, bom.id);
        id_list_add(&s->uom_ids, bom.uom_id);
    }
    id_list_sort(&s->bom_ids);
    pg_rows_release(&rows);
    return rc;
}

static enum status load_filters(struct kit_source *s, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = query_ids(s, FILTERS, &s->line_ids, "iii", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        struct kit_filter filter = {.line_id = pg_i32(&rows, i, 0),
                                    .attribute_line_id = pg_i32(&rows, i, 1),
                                    .value_id = pg_i32(&rows, i, 2)};
        kit_rows_add_filter(s->rows, &filter);
    }
    pg_rows_release(&rows);
    return rc;
}

/* Lines of the bills of this level; their products are the next level. */
static enum status load_lines(struct kit_source *s, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = query_ids(s, LINES, &s->bom_ids, "iiiiid", &rows, err);
    id_list_reset(&s->line_ids);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        struct kit_line line = {.id = pg_i32(&rows, i, 0),
                                .bom_id = pg_i32(&rows, i, 1),
                                .product_id = pg_i32(&rows, i, 2),
                                .uom_id = pg_i32(&rows, i, 3),
                                .sequence =
                                    pg_is_null(&rows, i, 4) ? INT32_MAX : pg_i32(&rows, i, 4),
                                .quantity = pg_f64(&rows, i, 5)};
        kit_rows_add_line(s->rows, &line);
        id_list_add(&s->line_ids, line.id);
        id_list_add(&s->uom_ids, line.uom_id);
        id_list_add(&s->pending, line.product_id);
    }
    id_list_sort(&s->line_ids);
    pg_rows_release(&rows);
    if (rc != STATUS_OK || s->line_ids.count == 0) {
        return rc;
    }
    return load_filters(s, err);
}

static enum status load_children(struct kit_source *s, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = query_ids(s, CHILDREN, &s->loaded, "ii", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        struct kit_child child = {.parent_id = pg_i32(&rows, i, 0),
                                  .product_id = pg_i32(&rows, i, 1)};
        kit_rows_add_child(s->rows, &child);
        id_list_add(&s->pending, child.product_id);
    }
    pg_rows_release(&rows);
    return rc;
}

/* The components of the products that were loaded last; they become pending. */
static enum status load_components(struct kit_source *s, struct err *err)
{
    if (s->bom_ids.count > 0) {
        enum status rc = load_lines(s, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return s->shape.has_commingled ? load_children(s, err) : STATUS_OK;
}

/* Reads the pending products of one level; afterwards their components are pending. */
static enum status load_level(struct kit_source *s, struct err *err)
{
    id_list_reset(&s->bom_ids);
    enum status rc = load_products(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (s->shape.has_mrp) {
        rc = load_boms(s, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    id_list_add_all(&s->loaded, s->pending.ids, s->pending.count);
    id_list_sort(&s->loaded);
    id_list_reset(&s->pending);
    rc = load_components(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    id_list_sort(&s->pending);
    id_list_subtract(&s->pending, &s->loaded);
    return STATUS_OK;
}

static enum status load_values(struct kit_source *s, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = query_ids(s, VALUES, &s->loaded, "ii", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        struct kit_value value = {.product_id = pg_i32(&rows, i, 0),
                                  .value_id = pg_i32(&rows, i, 1)};
        kit_rows_add_value(s->rows, &value);
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status load_uoms(struct kit_source *s, struct err *err)
{
    struct pg_rows rows = {0};
    id_list_sort(&s->uom_ids);
    enum status rc = query_ids(s, UOMS, &s->uom_ids, "iidd", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        struct kit_uom uom = {.id = pg_i32(&rows, i, 0),
                              .category_id = pg_i32(&rows, i, 1),
                              .factor = pg_f64(&rows, i, 2),
                              .rounding = pg_f64(&rows, i, 3)};
        kit_rows_add_uom(s->rows, &uom);
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status load_all(struct kit_source *s, struct err *err)
{
    enum status rc = STATUS_OK;
    while (s->pending.count > 0) {
        rc = load_level(s, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    if (s->rows->filter_count > 0) {
        rc = load_values(s, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return s->rows->bom_count > 0 ? load_uoms(s, err) : STATUS_OK;
}

enum status kit_source_load(struct kit_source *source,
                            const int32_t *ids,
                            size_t count,
                            struct kit_rows *rows,
                            struct err *err)
{
    struct kit_source *s = source;
    s->rows = rows;
    kit_rows_reset(rows);
    rows->order = s->shape.dialect->bom_order;
    id_list_reset(&s->loaded);
    id_list_reset(&s->uom_ids);
    id_list_reset(&s->pending);
    id_list_add_all(&s->pending, ids, count);
    enum status rc = load_all(s, err);
    kit_rows_sort(rows);
    return rc;
}

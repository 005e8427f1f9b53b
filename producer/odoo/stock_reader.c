#include "producer/odoo/stock_reader.h"

#include <string.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "common/model/quantity.h"
#include "common/pg/pg_query.h"

/* Below this many products a cached plan for few is best; above, a plan made for the very list. */
#define SMALL_BATCH   100
#define PG_VERSION_12 120000

/* The tail's session forbids what would spoil the scan of the marks (MARKS_SESSION_SQL); here the
 * planner is free again. */
#define FREE_PLANNER                                                                               \
    "SET LOCAL enable_bitmapscan = on; SET LOCAL enable_sort = on; SET LOCAL enable_seqscan = on;"
#define PLAN_FOR_FEW  FREE_PLANNER "SET LOCAL plan_cache_mode = force_generic_plan"
#define PLAN_FOR_MANY FREE_PLANNER "SET LOCAL plan_cache_mode = force_custom_plan"

static const char WAREHOUSES[] =
    "SELECT w.id, w.code::text, c.name::text, w.active IS TRUE"
    " FROM public.stock_warehouse w JOIN public.res_company c ON c.id = w.company_id ORDER BY w.id";

/* Columns: id, template, sku, barcode, company, active, flag, kit, service, rounding. */
#define PRODUCTS(flag, kit)                                                                        \
    "SELECT p.id, COALESCE(t.id, 0), NULLIF(p.default_code, '')::text,"                            \
    " NULLIF(p.barcode, '')::text, COALESCE(t.company_id, 0),"                                     \
    " p.active IS TRUE AND t.active IS TRUE, " flag ", t.type IS DISTINCT FROM 'service' AND " kit \
    ", t.type IS NOT DISTINCT FROM 'service', COALESCE(u.rounding, 0)::float8"                     \
    " FROM unnest($1::integer[]) AS asked(id)"                                                     \
    " JOIN public.product_product p ON p.id = asked.id"                                            \
    " LEFT JOIN public.product_template t ON t.id = p.product_tmpl_id"                             \
    " LEFT JOIN public.uom_uom u ON u.id = t.uom_id ORDER BY p.id"

/* Facts of Odoo, section 6: an active phantom BoM of the variant, or of its template as a whole. */
#define KIT                                                                                        \
    "(EXISTS (SELECT FROM public.mrp_bom b WHERE b.product_id = p.id"                              \
    " AND b.type = 'phantom' AND b.active)"                                                        \
    " OR EXISTS (SELECT FROM public.mrp_bom b WHERE b.product_tmpl_id = t.id"                      \
    " AND b.product_id IS NULL AND b.type = 'phantom' AND b.active))"

static const char *const PRODUCTS_BY_SHAPE[3][2] = {
    [ODOO_FLAG_NONE] = {PRODUCTS("false", "false"), PRODUCTS("false", KIT)},
    [ODOO_FLAG_VARIANT] = {PRODUCTS("p." ODOO_FLAG_COLUMN " IS TRUE", "false"),
                           PRODUCTS("p." ODOO_FLAG_COLUMN " IS TRUE", KIT)},
    [ODOO_FLAG_TEMPLATE] = {PRODUCTS("t." ODOO_FLAG_COLUMN " IS TRUE", "false"),
                            PRODUCTS("t." ODOO_FLAG_COLUMN " IS TRUE", KIT)},
};

/*
 * Which active warehouse an Odoo location belongs to: the one whose view location's path begins its
 * own. Only for the locations that occur, so that five products cost five products' work. OFFSET 0
 * keeps the planner from dissolving it (MATERIALIZED came with 12).
 */
#define PLACE(ids)                                                                                 \
    " place AS (SELECT l.id, w.id AS warehouse_id"                                                 \
    " FROM (" ids ") used JOIN public.stock_location l ON l.id = used.id"                          \
    " JOIN (SELECT sw.id, v.parent_path FROM public.stock_warehouse sw"                            \
    " JOIN public.stock_location v ON v.id = sw.view_location_id WHERE sw.active) w"               \
    " ON l.parent_path LIKE w.parent_path || '%' OFFSET 0)"

static const char QUANTITIES[] =
    "WITH quant AS (SELECT product_id, location_id, quantity, reserved_quantity"
    " FROM public.stock_quant WHERE product_id = ANY ($1::integer[]))," PLACE(
        "SELECT DISTINCT location_id AS id FROM quant") " SELECT q.product_id, place.warehouse_id, "
                                                        "COALESCE(sum(q.quantity), 0)::float8,"
                                                        " COALESCE(sum(q.reserved_quantity), "
                                                        "0)::float8"
                                                        " FROM quant q JOIN place ON place.id = "
                                                        "q.location_id GROUP BY 1, 2";

/* Incoming: the destination is in the warehouse, the source is not; outgoing is the mirror image.
 */
static const char MOVES[] = "WITH move AS (SELECT product_id, location_id, "
                            "location_dest_id, product_qty"
                            " FROM public.stock_move WHERE product_id = ANY ($1::integer[])"
                            " AND state IN ('waiting', 'confirmed', 'assigned', "
                            "'partially_available'))," PLACE(
                                "SELECT location_id AS id FROM move UNION SELECT location_dest_id "
                                "FROM move") " SELECT product_id, warehouse_id, COALESCE(sum(qty) "
                                             "FILTER (WHERE incoming), 0)::float8,"
                                             " COALESCE(sum(qty) FILTER (WHERE NOT incoming), "
                                             "0)::float8 FROM ("
                                             " SELECT m.product_id, d.warehouse_id, m.product_qty "
                                             "AS qty, true AS incoming"
                                             " FROM move m JOIN place d ON d.id = "
                                             "m.location_dest_id WHERE NOT EXISTS"
                                             " (SELECT FROM place s WHERE s.id = m.location_id AND "
                                             "s.warehouse_id = d.warehouse_id)"
                                             " UNION ALL SELECT m.product_id, s.warehouse_id, "
                                             "m.product_qty, false"
                                             " FROM move m JOIN place s ON s.id = m.location_id "
                                             "WHERE NOT EXISTS"
                                             " (SELECT FROM place d WHERE d.id = "
                                             "m.location_dest_id AND d.warehouse_id = "
                                             "s.warehouse_id)"
                                             ") x GROUP BY 1, 2";

/* What the formula needs beside the record, per record. */
struct product_unit {
    double rounding;
    bool is_service;
};

/* Grows, is refilled by every read, never shrinks. */
struct text_store {
    char *ptr;
    size_t used;
    size_t capacity;
};

struct stock_reader {
    struct pg_conn *conn;
    struct odoo_shape shape;
    bool forecast;
    struct pg_args args;
    struct text_store texts;           /* sku and barcode of the records */
    struct text_store warehouse_texts; /* code and company of the warehouses */
    struct stock_warehouse_row *warehouses;
    size_t warehouse_count;
    struct warehouse_stock
        *blank; /* the active warehouses with zeros, by id: what every record begins with */
    size_t blank_count;
    struct product_stock *list;
    struct product_unit *units;
    size_t count;
    size_t capacity;
    struct warehouse_stock *levels;
    size_t level_capacity;
    int32_t *gone;
    size_t gone_count;
    size_t gone_capacity;
};

struct stock_reader *
stock_reader_new(struct pg_conn *conn, const struct odoo_shape *shape, bool forecast)
{
    struct stock_reader *reader = mem_calloc(1, sizeof *reader);
    reader->conn = conn;
    reader->shape = *shape;
    reader->forecast = forecast;
    pg_args_init(&reader->args, 64 + (size_t)STOCK_READER_MAX_PRODUCTS * 8);
    return reader;
}

void stock_reader_free(struct stock_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    pg_args_release(&reader->args);
    mem_free(reader->texts.ptr);
    mem_free(reader->warehouse_texts.ptr);
    mem_free(reader->warehouses);
    mem_free(reader->blank);
    mem_free(reader->list);
    mem_free(reader->units);
    mem_free(reader->levels);
    mem_free(reader->gone);
    mem_free(reader);
}

static size_t text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

/* Makes room before anything is stored: what was stored never moves. */
static void text_store_begin(struct text_store *store, size_t size)
{
    store->used = 0;
    if (size > store->capacity) {
        mem_free(store->ptr);
        store->ptr = mem_alloc(size);
        store->capacity = size;
    }
}

static char *text_store_put(struct text_store *store, const char *text)
{
    size_t size = text_size(text);
    if (size == 0) {
        return NULL;
    }
    char *copy = store->ptr + store->used;
    memcpy(copy, text, size);
    store->used += size;
    return copy;
}

static enum status read_warehouses(struct stock_reader *r, struct err *err)
{
    struct pg_rows rows = {0};
    enum status status = pg_query(r->conn, WAREHOUSES, NULL, "ittb", &rows, err);
    if (status == STATUS_OK) {
        size_t count = (size_t)rows.count;
        size_t size = 0;
        for (int i = 0; i < rows.count; i++) {
            size += text_size(pg_text(&rows, i, 1)) + text_size(pg_text(&rows, i, 2));
        }
        text_store_begin(&r->warehouse_texts, size);
        r->warehouses = mem_realloc(r->warehouses, count, sizeof *r->warehouses);
        r->blank = mem_realloc(r->blank, count, sizeof *r->blank);
        r->warehouse_count = count;
        r->blank_count = 0;
        for (int i = 0; i < rows.count; i++) {
            char *code = text_store_put(&r->warehouse_texts, pg_text(&rows, i, 1));
            struct stock_warehouse_row *row = &r->warehouses[i];
            *row = (struct stock_warehouse_row){
                .id = pg_i32(&rows, i, 0),
                .code = code,
                .company = text_store_put(&r->warehouse_texts, pg_text(&rows, i, 2)),
                .active = pg_bool(&rows, i, 3)};
            if (row->active) {
                r->blank[r->blank_count++] = (struct warehouse_stock){
                    .warehouse_id = row->id, .code = code, .has_forecast = r->forecast};
            }
        }
    }
    pg_rows_release(&rows);
    return status;
}

static void take_product(struct stock_reader *r, const struct pg_rows *rows, int row)
{
    struct product_stock *stock = &r->list[row];
    *stock = (struct product_stock){.product_id = pg_i32(rows, row, 0),
                                    .template_id = pg_i32(rows, row, 1),
                                    .sku = text_store_put(&r->texts, pg_text(rows, row, 2)),
                                    .barcode = text_store_put(&r->texts, pg_text(rows, row, 3)),
                                    .company_id = pg_i32(rows, row, 4),
                                    .active = pg_bool(rows, row, 5),
                                    .shopify_enabled = pg_bool(rows, row, 6),
                                    .is_kit = pg_bool(rows, row, 7)};
    r->units[row] = (struct product_unit){.is_service = pg_bool(rows, row, 8),
                                          .rounding = pg_f64(rows, row, 9)};
    if (!stock->is_kit) {
        stock->warehouses = r->levels + (size_t)row * r->blank_count;
        stock->warehouse_count = r->blank_count;
        if (r->blank_count > 0) {
            memcpy(stock->warehouses, r->blank, r->blank_count * sizeof *r->blank);
        }
    }
}

static enum status read_products(struct stock_reader *r, struct err *err)
{
    struct pg_rows rows = {0};
    const char *sql = PRODUCTS_BY_SHAPE[r->shape.flag][r->shape.has_mrp ? 1 : 0];
    enum status status = pg_query(r->conn, sql, &r->args, "iittibbbbd", &rows, err);
    if (status == STATUS_OK) {
        r->count = (size_t)rows.count;
        size_t size = 0;
        for (int i = 0; i < rows.count; i++) {
            size += text_size(pg_text(&rows, i, 2)) + text_size(pg_text(&rows, i, 3));
        }
        text_store_begin(&r->texts, size);
        if (r->count > r->capacity) {
            r->capacity = mem_grow_capacity(r->capacity, r->count);
            r->list = mem_realloc(r->list, r->capacity, sizeof *r->list);
            r->units = mem_realloc(r->units, r->capacity, sizeof *r->units);
        }
        if (r->count * r->blank_count > r->level_capacity) {
            r->level_capacity = mem_grow_capacity(r->level_capacity, r->count * r->blank_count);
            r->levels = mem_realloc(r->levels, r->level_capacity, sizeof *r->levels);
        }
        for (int i = 0; i < rows.count; i++) {
            take_product(r, &rows, i);
        }
    }
    pg_rows_release(&rows);
    return status;
}

/* Where a sum belongs; NULL: a kit, a service (both carry no sums), or a product that is gone. unit
 * is [out]. */
static struct warehouse_stock *
find_level(struct stock_reader *r, int32_t product_id, int32_t warehouse_id)
{
    size_t low = 0;
    size_t high = r->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->list[middle].product_id < product_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == r->count || r->list[low].product_id != product_id || r->units[low].is_service) {
        return NULL;
    }
    struct product_stock *stock = &r->list[low];
    for (size_t i = 0; i < stock->warehouse_count; i++) {
        if (stock->warehouses[i].warehouse_id == warehouse_id) {
            return &stock->warehouses[i];
        }
    }
    return NULL;
}

/* Raw sums first: rounding comes when all of them are there. */
static enum status read_quantities(struct stock_reader *r, struct err *err)
{
    struct pg_rows rows = {0};
    enum status status = pg_query(r->conn, QUANTITIES, &r->args, "iidd", &rows, err);
    for (int i = 0; status == STATUS_OK && i < rows.count; i++) {
        struct warehouse_stock *level = find_level(r, pg_i32(&rows, i, 0), pg_i32(&rows, i, 1));
        if (level != NULL) {
            level->on_hand = pg_f64(&rows, i, 2);
            level->free = level->on_hand - pg_f64(&rows, i, 3);
        }
    }
    pg_rows_release(&rows);
    return status;
}

static enum status read_moves(struct stock_reader *r, struct err *err)
{
    struct pg_rows rows = {0};
    enum status status = pg_query(r->conn, MOVES, &r->args, "iidd", &rows, err);
    for (int i = 0; status == STATUS_OK && i < rows.count; i++) {
        struct warehouse_stock *level = find_level(r, pg_i32(&rows, i, 0), pg_i32(&rows, i, 1));
        if (level != NULL) {
            level->incoming = pg_f64(&rows, i, 2);
            level->outgoing = pg_f64(&rows, i, 3);
        }
    }
    pg_rows_release(&rows);
    return status;
}

/* In Odoo's order: the forecast adds the rounded moves to the unrounded stock. */
static void round_levels(struct stock_reader *r)
{
    for (size_t i = 0; i < r->count; i++) {
        double rounding = r->units[i].rounding;
        for (size_t j = 0; j < r->list[i].warehouse_count; j++) {
            struct warehouse_stock *level = &r->list[i].warehouses[j];
            if (level->has_forecast) {
                level->incoming = quantity_round_half_up(level->incoming, rounding);
                level->outgoing = quantity_round_half_up(level->outgoing, rounding);
                level->forecast = quantity_round_half_up(
                    level->on_hand + level->incoming - level->outgoing, rounding);
            }
            level->on_hand = quantity_round_half_up(level->on_hand, rounding);
            level->free = quantity_round_half_up(level->free, rounding);
        }
    }
}

static void note_gone(struct stock_reader *r, const int32_t *product_ids, size_t count)
{
    size_t found = 0;
    r->gone_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (found < r->count && r->list[found].product_id == product_ids[i]) {
            found++;
            continue;
        }
        if (r->gone_count == r->gone_capacity) {
            r->gone_capacity = mem_grow_capacity(r->gone_capacity, r->gone_count + 1);
            r->gone = mem_realloc(r->gone, r->gone_capacity, sizeof *r->gone);
        }
        r->gone[r->gone_count++] = product_ids[i];
    }
}

static enum status choose_plans(struct stock_reader *r, size_t count, struct err *err)
{
    if (r->shape.server_version < PG_VERSION_12) {
        return pg_exec(r->conn, FREE_PLANNER, err);
    }
    return pg_exec(r->conn, count <= SMALL_BATCH ? PLAN_FOR_FEW : PLAN_FOR_MANY, err);
}

enum status stock_reader_read(struct stock_reader *reader,
                              const int32_t *product_ids,
                              size_t count,
                              struct stock_batch *batch,
                              struct err *err)
{
    *batch = (struct stock_batch){.read_at_us = clock_wall_us()};
    if (count > STOCK_READER_MAX_PRODUCTS) {
        return err_set(err, STATUS_TOO_LARGE, "%zu products in one read, at most %d", count,
                       STOCK_READER_MAX_PRODUCTS);
    }
    pg_args_reset(&reader->args);
    pg_args_i32_array(&reader->args, product_ids, count);
    enum status status = choose_plans(reader, count, err);
    if (status == STATUS_OK) {
        status = read_warehouses(reader, err);
    }
    if (status == STATUS_OK) {
        status = read_products(reader, err);
    }
    if (status == STATUS_OK) {
        status = read_quantities(reader, err);
    }
    if (status == STATUS_OK && reader->forecast) {
        status = read_moves(reader, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    round_levels(reader);
    note_gone(reader, product_ids, count);
    for (size_t i = 0; i < reader->count; i++) {
        reader->list[i].read_at_us = batch->read_at_us;
    }
    batch->list = reader->list;
    batch->count = reader->count;
    batch->gone = reader->gone;
    batch->gone_count = reader->gone_count;
    batch->warehouses = reader->warehouses;
    batch->warehouse_count = reader->warehouse_count;
    return STATUS_OK;
}

#include "producer/odoo/stock_reader.h"

#include <math.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "common/model/quantity.h"
#include "common/pg/pg_query.h"
#include "producer/odoo/place_map.h"

/* Up to this many products the session's own plans, made once, are best (MARKS_SESSION_SQL); above,
 * a plan made for the very list. */
#define SMALL_BATCH   100
#define PG_VERSION_12 120000

/*
 * The tail's session forbids what would spoil the scan of the marks; for many products these plans
 * are free again. Each statement looks a list of ids up in one table, and what it joins by
 * primary key: nested loops do that in the same time whatever the statistics say, while a hash join
 * reads a whole catalogue for one batch.
 */
#define PLANNER                                                                                    \
    "SET LOCAL enable_bitmapscan = on; SET LOCAL enable_sort = on; SET LOCAL enable_seqscan = on;" \
    "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"                           \
    "SET LOCAL max_parallel_workers_per_gather = 0;"
#define PLAN_FOR_MANY PLANNER "SET LOCAL plan_cache_mode = force_custom_plan"
/* For the exact sums, which join and group. */
#define PLAN_EXACT                                                                                 \
    "SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on; SET LOCAL work_mem = '32MB'"

/* Whole numbers below this add up in doubles without rounding, however many rows there are. */
#define WHOLE_LIMIT 1e12

static const char WAREHOUSES[] =
    "SELECT w.id, w.code::text, c.name::text, w.active IS TRUE"
    " FROM public.stock_warehouse w JOIN public.res_company c ON c.id = w.company_id ORDER BY w.id";

/* Columns: id, template, sku, barcode, company, active, flag, kit, service, rounding. */
#define PRODUCTS(flag, kit)                                                                        \
    "SELECT p.id, COALESCE(t.id, 0), NULLIF(p.default_code, '')::text,"                            \
    " NULLIF(p.barcode, '')::text, COALESCE(t.company_id, 0),"                                     \
    " p.active IS TRUE AND t.active IS TRUE, " flag ", t.type IS DISTINCT FROM 'service' AND " kit \
    ", t.type IS NOT DISTINCT FROM 'service', COALESCE(u.rounding, 0)::float8"                     \
    " FROM public.product_product p"                                                               \
    " LEFT JOIN public.product_template t ON t.id = p.product_tmpl_id"                             \
    " LEFT JOIN public.uom_uom u ON u.id = t.uom_id"                                               \
    " WHERE p.id = ANY ($1::integer[])"

/* What Odoo takes for a kit: an active phantom BoM of the variant, or of its template as a whole.
 */
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

static const char QUANTS[] = "SELECT product_id, location_id, quantity::float8,"
                             " CASE WHEN reserved_quantity <> 0 THEN reserved_quantity::float8 END"
                             " FROM public.stock_quant WHERE product_id = ANY ($1::integer[])";

#define OPEN_MOVE "state IN ('waiting', 'confirmed', 'assigned', 'partially_available')"

static const char MOVES[] = "SELECT product_id, location_id, location_dest_id, product_qty::float8"
                            " FROM public.stock_move WHERE product_id = ANY ($1::integer[])"
                            " AND " OPEN_MOVE;

/* Active warehouses with the path that the paths of all their locations begin with. */
#define VIEWS                                                                                      \
    "(SELECT sw.id, v.parent_path FROM public.stock_warehouse sw"                                  \
    " JOIN public.stock_location v ON v.id = sw.view_location_id WHERE sw.active)"

static const char PLACES[] =
    "SELECT l.id, w.id FROM public.stock_location l"
    " JOIN " VIEWS " w ON l.parent_path LIKE w.parent_path || '%' WHERE l.id = ANY ($1::integer[])";

/*
 * The same sums in exact numerics, for products whose fractions would add up differently in
 * doubles. OFFSET 0 keeps the planner from dissolving the small relation of locations (MATERIALIZED
 * came with PostgreSQL 12).
 */
#define PLACE(ids)                                                                                 \
    " place AS (SELECT l.id, w.id AS warehouse_id FROM (" ids ") used"                             \
    " JOIN public.stock_location l ON l.id = used.id"                                              \
    " JOIN " VIEWS " w ON l.parent_path LIKE w.parent_path || '%' OFFSET 0)"

static const char EXACT_QUANTS[] =
    "WITH quant AS (SELECT product_id, location_id, quantity, reserved_quantity"
    " FROM public.stock_quant WHERE product_id = ANY ($1::integer[]))," PLACE(
        "SELECT DISTINCT location_id AS id FROM quant") " SELECT q.product_id, place.warehouse_id, "
                                                        "COALESCE(sum(q.quantity), 0)::float8,"
                                                        " COALESCE(sum(q.reserved_quantity), "
                                                        "0)::float8"
                                                        " FROM quant q JOIN place ON place.id = "
                                                        "q.location_id GROUP BY 1, 2";

static const char EXACT_MOVES[] =
    "WITH move AS (SELECT product_id, location_id, location_dest_id, product_qty"
    " FROM public.stock_move WHERE product_id = ANY ($1::integer[]) AND " OPEN_MOVE
    ")," PLACE("SELECT location_id AS id FROM move UNION SELECT location_dest_id FROM "
               "move") " SELECT product_id, warehouse_id, COALESCE(sum(qty) FILTER (WHERE "
                       "incoming), 0)::float8,"
                       " COALESCE(sum(qty) FILTER (WHERE NOT incoming), 0)::float8 FROM ("
                       " SELECT m.product_id, d.warehouse_id, m.product_qty AS qty, true "
                       "AS incoming"
                       " FROM move m JOIN place d ON d.id = m.location_dest_id WHERE NOT "
                       "EXISTS"
                       " (SELECT FROM place s WHERE s.id = m.location_id AND "
                       "s.warehouse_id = d.warehouse_id)"
                       " UNION ALL SELECT m.product_id, s.warehouse_id, m.product_qty, "
                       "false"
                       " FROM move m JOIN place s ON s.id = m.location_id WHERE NOT EXISTS"
                       " (SELECT FROM place d WHERE d.id = m.location_dest_id AND "
                       "d.warehouse_id = s.warehouse_id)"
                       ") x GROUP BY 1, 2";

/* What the formula needs beside the record, per record. */
struct product_unit {
    double rounding;
    bool is_service;
    bool inexact; /* fractions were added: its sums are read again in exact numerics */
};

/* The four sums of a level while rows are added. */
enum sum { SUM_QUANTITY, SUM_RESERVED, SUM_INCOMING, SUM_OUTGOING, SUM_COUNT };

struct level_sums {
    double value[SUM_COUNT];
    uint8_t seen;      /* bit per sum: a row was added */
    uint8_t fractions; /* bit per sum: one of them was not whole */
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
    struct level_sums *sums; /* by the same index as levels */
    size_t level_capacity;
    struct place_map places;
    size_t last; /* where the last row's product was found: rows of one product come together */
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
    mem_free(reader->sums);
    place_map_release(&reader->places);
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

static void take_product(struct stock_reader *r, const struct pg_rows *rows, int row, size_t at)
{
    struct product_stock *stock = &r->list[at];
    *stock = (struct product_stock){.product_id = pg_i32(rows, row, 0),
                                    .template_id = pg_i32(rows, row, 1),
                                    .sku = text_store_put(&r->texts, pg_text(rows, row, 2)),
                                    .barcode = text_store_put(&r->texts, pg_text(rows, row, 3)),
                                    .company_id = pg_i32(rows, row, 4),
                                    .active = pg_bool(rows, row, 5),
                                    .shopify_enabled = pg_bool(rows, row, 6),
                                    .is_kit = pg_bool(rows, row, 7)};
    r->units[at] = (struct product_unit){.is_service = pg_bool(rows, row, 8),
                                         .rounding = pg_f64(rows, row, 9)};
    if (!stock->is_kit) {
        stock->warehouses = r->levels + at * r->blank_count;
        stock->warehouse_count = r->blank_count;
        if (r->blank_count > 0) {
            memcpy(stock->warehouses, r->blank, r->blank_count * sizeof *r->blank);
        }
    }
}

/* Index in an ascending list; count: not in it. */
static size_t search(const int32_t *list, size_t count, int32_t wanted)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list[middle] < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && list[low] == wanted ? low : count;
}

static void make_room(struct stock_reader *r, size_t count)
{
    size_t levels = count * r->blank_count;
    if (count > r->capacity) {
        r->capacity = mem_grow_capacity(r->capacity, count);
        r->list = mem_realloc(r->list, r->capacity, sizeof *r->list);
        r->units = mem_realloc(r->units, r->capacity, sizeof *r->units);
    }
    if (levels > r->level_capacity) {
        r->level_capacity = mem_grow_capacity(r->level_capacity, levels);
        r->levels = mem_realloc(r->levels, r->level_capacity, sizeof *r->levels);
        r->sums = mem_realloc(r->sums, r->level_capacity, sizeof *r->sums);
    }
    if (levels > 0) {
        memset(r->sums, 0, levels * sizeof *r->sums);
    }
}

static void note_gone(struct stock_reader *r, int32_t product_id)
{
    if (r->gone_count == r->gone_capacity) {
        r->gone_capacity = mem_grow_capacity(r->gone_capacity, r->gone_count + 1);
        r->gone = mem_realloc(r->gone, r->gone_capacity, sizeof *r->gone);
    }
    r->gone[r->gone_count++] = product_id;
}

/* Rows come in any order (a sort in the server costs more); what was asked for is in order. */
static void take_products(struct stock_reader *r,
                          const struct pg_rows *rows,
                          const int32_t *product_ids,
                          size_t asked)
{
    int *row_of =
        mem_calloc(asked, sizeof *row_of); /* 1 + row, by position in product_ids; 0: gone */
    size_t size = 0;
    for (int i = 0; i < rows->count; i++) {
        size_t at = search(product_ids, asked, pg_i32(rows, i, 0));
        INVARIANT(at < asked, "product %d was not asked for", pg_i32(rows, i, 0));
        row_of[at] = i + 1;
        size += text_size(pg_text(rows, i, 2)) + text_size(pg_text(rows, i, 3));
    }
    text_store_begin(&r->texts, size);
    make_room(r, (size_t)rows->count);
    r->count = 0;
    r->gone_count = 0;
    for (size_t i = 0; i < asked; i++) {
        if (row_of[i] > 0) {
            take_product(r, rows, row_of[i] - 1, r->count++);
        } else {
            note_gone(r, product_ids[i]);
        }
    }
    mem_free(row_of);
}

static enum status
read_products(struct stock_reader *r, const int32_t *product_ids, size_t asked, struct err *err)
{
    struct pg_rows rows = {0};
    const char *sql = PRODUCTS_BY_SHAPE[r->shape.flag][r->shape.has_mrp ? 1 : 0];
    enum status status = pg_query(r->conn, sql, &r->args, "iittibbbbd", &rows, err);
    if (status == STATUS_OK) {
        take_products(r, &rows, product_ids, asked);
        r->last = 0;
    }
    pg_rows_release(&rows);
    return status;
}

/* Index of a product in list; count: it is gone, or a kit or a service, which carry no sums. */
static size_t find_product(struct stock_reader *r, int32_t product_id)
{
    if (r->last >= r->count || r->list[r->last].product_id != product_id) {
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
        r->last = low;
    }
    bool carries = r->last < r->count && r->list[r->last].product_id == product_id &&
                   !r->list[r->last].is_kit && !r->units[r->last].is_service;
    return carries ? r->last : r->count;
}

static bool is_whole(double value)
{
    return fabs(value) < WHOLE_LIMIT && value == floor(value);
}

/* Adds in doubles while that is exact; else notes that it was not. */
static void
add_to(struct stock_reader *r, size_t product, size_t warehouse, enum sum sum, double value)
{
    struct level_sums *sums = &r->sums[product * r->blank_count + warehouse];
    uint8_t bit = (uint8_t)(1U << sum);
    if (!is_whole(value)) {
        sums->fractions |= bit;
    }
    if ((sums->seen & sums->fractions & bit) != 0) {
        r->units[product].inexact = true;
    }
    sums->seen |= bit;
    sums->value[sum] += value;
}

static void add_quants(struct stock_reader *r, const struct pg_rows *rows)
{
    for (int i = 0; i < rows->count; i++) {
        size_t product = find_product(r, pg_i32(rows, i, 0));
        if (product == r->count) {
            continue;
        }
        for (const struct place_link *at = place_map_first(&r->places, pg_i32(rows, i, 1));
             at != NULL; at = place_map_next(&r->places, at)) {
            add_to(r, product, at->warehouse, SUM_QUANTITY, pg_f64(rows, i, 2));
            if (!pg_is_null(rows, i, 3)) {
                add_to(r, product, at->warehouse, SUM_RESERVED, pg_f64(rows, i, 3));
            }
        }
    }
}

/* Into every warehouse that has `into` and not `from`. */
static void add_move(
    struct stock_reader *r, size_t product, enum sum sum, int32_t into, int32_t from, double value)
{
    for (const struct place_link *at = place_map_first(&r->places, into); at != NULL;
         at = place_map_next(&r->places, at)) {
        if (!place_map_has(&r->places, from, at->warehouse)) {
            add_to(r, product, at->warehouse, sum, value);
        }
    }
}

/* Incoming: the destination is in the warehouse, the source is not; outgoing is the mirror image.
 */
static void add_moves(struct stock_reader *r, const struct pg_rows *rows)
{
    for (int i = 0; i < rows->count; i++) {
        size_t product = find_product(r, pg_i32(rows, i, 0));
        if (product < r->count) {
            int32_t source = pg_i32(rows, i, 1);
            int32_t destination = pg_i32(rows, i, 2);
            double value = pg_f64(rows, i, 3);
            add_move(r, product, SUM_INCOMING, destination, source, value);
            add_move(r, product, SUM_OUTGOING, source, destination, value);
        }
    }
}

/* Index of an active warehouse in blank; blank_count: none. */
static size_t find_warehouse(const struct stock_reader *r, int32_t warehouse_id)
{
    size_t i = 0;
    while (i < r->blank_count && r->blank[i].warehouse_id != warehouse_id) {
        i++;
    }
    return i;
}

static enum status read_places(struct stock_reader *r, struct err *err)
{
    struct pg_args args;
    struct pg_rows rows = {0};
    pg_args_init(&args, 64 + r->places.count * 8);
    pg_args_i32_array(&args, r->places.ids, r->places.count);
    enum status status = pg_query(r->conn, PLACES, &args, "ii", &rows, err);
    for (int i = 0; status == STATUS_OK && i < rows.count; i++) {
        size_t warehouse = find_warehouse(r, pg_i32(&rows, i, 1));
        if (warehouse < r->blank_count) {
            place_map_link(&r->places, pg_i32(&rows, i, 0), warehouse);
        }
    }
    pg_rows_release(&rows);
    pg_args_release(&args);
    return status;
}

static enum status read_sums(struct stock_reader *r, struct err *err)
{
    struct pg_rows quants = {0};
    struct pg_rows moves = {0};
    place_map_reset(&r->places);
    enum status status = pg_query(r->conn, QUANTS, &r->args, "iidd", &quants, err);
    if (status == STATUS_OK && r->forecast) {
        status = pg_query(r->conn, MOVES, &r->args, "iiid", &moves, err);
    }
    if (status == STATUS_OK) {
        for (int i = 0; i < quants.count; i++) {
            place_map_add(&r->places, pg_i32(&quants, i, 1));
        }
        for (int i = 0; i < moves.count; i++) {
            place_map_add(&r->places, pg_i32(&moves, i, 1));
            place_map_add(&r->places, pg_i32(&moves, i, 2));
        }
        status = read_places(r, err);
    }
    if (status == STATUS_OK) {
        add_quants(r, &quants);
        add_moves(r, &moves);
    }
    pg_rows_release(&moves);
    pg_rows_release(&quants);
    return status;
}

/* Replaces two sums of every level that the statement names. */
static enum status read_exact(struct stock_reader *r,
                              const char *sql,
                              const struct pg_args *args,
                              enum sum first,
                              struct err *err)
{
    struct pg_rows rows = {0};
    enum status status = pg_query(r->conn, sql, args, "iidd", &rows, err);
    for (int i = 0; status == STATUS_OK && i < rows.count; i++) {
        size_t product = find_product(r, pg_i32(&rows, i, 0));
        size_t warehouse = find_warehouse(r, pg_i32(&rows, i, 1));
        if (product < r->count && warehouse < r->blank_count) {
            struct level_sums *sums = &r->sums[product * r->blank_count + warehouse];
            sums->value[first] = pg_f64(&rows, i, 2);
            sums->value[first + 1] = pg_f64(&rows, i, 3);
        }
    }
    pg_rows_release(&rows);
    return status;
}

/* Fractions that were added in doubles: the sums of those products again, as the database adds
 * them. */
static enum status read_inexact_again(struct stock_reader *r, struct err *err)
{
    struct pg_args args;
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++) {
        count += r->units[i].inexact ? 1 : 0;
    }
    if (count == 0) {
        return STATUS_OK;
    }
    int32_t *ids = mem_calloc(count, sizeof *ids);
    size_t used = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (r->units[i].inexact) {
            ids[used++] = r->list[i].product_id;
        }
    }
    pg_args_init(&args, 64 + count * 8);
    pg_args_i32_array(&args, ids, count);
    enum status status = pg_exec(r->conn, PLAN_EXACT, err);
    if (status == STATUS_OK) {
        status = read_exact(r, EXACT_QUANTS, &args, SUM_QUANTITY, err);
    }
    if (status == STATUS_OK && r->forecast) {
        status = read_exact(r, EXACT_MOVES, &args, SUM_INCOMING, err);
    }
    pg_args_release(&args);
    mem_free(ids);
    return status;
}

/* From sums to Odoo's numbers, in its order: the forecast adds the rounded moves to the unrounded
 * stock. */
static void fill_levels(struct stock_reader *r)
{
    for (size_t i = 0; i < r->count; i++) {
        double rounding = r->units[i].rounding;
        for (size_t j = 0; j < r->list[i].warehouse_count; j++) {
            const double *sum = r->sums[i * r->blank_count + j].value;
            struct warehouse_stock *level = &r->list[i].warehouses[j];
            level->on_hand = quantity_round_half_up(sum[SUM_QUANTITY], rounding);
            level->free = quantity_round_half_up(sum[SUM_QUANTITY] - sum[SUM_RESERVED], rounding);
            if (level->has_forecast) {
                level->incoming = quantity_round_half_up(sum[SUM_INCOMING], rounding);
                level->outgoing = quantity_round_half_up(sum[SUM_OUTGOING], rounding);
                level->forecast = quantity_round_half_up(
                    sum[SUM_QUANTITY] + level->incoming - level->outgoing, rounding);
            }
        }
    }
}

static enum status choose_plans(struct stock_reader *r, size_t count, struct err *err)
{
    if (r->shape.server_version < PG_VERSION_12) {
        return pg_exec(r->conn, PLANNER, err);
    }
    return count <= SMALL_BATCH ? STATUS_OK : pg_exec(r->conn, PLAN_FOR_MANY, err);
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
        status = read_products(reader, product_ids, count, err);
    }
    if (status == STATUS_OK) {
        status = read_sums(reader, err);
    }
    if (status == STATUS_OK) {
        status = read_inexact_again(reader, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    fill_levels(reader);
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

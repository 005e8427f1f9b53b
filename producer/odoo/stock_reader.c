#include "producer/odoo/stock_reader.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "common/model/quantity.h"
#include "common/pg/pg_query.h"
#include "producer/odoo/id_list.h"
#include "producer/odoo/kit_number.h"
#include "producer/odoo/plans.h"

/* Lists of ids: the products of a chunk of kits and all that they are made of. */
#define ARGS_MAX_BYTES ((size_t)64 * 1024 * 1024)

static const char WAREHOUSES[] =
    "SELECT w.id, w.code::text, c.name::text, w.active IS TRUE, w.company_id"
    " FROM public.stock_warehouse w JOIN public.res_company c ON c.id = w.company_id ORDER BY w.id";

/* How a product's numbers come about: kind, has a problem, is a service, rounding. */
#define UNIT_COLUMNS                                                                               \
    "COALESCE(k.kind, 0::smallint), k.problem IS NOT NULL, t.type IS NOT DISTINCT FROM 'service'," \
    " COALESCE(u.rounding, 0)::float8"
#define UNIT_TABLES                                                                                \
    " FROM public.product_product p"                                                               \
    " LEFT JOIN public.product_template t ON t.id = p.product_tmpl_id"                             \
    " LEFT JOIN public.uom_uom u ON u.id = t.uom_id"                                               \
    " LEFT JOIN stocksync.kit k ON k.kit_id = p.id"                                                \
    " WHERE p.id = ANY ($1::integer[])"

static const char UNITS[] = "SELECT p.id, " UNIT_COLUMNS UNIT_TABLES;

/* Columns: id, those of a unit, template, sku, barcode, company, active, flag. */
#define PRODUCTS(flag)                                                                             \
    "SELECT p.id, " UNIT_COLUMNS ", COALESCE(t.id, 0), NULLIF(p.default_code, '')::text,"          \
    " NULLIF(p.barcode, '')::text, COALESCE(t.company_id, 0),"                                     \
    " p.active IS TRUE AND t.active IS TRUE, " flag UNIT_TABLES

static const char *const PRODUCTS_BY_FLAG[] = {
    [ODOO_FLAG_NONE] = PRODUCTS("false"),
    [ODOO_FLAG_VARIANT] = PRODUCTS("p." ODOO_FLAG_COLUMN " IS TRUE"),
    [ODOO_FLAG_TEMPLATE] = PRODUCTS("t." ODOO_FLAG_COLUMN " IS TRUE"),
};

/* What limits a kit, or is added up. */
static const char PARTS[] = "SELECT kit_id, component_id, need, yield FROM stocksync.kit_component"
                            " WHERE kit_id = ANY ($1::integer[]) AND need <> 0";

/* In the order of a record's numbers. */
enum field {
    FIELD_ON_HAND,
    FIELD_FREE,
    FIELD_INCOMING,
    FIELD_OUTGOING,
    FIELD_FORECAST,
    FIELD_COUNT
};

/* A product that was asked for, or that one of them is made of. */
struct unit {
    int32_t id;
    enum kit_kind kind;
    double rounding;
    bool is_service;
    enum { UNIT_OPEN, UNIT_BUSY, UNIT_DONE, UNIT_WITHOUT_NUMBER } state;
};

struct part {
    int32_t kit_id;
    int32_t component_id;
    double need;
    double yield;
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
    struct stock_reader_options options;
    struct pg_args args;
    struct stock_sums *sums;
    struct text_store texts;           /* sku and barcode of the records */
    struct text_store warehouse_texts; /* code and company of the warehouses */
    struct stock_warehouse_row *warehouses;
    size_t warehouse_count;
    struct stock_place *places; /* the active warehouses and their groups */
    size_t place_count;
    struct warehouse_stock *blank; /* the groups with zeros: what every record begins with */
    size_t group_count;
    struct product_stock *list;
    struct warehouse_stock *levels; /* of the records */
    size_t count, capacity, level_capacity;
    struct id_list gone;
    struct unit *units; /* by id, after the last was added */
    size_t unit_count, unit_room;
    struct part *parts; /* by kit, after the last was added */
    size_t part_count, part_room;
    struct id_list known;    /* ids of units */
    struct id_list carriers; /* of these, with stock of their own */
    struct id_list pending, kits;
    double *values; /* by unit, group, field */
    size_t value_room;
    struct kit_share *shares;
    size_t share_room;
};

struct stock_reader *stock_reader_new(struct pg_conn *conn,
                                      const struct odoo_shape *shape,
                                      const struct stock_reader_options *options)
{
    struct stock_reader *reader = mem_calloc(1, sizeof *reader);
    reader->conn = conn;
    reader->shape = *shape;
    reader->options = *options;
    reader->sums = stock_sums_new(conn, shape->dialect, options->forecast, options->scope);
    pg_args_init(&reader->args, ARGS_MAX_BYTES);
    return reader;
}

void stock_reader_free(struct stock_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    pg_args_release(&reader->args);
    stock_sums_free(reader->sums);
    mem_free(reader->texts.ptr);
    mem_free(reader->warehouse_texts.ptr);
    mem_free(reader->warehouses);
    mem_free(reader->places);
    mem_free(reader->blank);
    mem_free(reader->list);
    mem_free(reader->levels);
    id_list_release(&reader->gone);
    mem_free(reader->units);
    mem_free(reader->parts);
    id_list_release(&reader->known);
    id_list_release(&reader->carriers);
    id_list_release(&reader->pending);
    id_list_release(&reader->kits);
    mem_free(reader->values);
    mem_free(reader->shares);
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

/* --- warehouses and their groups --- */

/* Index of a group; made when it is new. */
static int32_t group_at(struct stock_reader *r, int32_t id, char *code)
{
    for (size_t i = 0; i < r->group_count; i++) {
        if (r->blank[i].warehouse_id == id) {
            return (int32_t)i;
        }
    }
    struct warehouse_stock *group = &r->blank[r->group_count];
    *group = (struct warehouse_stock){.warehouse_id = id, .has_forecast = r->options.forecast};
    group->code = code;
    return (int32_t)r->group_count++;
}

static int32_t
group_of(struct stock_reader *r, const struct stock_warehouse_row *w, char *code, char *company)
{
    static char all[] = "all";
    switch (r->options.group) {
    case STOCK_BY_COMPANY:
        return group_at(r, w->company_id, company);
    case STOCK_OF_ALL:
        return group_at(r, 0, all);
    case STOCK_BY_WAREHOUSE:
        break;
    }
    return group_at(r, w->id, code);
}

static void take_warehouses(struct stock_reader *r, const struct pg_rows *rows)
{
    size_t count = (size_t)rows->count;
    size_t size = 0;
    for (int i = 0; i < rows->count; i++) {
        size += text_size(pg_text(rows, i, 1)) + text_size(pg_text(rows, i, 2));
    }
    text_store_begin(&r->warehouse_texts, size);
    r->warehouses = mem_realloc(r->warehouses, count, sizeof *r->warehouses);
    r->places = mem_realloc(r->places, count, sizeof *r->places);
    r->blank = mem_realloc(r->blank, count, sizeof *r->blank);
    r->warehouse_count = count;
    r->place_count = 0;
    r->group_count = 0;
    for (int i = 0; i < rows->count; i++) {
        char *code = text_store_put(&r->warehouse_texts, pg_text(rows, i, 1));
        char *company = text_store_put(&r->warehouse_texts, pg_text(rows, i, 2));
        struct stock_warehouse_row *row = &r->warehouses[i];
        *row = (struct stock_warehouse_row){.id = pg_i32(rows, i, 0),
                                            .code = code,
                                            .company = company,
                                            .active = pg_bool(rows, i, 3),
                                            .company_id = pg_i32(rows, i, 4)};
        if (row->active) {
            r->places[r->place_count++] = (struct stock_place){
                .warehouse_id = row->id, .group = group_of(r, row, code, company)};
        }
    }
}

/* --- the products asked for --- */

static void add_unit(struct stock_reader *r, const struct pg_rows *rows, int row)
{
    struct unit unit = {.id = pg_i32(rows, row, 0),
                        .kind = (enum kit_kind)pg_i32(rows, row, 1),
                        .state = pg_bool(rows, row, 2) ? UNIT_WITHOUT_NUMBER : UNIT_OPEN,
                        .is_service = pg_bool(rows, row, 3),
                        .rounding = pg_f64(rows, row, 4)};
    MEM_ADD(r, units, unit_count, unit_room, &unit);
    if (unit.kind != KIT_NONE && unit.state == UNIT_OPEN) {
        id_list_add(&r->kits, unit.id);
    } else if (unit.kind == KIT_NONE && !unit.is_service) {
        id_list_add(&r->carriers, unit.id);
    }
}

static void take_product(struct stock_reader *r, const struct pg_rows *rows, int row, size_t at)
{
    struct product_stock *stock = &r->list[at];
    *stock = (struct product_stock){.product_id = pg_i32(rows, row, 0),
                                    .is_kit = pg_i32(rows, row, 1) == KIT_PHANTOM,
                                    .template_id = pg_i32(rows, row, 5),
                                    .sku = text_store_put(&r->texts, pg_text(rows, row, 6)),
                                    .barcode = text_store_put(&r->texts, pg_text(rows, row, 7)),
                                    .company_id = pg_i32(rows, row, 8),
                                    .active = pg_bool(rows, row, 9),
                                    .shopify_enabled = pg_bool(rows, row, 10)};
    stock->warehouses = r->levels + at * r->group_count;
    stock->warehouse_count = r->group_count;
    if (r->group_count > 0) {
        memcpy(stock->warehouses, r->blank, r->group_count * sizeof *r->blank);
    }
    add_unit(r, rows, row);
}

static void make_room(struct stock_reader *r, size_t count)
{
    size_t levels = count * r->group_count;
    if (count > r->capacity) {
        r->capacity = mem_grow_capacity(r->capacity, count);
        r->list = mem_realloc(r->list, r->capacity, sizeof *r->list);
    }
    if (levels > r->level_capacity) {
        r->level_capacity = mem_grow_capacity(r->level_capacity, levels);
        r->levels = mem_realloc(r->levels, r->level_capacity, sizeof *r->levels);
    }
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
        size_t at = id_list_index(product_ids, asked, pg_i32(rows, i, 0));
        INVARIANT(at < asked, "product %d was not asked for", pg_i32(rows, i, 0));
        row_of[at] = i + 1;
        size += text_size(pg_text(rows, i, 6)) + text_size(pg_text(rows, i, 7));
    }
    text_store_begin(&r->texts, size);
    make_room(r, (size_t)rows->count);
    for (size_t i = 0; i < asked; i++) {
        if (row_of[i] > 0) {
            take_product(r, rows, row_of[i] - 1, r->count++);
        } else {
            id_list_add(&r->gone, product_ids[i]);
        }
    }
    mem_free(row_of);
}

static void forget_products(struct stock_reader *r)
{
    r->count = 0;
    r->unit_count = 0;
    r->part_count = 0;
    id_list_reset(&r->gone);
    id_list_reset(&r->carriers);
    id_list_reset(&r->kits);
    id_list_reset(&r->known);
}

/* The products asked for, and the warehouses that their numbers are about. */
static enum status
read_products(struct stock_reader *r, const int32_t *product_ids, size_t asked, struct err *err)
{
    struct pg_rows warehouses = {0};
    struct pg_rows products = {0};
    struct pg_call calls[] = {
        {WAREHOUSES, NULL, "ittbi", &warehouses},
        {PRODUCTS_BY_FLAG[r->shape.flag], &r->args, "ihbbdittibb", &products}};
    forget_products(r);
    id_list_add_all(&r->known, product_ids, asked);
    pg_args_reset(&r->args);
    pg_args_i32_array(&r->args, product_ids, asked);
    enum status rc = pg_query_all(r->conn, calls, 2, err);
    if (rc == STATUS_OK) {
        take_warehouses(r, &warehouses);
        take_products(r, &products, product_ids, asked);
    }
    pg_rows_release(&products);
    pg_rows_release(&warehouses);
    return rc;
}

/* --- what they are made of --- */

static enum status read_parts(struct stock_reader *r, struct err *err)
{
    struct pg_rows rows = {0};
    pg_args_reset(&r->args);
    pg_args_i32_array(&r->args, r->kits.ids, r->kits.count);
    enum status rc = pg_query(r->conn, PARTS, &r->args, "iidd", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        struct part part = {.kit_id = pg_i32(&rows, i, 0),
                            .component_id = pg_i32(&rows, i, 1),
                            .need = pg_f64(&rows, i, 2),
                            .yield = pg_f64(&rows, i, 3)};
        MEM_ADD(r, parts, part_count, part_room, &part);
        id_list_add(&r->pending, part.component_id);
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status read_units(struct stock_reader *r, struct err *err)
{
    struct pg_rows rows = {0};
    pg_args_reset(&r->args);
    pg_args_i32_array(&r->args, r->pending.ids, r->pending.count);
    id_list_reset(&r->kits);
    enum status rc = pg_query(r->conn, UNITS, &r->args, "ihbbd", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        add_unit(r, &rows, i);
    }
    pg_rows_release(&rows);
    return rc;
}

static int by_id(const void *left, const void *right)
{
    int32_t a = ((const struct unit *)left)->id;
    int32_t b = ((const struct unit *)right)->id;
    return (a > b) - (a < b);
}

static int by_kit(const void *left, const void *right)
{
    const struct part *a = left;
    const struct part *b = right;
    if (a->kit_id != b->kit_id) {
        return a->kit_id < b->kit_id ? -1 : 1;
    }
    return (a->component_id > b->component_id) - (a->component_id < b->component_id);
}

/* Level by level: components that are kits themselves are made of others too. */
static enum status read_components(struct stock_reader *r, struct err *err)
{
    enum status rc = STATUS_OK;
    while (rc == STATUS_OK && r->kits.count > 0) {
        id_list_reset(&r->pending);
        rc = read_parts(r, err);
        id_list_sort(&r->pending);
        id_list_subtract(&r->pending, &r->known);
        if (rc == STATUS_OK) {
            rc = read_units(r, err);
        }
        id_list_add_all(&r->known, r->pending.ids, r->pending.count);
        id_list_sort(&r->known);
    }
    if (r->part_count > 0) {
        qsort(r->units, r->unit_count, sizeof *r->units, by_id);
        qsort(r->parts, r->part_count, sizeof *r->parts, by_kit);
    }
    id_list_sort(&r->carriers);
    return rc;
}

/* --- numbers --- */

static size_t find_unit(const struct stock_reader *r, int32_t id)
{
    struct unit key = {.id = id};
    const struct unit *found = bsearch(&key, r->units, r->unit_count, sizeof key, by_id);
    return found != NULL ? (size_t)(found - r->units) : r->unit_count;
}

static double *values_of(struct stock_reader *r, size_t unit, size_t group)
{
    return r->values + (unit * r->group_count + group) * FIELD_COUNT;
}

/* From sums to Odoo's numbers, in its order: the forecast adds the rounded moves to the unrounded
 * stock. */
static void fill_plain(struct stock_reader *r, size_t unit, size_t carrier)
{
    double rounding = r->units[unit].rounding;
    for (size_t g = 0; g < r->group_count; g++) {
        const double *sum = stock_sums_of(r->sums, carrier, g);
        double *v = values_of(r, unit, g);
        v[FIELD_ON_HAND] = quantity_round_half_up(sum[STOCK_QUANTITY], rounding);
        v[FIELD_FREE] = quantity_round_half_up(sum[STOCK_QUANTITY] - sum[STOCK_RESERVED], rounding);
        if (r->options.forecast) {
            v[FIELD_INCOMING] = quantity_round_half_up(sum[STOCK_INCOMING], rounding);
            v[FIELD_OUTGOING] = quantity_round_half_up(sum[STOCK_OUTGOING], rounding);
            v[FIELD_FORECAST] = quantity_round_half_up(
                sum[STOCK_QUANTITY] + v[FIELD_INCOMING] - v[FIELD_OUTGOING], rounding);
        }
    }
}

static size_t first_part(const struct stock_reader *r, int32_t kit_id)
{
    size_t low = 0;
    size_t high = r->part_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->parts[middle].kit_id < kit_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool fill_kit(struct stock_reader *r, size_t unit);

/* True when the unit has numbers. */
static bool fill_unit(struct stock_reader *r, size_t unit)
{
    struct unit *u = &r->units[unit];
    if (u->state == UNIT_OPEN && u->kind != KIT_NONE) {
        u->state = UNIT_BUSY;
        u->state = fill_kit(r, unit) ? UNIT_DONE : UNIT_WITHOUT_NUMBER;
    }
    /* busy: its own number would be needed for it */
    return u->state == UNIT_DONE;
}

static void number_kit(struct stock_reader *r, size_t unit, size_t first, size_t count)
{
    const struct part *parts = r->parts + first;
    size_t fields = r->options.forecast ? FIELD_COUNT : FIELD_INCOMING;
    if (count > r->share_room) {
        r->share_room = mem_grow_capacity(r->share_room, count);
        r->shares = mem_realloc(r->shares, r->share_room, sizeof *r->shares);
    }
    for (size_t g = 0; g < r->group_count; g++) {
        for (size_t i = 0; i < count; i++) {
            size_t component = find_unit(r, parts[i].component_id);
            r->shares[i] = (struct kit_share){.values = values_of(r, component, g),
                                              .need = parts[i].need,
                                              .rounding = r->units[component].rounding};
        }
        if (r->units[unit].kind == KIT_COMMINGLED) {
            kit_number_sum(r->shares, count, fields, values_of(r, unit, g));
        } else {
            kit_number_least(r->shares, count, count > 0 ? parts[0].yield : 1,
                             r->shape.dialect->kit_rounding, fields, values_of(r, unit, g));
        }
    }
}

static bool fill_kit(struct stock_reader *r, size_t unit)
{
    int32_t kit_id = r->units[unit].id;
    size_t first = first_part(r, kit_id);
    size_t count = 0;
    for (; first + count < r->part_count && r->parts[first + count].kit_id == kit_id; count++) {
        size_t component = find_unit(r, r->parts[first + count].component_id);
        if (component == r->unit_count || !fill_unit(r, component)) {
            return false;
        }
    }
    number_kit(r, unit, first, count);
    return true;
}

static void fill_units(struct stock_reader *r)
{
    size_t values = r->unit_count * r->group_count * FIELD_COUNT;
    size_t carrier = 0;
    if (values > r->value_room) {
        r->value_room = mem_grow_capacity(r->value_room, values);
        r->values = mem_realloc(r->values, r->value_room, sizeof *r->values);
    }
    if (values > 0) {
        memset(r->values, 0, values * sizeof *r->values);
    }
    for (size_t i = 0; i < r->unit_count; i++) {
        if (r->units[i].kind == KIT_NONE) {
            r->units[i].state = UNIT_DONE;
            if (!r->units[i].is_service) {
                fill_plain(r, i, carrier++);
            }
        }
    }
    for (size_t i = 0; i < r->unit_count; i++) {
        (void)fill_unit(r, i);
    }
}

/* Records and units are both by id; units are more. */
static void fill_records(struct stock_reader *r)
{
    size_t unit = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct product_stock *stock = &r->list[i];
        while (r->units[unit].id != stock->product_id) {
            unit++;
        }
        if (r->units[unit].state != UNIT_DONE) {
            stock->warehouses = NULL;
            stock->warehouse_count = 0;
        }
        for (size_t g = 0; g < stock->warehouse_count; g++) {
            const double *v = values_of(r, unit, g);
            stock->warehouses[g].on_hand = v[FIELD_ON_HAND];
            stock->warehouses[g].free = v[FIELD_FREE];
            stock->warehouses[g].incoming = v[FIELD_INCOMING];
            stock->warehouses[g].outgoing = v[FIELD_OUTGOING];
            stock->warehouses[g].forecast = v[FIELD_FORECAST];
        }
    }
}

static enum status
read_all(struct stock_reader *r, const int32_t *product_ids, size_t count, struct err *err)
{
    enum status rc = plans_for(r->conn, count, err);
    if (rc == STATUS_OK) {
        rc = read_products(r, product_ids, count, err);
    }
    if (rc == STATUS_OK) {
        rc = read_components(r, err);
    }
    if (rc == STATUS_OK) {
        rc = stock_sums_read(r->sums, r->carriers.ids, r->carriers.count, r->places, r->place_count,
                             r->group_count, err);
    }
    return rc;
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
    enum status rc = read_all(reader, product_ids, count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    fill_units(reader);
    fill_records(reader);
    for (size_t i = 0; i < reader->count; i++) {
        reader->list[i].read_at_us = batch->read_at_us;
    }
    batch->list = reader->list;
    batch->count = reader->count;
    batch->gone = reader->gone.ids;
    batch->gone_count = reader->gone.count;
    batch->warehouses = reader->warehouses;
    batch->warehouse_count = reader->warehouse_count;
    return STATUS_OK;
}

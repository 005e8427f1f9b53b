#include "producer/odoo/stock_reader.h"

#include <string.h>

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "common/pg/pg_query.h"
#include "producer/odoo/id_list.h"
#include "producer/odoo/kit_explode.h"
#include "producer/odoo/plans.h"
#include "producer/odoo/source_snapshot.h"
#include "producer/odoo/stock_units.h"
#include "producer/odoo/unreadable.h"

/* Lists of ids: the products of one read and their components. */
#define ARGS_MAX_BYTES ((size_t)64 * 1024 * 1024)

static const char WAREHOUSES[] =
    "SELECT w.id, w.code::text, c.name::text, w.active IS TRUE, w.company_id"
    " FROM public.stock_warehouse w JOIN public.res_company c ON c.id = w.company_id ORDER BY w.id";

#define WAREHOUSE_SHAPE "ittbi"

/* Columns: those of a unit, then template, sku, barcode, company, active, flag. */
#define PRODUCTS(flag)                                                                             \
    STOCK_UNIT_COLUMNS ", COALESCE(t.id, 0), NULLIF(p.default_code, '')::text,"                    \
                       " NULLIF(p.barcode, '')::text, COALESCE(t.company_id, 0),"                  \
                       " p.active IS TRUE AND t.active IS TRUE, " flag STOCK_UNIT_TABLES
#define PRODUCT_SHAPE STOCK_UNIT_SHAPE "ittibb"

static const char *const PRODUCTS_BY_FLAG[] = {
    [ODOO_FLAG_NONE] = PRODUCTS("false"),
    [ODOO_FLAG_VARIANT] = PRODUCTS("p." ODOO_FLAG_COLUMN " IS TRUE"),
    [ODOO_FLAG_TEMPLATE] = PRODUCTS("t." ODOO_FLAG_COLUMN " IS TRUE"),
};

/* Refilled by every read; grows and never shrinks. */
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
    struct stock_units *units;
    struct text_store texts;           /* sku and barcode of the records */
    struct text_store warehouse_texts; /* code and company of the warehouses */
    struct stock_warehouse_row *warehouses;
    size_t warehouse_count;
    struct stock_place *places; /* the active warehouses and their groups */
    size_t place_count;
    struct warehouse_stock *blank; /* the groups with zeros: each record begins as a copy */
    size_t group_count;
    struct product_stock *list;
    struct warehouse_stock *levels; /* of the records */
    size_t count, capacity, level_capacity;
    struct id_list gone;
    struct unreadable_list unreadable;      /* products */
    struct unreadable_list unreadable_sums; /* carriers whose sums cannot be read */
    struct id_list readable, readable_sums; /* the others, when there are such */
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
    reader->units = stock_units_new(conn, shape->dialect, options->forecast);
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
    stock_units_free(reader->units);
    mem_free(reader->texts.ptr);
    mem_free(reader->warehouse_texts.ptr);
    mem_free(reader->warehouses);
    mem_free(reader->places);
    mem_free(reader->blank);
    mem_free(reader->list);
    mem_free(reader->levels);
    id_list_release(&reader->gone);
    unreadable_release(&reader->unreadable);
    unreadable_release(&reader->unreadable_sums);
    id_list_release(&reader->readable);
    id_list_release(&reader->readable_sums);
    mem_free(reader);
}

static size_t text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

/* Makes room before anything is stored, so that stored texts never move. */
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

/* Index of a group, which is added when it is new. */
static int32_t group_at(struct stock_reader *r, int32_t id, char *code)
{
    for (size_t i = 0; i < r->group_count; i++) {
        if (r->blank[i].warehouse_id == id) {
            return (int32_t)i;
        }
    }
    struct warehouse_stock *group = &r->blank[r->group_count];
    *group = (struct warehouse_stock){.warehouse_id = id,
                                      .has_forecast = r->options.forecast,
                                      .has_free_confirmed = r->options.forecast};
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

/* Its texts are those of rows. */
static struct stock_warehouse_row warehouse_of(const struct pg_rows *rows, int row)
{
    return (struct stock_warehouse_row){.id = pg_i32(rows, row, 0),
                                        .code = pg_text(rows, row, 1),
                                        .company = pg_text(rows, row, 2),
                                        .active = pg_bool(rows, row, 3),
                                        .company_id = pg_i32(rows, row, 4)};
}

enum status stock_warehouses_read(struct pg_conn *conn,
                                  struct pg_rows *rows,
                                  struct stock_warehouse_row **list,
                                  struct err *err)
{
    enum status rc = pg_query(conn, WAREHOUSES, NULL, WAREHOUSE_SHAPE, rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    *list = mem_calloc((size_t)rows->count, sizeof **list);
    for (int i = 0; i < rows->count; i++) {
        (*list)[i] = warehouse_of(rows, i);
    }
    return STATUS_OK;
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
        *row = warehouse_of(rows, i);
        row->code = code;
        row->company = company;
        if (row->active) {
            r->places[r->place_count++] = (struct stock_place){
                .warehouse_id = row->id, .group = group_of(r, row, code, company)};
        }
    }
}

/* --- the products asked for --- */

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
    stock_units_add(r->units, rows, row);
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

/* Rows come in any order, because a sort in the server costs more. product_ids are in order. */
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

/* The products asked for, and the warehouses. */
static enum status
read_products(struct stock_reader *r, const int32_t *product_ids, size_t asked, struct err *err)
{
    struct pg_rows warehouses = {0};
    struct pg_rows products = {0};
    struct pg_call calls[] = {
        {WAREHOUSES, NULL, WAREHOUSE_SHAPE, &warehouses},
        {PRODUCTS_BY_FLAG[r->shape.flag], &r->args, PRODUCT_SHAPE, &products}};
    r->count = 0;
    id_list_reset(&r->gone);
    stock_units_begin(r->units, product_ids, asked);
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

/* --- records --- */

static void fill_record(const struct stock_reader *r, struct product_stock *stock)
{
    size_t unit = stock_units_find(r->units, stock->product_id);
    for (size_t g = 0; g < stock->warehouse_count; g++) {
        const double *v = stock_units_values(r->units, unit, g);
        if (v == NULL) {
            stock->warehouses = NULL;
            stock->warehouse_count = 0;
            return;
        }
        stock->warehouses[g].on_hand = v[STOCK_FIELD_ON_HAND];
        stock->warehouses[g].free = v[STOCK_FIELD_FREE];
        stock->warehouses[g].incoming = v[STOCK_FIELD_INCOMING];
        stock->warehouses[g].outgoing = v[STOCK_FIELD_OUTGOING];
        stock->warehouses[g].forecast = v[STOCK_FIELD_FORECAST];
        stock->warehouses[g].free_confirmed = v[STOCK_FIELD_FREE_CONFIRMED];
    }
}

static enum status go_back(void *arg, struct err *err)
{
    const struct stock_reader *r = arg;
    return source_snapshot_back(r->conn, err);
}

static enum status read_some_sums(void *arg, const int32_t *carriers, size_t count, struct err *err)
{
    const struct stock_reader *r = arg;
    enum status rc = plans_for(r->conn, count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    return stock_sums_read(r->sums, carriers, count, r->places, r->place_count, r->group_count,
                           err);
}

/* One carrier may be a component of a thousand kits: they need no search. */
static enum status read_sums(struct stock_reader *r, struct err *err)
{
    const struct unreadable_port port = {.arg = r, .read = read_some_sums, .back = go_back};
    const struct id_list *carriers = stock_units_carriers(r->units);
    enum status rc = unreadable_search(&port, carriers->ids, carriers->count, &r->readable_sums,
                                       &r->unreadable_sums, err);
    if (rc == STATUS_OK && r->unreadable_sums.count > 0) {
        stock_units_note_unreadable(r->units, &r->unreadable_sums);
    }
    return rc;
}

static enum status read_all(void *arg, const int32_t *product_ids, size_t count, struct err *err)
{
    struct stock_reader *r = arg;
    enum status rc = plans_for(r->conn, count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = read_products(r, product_ids, count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = stock_units_read_components(r->units, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    return read_sums(r, err);
}

/* Records of what was read; what cannot be read moves to the list of that. */
static void fill_records(struct stock_reader *r, int64_t read_at_us)
{
    size_t kept = 0;
    stock_units_compute(r->units, r->sums, r->group_count);
    for (size_t i = 0; i < r->count; i++) {
        size_t unit = stock_units_find(r->units, r->list[i].product_id);
        if (stock_units_unreadable(r->units, unit, &r->unreadable)) {
            continue;
        }
        struct product_stock *stock = &r->list[kept++];
        *stock = r->list[i];
        fill_record(r, stock);
        stock->read_at_us = read_at_us;
    }
    r->count = kept;
    unreadable_sort(&r->unreadable);
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
    const struct unreadable_port port = {.arg = reader, .read = read_all, .back = go_back};
    enum status rc = source_snapshot_point(reader->conn, err);
    if (rc == STATUS_OK) {
        rc = unreadable_search(&port, product_ids, count, &reader->readable, &reader->unreadable,
                               err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    fill_records(reader, batch->read_at_us);
    batch->list = reader->list;
    batch->count = reader->count;
    batch->gone = reader->gone.ids;
    batch->gone_count = reader->gone.count;
    batch->unreadable = reader->unreadable.list;
    batch->unreadable_count = reader->unreadable.count;
    batch->warehouses = reader->warehouses;
    batch->warehouse_count = reader->warehouse_count;
    return STATUS_OK;
}

#include "producer/odoo/odoo_version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/pg/pg_query.h"

/* The columns that the catalogue lacks, as "table.column". $1: tables, $2: their columns, $3: columns
 * that serve instead or NULL, $4: also those of the forecast. */
static const char MISSING_COLUMNS[] =
    "SELECT string_agg(DISTINCT CASE WHEN c.oid IS NULL THEN 'table ' || n.tab"
    " ELSE 'column ' || n.tab || '.' || n.col END, ', ')"
    " FROM unnest($1::text[], $2::text[], $3::text[]) AS n(tab, col, instead)"
    " LEFT JOIN pg_class c ON c.relname = n.tab AND c.relkind IN ('r', 'p')"
    " AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public')"
    " WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
    " AND a.attname IN (n.col, n.instead) AND NOT a.attisdropped)"
    " AND ($4 OR n.tab NOT LIKE 'stock_move%')"
    " AND (n.tab <> 'product_commingled' OR c.oid IS NOT NULL)"
    " AND (n.tab NOT LIKE 'mrp%' OR to_regclass('public.mrp_bom') IS NOT NULL)";

static const char HAS_MODULES[] = "SELECT to_regclass('public.ir_module_module') IS NOT NULL";

static const char BASE_VERSION[] =
    "SELECT latest_version::text FROM public.ir_module_module WHERE name = 'base'";

static const char HAS_COLUMN[] =
    "SELECT to_regclass('public.mrp_bom') IS NOT NULL,"
    " to_regclass('public.product_commingled') IS NOT NULL,"
    " EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.product_product'::regclass"
    " AND attname = '" ODOO_FLAG_COLUMN "' AND NOT attisdropped),"
    " EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.product_template'::regclass"
    " AND attname = '" ODOO_FLAG_COLUMN "' AND NOT attisdropped),"
    " EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.product_template'::regclass"
    " AND attname = 'priority' AND NOT attisdropped)";

static const char HAS_COMPUTED_FLAG[] =
    "SELECT EXISTS (SELECT FROM public.ir_model_fields WHERE name = '" ODOO_FLAG_COLUMN "'"
    " AND model IN ('product.product', 'product.template') AND store IS NOT TRUE)";

static const char DATABASE_UUID[] = "SELECT stocksync.database_uuid()";

/* Without a dialect this is not Odoo's database: the columns of the first version say so. */
static void put_columns(struct pg_args *args, const struct odoo_dialect *dialect, bool forecast)
{
    size_t count = 0;
    size_t wanted = 0;
    const struct odoo_column *all = odoo_dialect_columns(&count);
    const char **text = mem_calloc(3 * count, sizeof *text);
    for (size_t i = 0; i < count; i++) {
        if (odoo_dialect_has(dialect != NULL ? dialect : odoo_dialect_of(ODOO_OLDEST), &all[i])) {
            text[wanted] = all[i].table;
            text[count + wanted] = all[i].column;
            text[2 * count + wanted] = all[i].instead;
            wanted++;
        }
    }
    pg_args_text_array(args, text, wanted);
    pg_args_text_array(args, text + count, wanted);
    pg_args_text_array(args, text + 2 * count, wanted);
    pg_args_bool(args, forecast);
    mem_free(text);
}

static enum status check_columns(struct pg_conn *conn,
                                 bool forecast,
                                 const struct odoo_dialect *dialect,
                                 struct err *err)
{
    struct pg_args args;
    struct pg_rows rows = {0};
    pg_args_init(&args, 16384);
    put_columns(&args, dialect, forecast);
    enum status rc = pg_query(conn, MISSING_COLUMNS, &args, "t", &rows, err);
    if (rc == STATUS_OK && !pg_is_null(&rows, 0, 0)) {
        rc = err_set(err, STATUS_DATABASE_UNFIT,
                     "not a database of Odoo with the modules stock and product: missing %s",
                     pg_text(&rows, 0, 0));
    }
    pg_rows_release(&rows);
    pg_args_release(&args);
    return rc;
}

static enum status
read_base_version(struct pg_conn *conn, struct odoo_shape *shape, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, BASE_VERSION, NULL, "t", &rows, err);
    if (rc == STATUS_OK) {
        const char *text = rows.count == 1 ? pg_text(&rows, 0, 0) : NULL;
        (void)snprintf(shape->base_version, sizeof shape->base_version, "%s",
                       text != NULL ? text : "unknown");
    }
    pg_rows_release(&rows);
    return rc;
}

/* Runs before the check of columns: another version may lack some of them, and its number explains
 * more than their names. Without Odoo's modules the check of columns refuses the database. */
static enum status check_version(struct pg_conn *conn, struct odoo_shape *shape, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, HAS_MODULES, NULL, "b", &rows, err);
    bool is_odoo = rc == STATUS_OK && pg_bool(&rows, 0, 0);
    pg_rows_release(&rows);
    if (!is_odoo) {
        return rc;
    }
    rc = read_base_version(conn, shape, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    shape->dialect = odoo_dialect_of((int)strtol(shape->base_version, NULL, 10));
    if (shape->dialect == NULL) {
        return err_set(err, STATUS_DATABASE_UNFIT,
                       "Odoo's base module has version '%s': 15.0 is served, and 16.0 to "
                       "18.0 by what their source says; other versions store and compute "
                       "stock differently",
                       shape->base_version);
    }
    return STATUS_OK;
}

static enum status refuse_computed_flag(struct pg_conn *conn, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, HAS_COMPUTED_FLAG, NULL, "b", &rows, err);
    if (rc == STATUS_OK && pg_bool(&rows, 0, 0)) {
        rc = err_set(err, STATUS_DATABASE_UNFIT,
                     "Odoo's field '" ODOO_FLAG_COLUMN "' is computed and has no column: "
                     "store it (store=True) on the product or its template");
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status find_flag(struct pg_conn *conn, struct odoo_shape *shape, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, HAS_COLUMN, NULL, "bbbbb", &rows, err);
    if (rc == STATUS_OK) {
        shape->has_mrp = pg_bool(&rows, 0, 0);
        shape->has_commingled = pg_bool(&rows, 0, 1);
        shape->flag = pg_bool(&rows, 0, 2)   ? ODOO_FLAG_VARIANT
                      : pg_bool(&rows, 0, 3) ? ODOO_FLAG_TEMPLATE
                                             : ODOO_FLAG_NONE;
        shape->has_priority =
            shape->dialect->bom_order == KIT_BOM_TEMPLATE_FIRST && pg_bool(&rows, 0, 4);
    }
    pg_rows_release(&rows);
    if (rc != STATUS_OK || shape->flag != ODOO_FLAG_NONE) {
        return rc;
    }
    return refuse_computed_flag(conn, err);
}

enum status
odoo_version_read(struct pg_conn *conn, bool forecast, struct odoo_shape *shape, struct err *err)
{
    *shape = (struct odoo_shape){.server_version = pg_conn_server_version(conn)};
    enum status rc = check_version(conn, shape, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = check_columns(conn, forecast, shape->dialect, err);
    return rc == STATUS_OK ? find_flag(conn, shape, err) : rc;
}

enum status odoo_version_uuid(struct pg_conn *conn, char uuid[ODOO_UUID_SIZE], struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, DATABASE_UUID, NULL, "t", &rows, err);
    if (rc == STATUS_OK) {
        const char *text = pg_text(&rows, 0, 0);
        (void)snprintf(uuid, ODOO_UUID_SIZE, "%s", text != NULL ? text : "");
    }
    pg_rows_release(&rows);
    return rc;
}

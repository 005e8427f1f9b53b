#include "producer/odoo/install_rights.h"

#include "common/pg/pg_query.h"
#include "producer/odoo/install_plan.h"
#include "producer/odoo/odoo_version.h"

/* A table that is absent needs no right. */
enum presence { ALWAYS, WITH_MRP, WITH_COMMINGLED };

/* All that the runtime role needs. */
static const struct right {
    const char *schema;
    const char *table;
    const char *privileges;
    unsigned part;
    bool forecast;
    enum presence presence;
} rights[] = {
    {"public", "product_product", "SELECT", INSTALL_ODOO, false, ALWAYS},
    {"public", "product_template", "SELECT", INSTALL_ODOO, false, ALWAYS},
    {"public", "uom_uom", "SELECT", INSTALL_ODOO, false, ALWAYS},
    {"public", "stock_quant", "SELECT", INSTALL_ODOO, false, ALWAYS},
    {"public", "stock_location", "SELECT", INSTALL_ODOO, false, ALWAYS},
    {"public", "stock_warehouse", "SELECT", INSTALL_ODOO, false, ALWAYS},
    {"public", "res_company", "SELECT", INSTALL_ODOO, false, ALWAYS},
    {"public", "ir_module_module", "SELECT", INSTALL_ODOO, false, ALWAYS},
    {"public", "mrp_bom", "SELECT", INSTALL_ODOO, false, WITH_MRP},
    {"public", "mrp_bom_line", "SELECT", INSTALL_ODOO, false, WITH_MRP},
    {"public", "mrp_bom_line_product_template_attribute_value_rel", "SELECT", INSTALL_ODOO, false,
     WITH_MRP},
    {"public", "product_variant_combination", "SELECT", INSTALL_ODOO, false, ALWAYS},
    {"public", "product_template_attribute_value", "SELECT", INSTALL_ODOO, false, ALWAYS},
    {"public", "product_template_attribute_line", "SELECT", INSTALL_ODOO, false, ALWAYS},
    {"public", "product_commingled", "SELECT", INSTALL_ODOO, false, WITH_COMMINGLED},
    {"public", "stock_move", "SELECT", INSTALL_ODOO, true, ALWAYS},
    {"public", "stock_move_line", "SELECT", INSTALL_ODOO, true, ALWAYS},
    {"public", ODOO_MARKS_TABLE, "SELECT, INSERT, DELETE", INSTALL_ODOO, false, ALWAYS},
    {"public", ODOO_QUANT_MARKS_TABLE, "SELECT, DELETE", INSTALL_ODOO, false, ALWAYS},
    {"stocksync", "migration", "SELECT", INSTALL_ODOO | INSTALL_STATE, false, ALWAYS},
    {"stocksync", "kit", "SELECT, INSERT, UPDATE, DELETE", INSTALL_ODOO, false, ALWAYS},
    {"stocksync", "kit_component", "SELECT, INSERT, UPDATE, DELETE", INSTALL_ODOO, false, ALWAYS},
    {"stocksync", "kit_table", "SELECT, UPDATE", INSTALL_ODOO, false, ALWAYS},
    {"stocksync", "published", "SELECT, INSERT, UPDATE, DELETE", INSTALL_ODOO, false, ALWAYS},
    {"stocksync", "full_pass", "SELECT, UPDATE", INSTALL_ODOO, false, ALWAYS},
    {"stocksync", "settled", "SELECT, UPDATE", INSTALL_ODOO, false, ALWAYS},
    {"stocksync", "owner", "SELECT, UPDATE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "stream", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "stream_partition", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false,
     ALWAYS},
    {"stocksync", "store_stream", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "planned", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "warehouse", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "parked_product", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "level", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "level_kept", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "attempt", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "in_flight", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "guard", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "blocked_partition", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false,
     ALWAYS},
    {"stocksync", "product", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "item", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "catalogue", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "parked", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "verification", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "drift", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "round_request", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "round_part", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
    {"stocksync", "round_level", "SELECT, INSERT, UPDATE, DELETE", INSTALL_STATE, false, ALWAYS},
};

#define RIGHT_COUNT (sizeof rights / sizeof rights[0])

/* The sequence of the marks table's ids; an adopted table may have another one or none. */
#define MARKS_SEQUENCE                                                                             \
    "(SELECT pg_get_serial_sequence(c.oid::regclass::text, 'id') FROM pg_class c"                  \
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'id' AND NOT a.attisdropped"       \
    " WHERE c.relname = '" ODOO_MARKS_TABLE "' AND c.relnamespace ="                               \
    " (SELECT oid FROM pg_namespace WHERE nspname = 'public'))"

static const char QUOTED[] =
    "SELECT quote_ident($1), quote_ident(current_database()),"
    " to_regclass('public.mrp_bom') IS NOT NULL,"
    " to_regclass('public.product_commingled') IS NOT NULL, " MARKS_SEQUENCE ","
    " (SELECT quote_ident(r.rolname) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
    " WHERE c.relname = 'stock_quant' AND c.relnamespace ="
    " (SELECT oid FROM pg_namespace WHERE nspname = 'public') AND r.rolname <> $1)";

/* The privileges of $3 (as in GRANT) that the current role lacks on $1.$2; NULL when the table is
 * absent. */
static const char LACKS[] =
    "SELECT string_agg(p, ', ') FROM pg_class c, regexp_split_to_table($3, ', ') p"
    " WHERE c.relname = $2 AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)"
    " AND NOT has_table_privilege(c.oid, p)";

static const char LACKS_OTHER[] =
    "SELECT string_agg(x.what, ', ') FROM ("
    " SELECT 'USAGE on schema ' || nspname AS what FROM pg_namespace"
    " WHERE nspname IN ('public', 'stocksync') AND NOT has_schema_privilege(oid, 'USAGE')"
    " UNION ALL SELECT 'EXECUTE on function stocksync.database_uuid()' FROM pg_proc"
    " WHERE proname = 'database_uuid' AND NOT has_function_privilege(oid, 'EXECUTE')"
    " AND pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'stocksync')"
    " UNION ALL SELECT 'EXECUTE on function ' || oid::regprocedure::text FROM pg_proc"
    " WHERE proname IN ('pg_control_system', 'pg_control_checkpoint')"
    " AND pronamespace = 'pg_catalog'::regnamespace AND NOT has_function_privilege(oid, 'EXECUTE')"
    " UNION ALL SELECT 'USAGE on sequence ' || s.name FROM (SELECT " MARKS_SEQUENCE " AS name) s"
    " WHERE NOT has_sequence_privilege(s.name, 'USAGE')"
    ") x";

static const char TOO_MUCH[] =
    "SELECT r.rolsuper, string_agg(c.relname::text, ', ')"
    " FROM pg_roles r LEFT JOIN pg_class c ON c.relkind = 'r'"
    " AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public')"
    " AND c.relname IN ('product_product', 'product_template', 'uom_uom', 'stock_quant',"
    " 'stock_location', 'stock_warehouse', 'res_company', 'ir_module_module', 'stock_move',"
    " 'stock_move_line', 'mrp_bom', 'mrp_bom_line')"
    " AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')"
    " WHERE r.rolname = current_user GROUP BY r.rolsuper";

static const char MAY_CLEAN[] =
    "SELECT bool_and(pg_has_role(c.relowner, 'USAGE')),"
    " bool_and(pg_has_role('pg_read_all_stats', 'USAGE'))"
    " FROM pg_class c WHERE c.relname IN ('" ODOO_MARKS_TABLE "', '" ODOO_QUANT_MARKS_TABLE "')"
    " AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public')";

static bool is_wanted(const struct right *right, unsigned parts, bool forecast)
{
    return (right->part & parts) != 0 && (forecast || !right->forecast);
}

/* The new owner of the marks takes over the rights of the old one, and Odoo's role needs its own. */
static void append_owner_rights(const struct pg_rows *rows, struct strbuf *sql)
{
    const char *owner = pg_text(rows, 0, 5);
    strbuf_appendf(sql,
                   "-- GRANT SELECT, INSERT ON public." ODOO_MARKS_TABLE " TO %s;\n"
                   "-- GRANT SELECT, INSERT ON public." ODOO_QUANT_MARKS_TABLE " TO %s;\n",
                   owner, owner);
    if (!pg_is_null(rows, 0, 4)) {
        strbuf_appendf(sql, "-- GRANT SELECT, USAGE ON SEQUENCE %s TO %s;\n", pg_text(rows, 0, 4),
                       owner);
    }
}

static void append_options(const struct pg_rows *rows, struct strbuf *sql)
{
    const char *name = pg_text(rows, 0, 0);
    strbuf_appendf(sql,
                   "-- optional: lets gc vacuum the marks, which takes their owner\n"
                   "-- ALTER TABLE public." ODOO_MARKS_TABLE " OWNER TO %s;\n"
                   "-- ALTER TABLE public." ODOO_QUANT_MARKS_TABLE " OWNER TO %s;\n",
                   name, name);
    if (!pg_is_null(rows, 0, 5)) {
        append_owner_rights(rows, sql);
    }
    strbuf_appendf(sql,
                   "-- optional: lets status name who holds vacuum back\n"
                   "-- GRANT pg_read_all_stats TO %s;\n",
                   name);
}

/* rows: QUOTED's answer. */
static void
append_grants(const struct pg_rows *rows, unsigned parts, bool forecast, struct strbuf *sql)
{
    const char *name = pg_text(rows, 0, 0);
    const bool present[] = {
        [ALWAYS] = true, [WITH_MRP] = pg_bool(rows, 0, 2), [WITH_COMMINGLED] = pg_bool(rows, 0, 3)};
    strbuf_appendf(sql, "GRANT CONNECT ON DATABASE %s TO %s;\n", pg_text(rows, 0, 1), name);
    strbuf_appendf(sql, "GRANT USAGE ON SCHEMA %sstocksync TO %s;\n",
                   (parts & INSTALL_ODOO) != 0 ? "public, " : "", name);
    for (size_t i = 0; i < RIGHT_COUNT; i++) {
        if (is_wanted(&rights[i], parts, forecast) && present[rights[i].presence]) {
            strbuf_appendf(sql, "GRANT %s ON %s.%s TO %s;\n", rights[i].privileges,
                           rights[i].schema, rights[i].table, name);
        }
    }
    if ((parts & INSTALL_ODOO) == 0) {
        return;
    }
    strbuf_appendf(sql, "GRANT EXECUTE ON FUNCTION stocksync.database_uuid() TO %s;\n", name);
    if (!pg_is_null(rows, 0, 4)) {
        strbuf_appendf(sql, "GRANT USAGE ON SEQUENCE %s TO %s;\n", pg_text(rows, 0, 4), name);
    }
    append_options(rows, sql);
}

enum status install_grants(struct pg_conn *conn,
                           unsigned parts,
                           bool forecast,
                           const char *role,
                           struct strbuf *sql,
                           struct err *err)
{
    struct pg_args args;
    struct pg_rows rows = {0};
    pg_args_init(&args, 4096);
    pg_args_text(&args, role);
    enum status rc = pg_query(conn, QUOTED, &args, "ttbbtt", &rows, err);
    if (rc == STATUS_OK) {
        append_grants(&rows, parts, forecast, sql);
        rc = strbuf_check(sql, "grants", err);
    }
    pg_rows_release(&rows);
    pg_args_release(&args);
    return rc;
}

/* Appends the privileges on tables that the current role lacks. */
static enum status check_tables(
    struct pg_conn *conn, unsigned parts, bool forecast, struct strbuf *missing, struct err *err)
{
    struct pg_args args;
    struct pg_rows rows = {0};
    pg_args_init(&args, 256);
    enum status rc = STATUS_OK;
    for (size_t i = 0; rc == STATUS_OK && i < RIGHT_COUNT; i++) {
        if (!is_wanted(&rights[i], parts, forecast)) {
            continue;
        }
        pg_args_reset(&args);
        pg_args_text(&args, rights[i].schema);
        pg_args_text(&args, rights[i].table);
        pg_args_text(&args, rights[i].privileges);
        rc = pg_query(conn, LACKS, &args, "t", &rows, err);
        if (rc == STATUS_OK && !pg_is_null(&rows, 0, 0)) {
            strbuf_appendf(missing, "%s on %s.%s\n", pg_text(&rows, 0, 0), rights[i].schema,
                           rights[i].table);
        }
    }
    pg_rows_release(&rows);
    pg_args_release(&args);
    return rc;
}

/* Appends the other privileges that the current role lacks. */
static enum status check_other(struct pg_conn *conn, struct strbuf *missing, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, LACKS_OTHER, NULL, "t", &rows, err);
    if (rc == STATUS_OK && !pg_is_null(&rows, 0, 0)) {
        strbuf_appendf(missing, "%s\n", pg_text(&rows, 0, 0));
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status
warn_too_much(struct pg_conn *conn, unsigned parts, struct strbuf *warnings, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, TOO_MUCH, NULL, "bt", &rows, err);
    if (rc != STATUS_OK || rows.count != 1) {
        goto out;
    }
    if (pg_bool(&rows, 0, 0)) {
        strbuf_append_text(warnings, "the role is a superuser: a dedicated role is safer\n");
    } else if ((parts & INSTALL_ODOO) != 0 && !pg_is_null(&rows, 0, 1)) {
        strbuf_appendf(warnings, "the role may write Odoo's %s\n", pg_text(&rows, 0, 1));
    }
out:
    pg_rows_release(&rows);
    return rc;
}

static enum status warn_cannot_clean(struct pg_conn *conn, struct strbuf *warnings, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, MAY_CLEAN, NULL, "bb", &rows, err);
    if (rc != STATUS_OK || rows.count != 1) {
        goto out;
    }
    if (!pg_bool(&rows, 0, 0)) {
        strbuf_append_text(warnings,
                           "the role does not own " ODOO_MARKS_TABLE " and " ODOO_QUANT_MARKS_TABLE
                           ": gc leaves their VACUUM to autovacuum\n");
    }
    if (!pg_bool(&rows, 0, 1)) {
        strbuf_append_text(warnings,
                           "the role lacks pg_read_all_stats: sessions that hold vacuum back "
                           "cannot be named\n");
    }
out:
    pg_rows_release(&rows);
    return rc;
}

enum status install_check_role(struct pg_conn *conn,
                               unsigned parts,
                               bool forecast,
                               struct strbuf *missing,
                               struct strbuf *warnings,
                               struct err *err)
{
    enum status rc = check_tables(conn, parts, forecast, missing, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = check_other(conn, missing, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = warn_too_much(conn, parts, warnings, err);
    if (rc != STATUS_OK || (parts & INSTALL_ODOO) == 0) {
        return rc;
    }
    return warn_cannot_clean(conn, warnings, err);
}

#include "producer/odoo/install.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/pg/pg_query.h"
#include "embedded/sql.h"
#include "producer/odoo/install_internal.h"

/* A plan is a few dozen statements and the embedded scripts. */
#define PLAN_MAX_BYTES 262144

#define KNOWN_ODOO_VERSION  1
#define KNOWN_STATE_VERSION 1

/* The same number in every install: two of them at once wait for each other. */
#define INSTALL_LOCK "SELECT pg_advisory_xact_lock(6004, 2)"

/* Which trigger belongs on which table. The name sorts behind Odoo's own, of which there are none.
 */
static const struct trigger {
    const char *table;
    const char *name;
    const char *events;
    const char *function;
    bool forecast; /* only when forecast quantities are wanted */
} triggers[] = {
    {"stock_quant", "stocksync_mark", "INSERT OR UPDATE OR DELETE", "mark_quant", false},
    {"product_product", "stocksync_mark", "INSERT OR UPDATE OR DELETE", "mark_product", false},
    {"product_template", "stocksync_mark", "UPDATE", "mark_template", false},
    {"uom_uom", "stocksync_mark", "UPDATE", "mark_uom", false},
    {"stock_location", "stocksync_mark", "UPDATE", "mark_location", false},
    {"stock_warehouse", "stocksync_mark", "INSERT OR UPDATE OR DELETE", "mark_warehouse", false},
    {"stock_move", "stocksync_mark_forecast", "INSERT OR UPDATE OR DELETE", "mark_move", true},
    {"stock_location", "stocksync_mark_forecast", "UPDATE", "mark_location_moves", true},
    {"stock_warehouse", "stocksync_mark_forecast", "INSERT OR UPDATE OR DELETE",
     "mark_warehouse_moves", true},
};

#define IN_SCHEMA "(SELECT oid FROM pg_namespace WHERE nspname = 'stocksync')"

static const char SCHEMA_STATE[] =
    "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'stocksync'),"
    " EXISTS (SELECT FROM pg_class WHERE relname = 'migration' AND relnamespace = " IN_SCHEMA ")";

static const char VERSIONS[] =
    "SELECT COALESCE(max(version) FILTER (WHERE part = 'odoo'), 0),"
    " COALESCE(max(version) FILTER (WHERE part = 'state'), 0) FROM stocksync.migration";

static const char TRIGGER_STATE[] =
    "SELECT EXISTS (SELECT FROM pg_proc WHERE proname = $3 AND pronamespace = " IN_SCHEMA "),"
    " t.oid IS NOT NULL, COALESCE(p.proname = $3 AND t.tgenabled <> 'D', false)"
    " FROM pg_class c"
    " LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = $2 AND NOT t.tgisinternal"
    " LEFT JOIN pg_proc p ON p.oid = t.tgfoid AND p.pronamespace = " IN_SCHEMA
    " WHERE c.relname = $1"
    " AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public')";

/* Tables of Odoo's and the marks table that the present role does not own. */
static const char NOT_OWNED[] =
    "SELECT string_agg(c.relname::text, ', '), string_agg(DISTINCT quote_ident(r.rolname), ', '),"
    " current_user::text"
    " FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
    " WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public')"
    " AND c.relkind = 'r' AND c.relname IN ('stock_quant', 'product_product', 'product_template',"
    " 'uom_uom', 'stock_location', 'stock_warehouse', 'stock_move', '" ODOO_MARKS_TABLE "')"
    " AND NOT pg_has_role(c.relowner, 'USAGE')";

static const char MAY_CREATE[] =
    "SELECT CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE')"
    " ELSE pg_has_role(n.nspowner, 'USAGE') END, current_user::text, current_database()::text"
    " FROM (SELECT) one LEFT JOIN pg_namespace n ON n.nspname = 'stocksync'";

static const char OUR_TRIGGERS[] =
    "SELECT quote_ident(t.tgname), c.oid::regclass::text FROM pg_trigger t"
    " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
    " WHERE p.pronamespace = " IN_SCHEMA " AND NOT t.tgisinternal ORDER BY 2, 1";

static const char OUR_FUNCTIONS[] = "SELECT p.oid::regprocedure::text FROM pg_proc p"
                                    " WHERE p.pronamespace = " IN_SCHEMA " ORDER BY 1";

static const char OUR_TABLES[] = "SELECT c.oid::regclass::text FROM pg_class c"
                                 " WHERE c.relnamespace = " IN_SCHEMA
                                 " AND c.relkind = 'r' AND c.relname <> 'migration' ORDER BY 1";

static const char OUR_FLAG[] =
    "SELECT COALESCE(col_description(a.attrelid, a.attnum) LIKE 'stocksync%', false)"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
    " WHERE c.relname = 'product_product' AND a.attname = '" ODOO_FLAG_COLUMN "'"
    " AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public')"
    " AND NOT a.attisdropped";

void install_plan_init(struct install_plan *plan)
{
    strbuf_init(&plan->sql, PLAN_MAX_BYTES);
    strbuf_init(&plan->notes, PLAN_MAX_BYTES);
    plan->required = false;
}

void install_plan_release(struct install_plan *plan)
{
    strbuf_release(&plan->sql);
    strbuf_release(&plan->notes);
}

bool install_plan_is_empty(const struct install_plan *plan)
{
    return plan->sql.len == 0;
}

PRINTF_LIKE(2, 0)
static void append_format(struct strbuf *sb, const char *fmt, va_list list)
{
    char text[2048];
    int length = vsnprintf(text, sizeof text, fmt, list);
    INVARIANT(length >= 0 && (size_t)length < sizeof text, "statement longer than %zu",
              sizeof text);
    strbuf_append(sb, text, (size_t)length);
}

void plan_add(struct install_plan *plan, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    append_format(&plan->sql, fmt, list);
    va_end(list);
    strbuf_append_text(&plan->sql, ";\n");
}

void plan_script(struct install_plan *plan, const char *sql)
{
    strbuf_append_text(&plan->sql, sql);
}

void plan_note(struct install_plan *plan, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    append_format(&plan->notes, fmt, list);
    va_end(list);
    strbuf_append_char(&plan->notes, '\n');
    plan->required = true;
}

void plan_remark(struct install_plan *plan, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    append_format(&plan->notes, fmt, list);
    va_end(list);
    strbuf_append_char(&plan->notes, '\n');
}

static void plan_reset(struct install_plan *plan)
{
    strbuf_reset(&plan->sql);
    strbuf_reset(&plan->notes);
    plan->required = false;
}

/* What is written down in stocksync.migration. */
struct installed {
    bool schema;
    bool migration;
    int odoo; /* version, 0: not installed */
    int state;
};

static enum status read_installed(struct pg_conn *conn, struct installed *have, struct err *err)
{
    struct pg_rows rows = {0};
    *have = (struct installed){0};
    enum status status = pg_query(conn, SCHEMA_STATE, NULL, "bb", &rows, err);
    if (status == STATUS_OK) {
        have->schema = pg_bool(&rows, 0, 0);
        have->migration = pg_bool(&rows, 0, 1);
    }
    if (status == STATUS_OK && have->migration) {
        status = pg_query(conn, VERSIONS, NULL, "ii", &rows, err);
        if (status == STATUS_OK) {
            have->odoo = pg_i32(&rows, 0, 0);
            have->state = pg_i32(&rows, 0, 1);
        }
    }
    pg_rows_release(&rows);
    if (status == STATUS_OK &&
        (have->odoo > KNOWN_ODOO_VERSION || have->state > KNOWN_STATE_VERSION)) {
        status = err_set(err, STATUS_DATABASE_UNFIT,
                         "schema stocksync has version odoo %d, state %d; this program knows odoo "
                         "%d, state %d: use the newer program",
                         have->odoo, have->state, KNOWN_ODOO_VERSION, KNOWN_STATE_VERSION);
    }
    return status;
}

static void plan_migration(struct install_plan *plan, const char *part, int version)
{
    plan_add(plan,
             "INSERT INTO stocksync.migration (part, version) VALUES ('%s', %d)"
             " ON CONFLICT DO NOTHING",
             part, version);
}

static void plan_schema(const struct installed *have, struct install_plan *plan)
{
    if (!have->schema) {
        plan_add(plan, "CREATE SCHEMA stocksync");
        plan_note(plan, "creates the schema stocksync");
    }
    if (!have->migration) {
        plan_add(plan, "CREATE TABLE stocksync.migration (\n"
                       "    part text NOT NULL,\n"
                       "    version integer NOT NULL,\n"
                       "    applied_at timestamptz NOT NULL DEFAULT now(),\n"
                       "    PRIMARY KEY (part, version)\n)");
    }
}

/* What the catalogue says about one trigger. */
struct trigger_state {
    bool has_function;
    bool exists;
    bool right; /* calls our function and is enabled */
};

static enum status read_trigger(struct pg_conn *conn,
                                const struct trigger *trigger,
                                struct trigger_state *have,
                                struct err *err)
{
    struct pg_args args;
    struct pg_rows rows = {0};
    *have = (struct trigger_state){0};
    pg_args_init(&args, 256);
    pg_args_text(&args, trigger->table);
    pg_args_text(&args, trigger->name);
    pg_args_text(&args, trigger->function);
    enum status status = pg_query(conn, TRIGGER_STATE, &args, "bbb", &rows, err);
    if (status == STATUS_OK && rows.count > 0) {
        have->has_function = pg_bool(&rows, 0, 0);
        have->exists = pg_bool(&rows, 0, 1);
        have->right = pg_bool(&rows, 0, 2);
    }
    pg_rows_release(&rows);
    pg_args_release(&args);
    return status;
}

static void plan_trigger(const struct trigger *wanted,
                         const struct trigger_state *have,
                         bool keep,
                         struct install_plan *plan)
{
    if (have->exists && !(keep && have->right)) {
        plan_add(plan, "DROP TRIGGER %s ON public.%s", wanted->name, wanted->table);
    }
    if (keep && !have->right) {
        plan_add(plan,
                 "CREATE TRIGGER %s AFTER %s ON public.%s\n"
                 "    FOR EACH ROW EXECUTE PROCEDURE stocksync.%s()",
                 wanted->name, wanted->events, wanted->table, wanted->function);
        plan_note(plan, "puts trigger %s on %s", wanted->name, wanted->table);
    } else if (!keep && have->exists) {
        plan_remark(plan, "drops trigger %s on %s", wanted->name, wanted->table);
    }
}

static enum status plan_triggers(
    struct pg_conn *conn, bool forecast, int version, struct install_plan *plan, struct err *err)
{
    struct trigger_state have[sizeof triggers / sizeof triggers[0]];
    size_t count = sizeof triggers / sizeof triggers[0];
    bool complete = version == KNOWN_ODOO_VERSION;
    for (size_t i = 0; i < count; i++) {
        enum status status = read_trigger(conn, &triggers[i], &have[i], err);
        if (status != STATUS_OK) {
            return status;
        }
        complete = complete && have[i].has_function;
    }
    if (!complete) {
        plan_script(plan, sql_odoo_001);
        plan_migration(plan, "odoo", KNOWN_ODOO_VERSION);
        plan_note(plan, "creates the trigger functions");
    }
    for (size_t i = 0; i < count; i++) {
        plan_trigger(&triggers[i], &have[i], forecast || !triggers[i].forecast, plan);
    }
    return STATUS_OK;
}

static enum status plan_odoo(struct pg_conn *conn,
                             bool forecast,
                             const struct installed *have,
                             struct install_plan *plan,
                             struct err *err)
{
    struct odoo_shape shape;
    enum status status = odoo_version_read(conn, forecast, &shape, err);
    if (status == STATUS_OK) {
        status = install_plan_marks(conn, plan, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (shape.flag == ODOO_FLAG_NONE) {
        plan_add(plan,
                 "ALTER TABLE public.product_product ADD COLUMN " ODOO_FLAG_COLUMN " boolean");
        plan_add(plan, "COMMENT ON COLUMN public.product_product." ODOO_FLAG_COLUMN
                       " IS 'stocksync: sold in Shopify'");
        plan_note(plan, "adds the column product_product." ODOO_FLAG_COLUMN);
    }
    status = plan_triggers(conn, forecast, have->odoo, plan, err);
    if (status == STATUS_OK) {
        status = install_plan_keep(conn, plan, err);
    }
    return status;
}

static enum status build_install(
    struct pg_conn *conn, unsigned parts, bool forecast, struct install_plan *plan, struct err *err)
{
    struct installed have;
    plan_reset(plan);
    enum status status = read_installed(conn, &have, err);
    if (status != STATUS_OK) {
        return status;
    }
    plan_schema(&have, plan);
    if ((parts & INSTALL_ODOO) != 0) {
        status = plan_odoo(conn, forecast, &have, plan, err);
    }
    if (status == STATUS_OK && (parts & INSTALL_STATE) != 0 && have.state < KNOWN_STATE_VERSION) {
        plan_script(plan, sql_state_001);
        plan_migration(plan, "state", KNOWN_STATE_VERSION);
        plan_note(plan, "creates the tables of the state");
    }
    if (status == STATUS_OK) {
        status = strbuf_check(&plan->sql, "plan", err);
    }
    return status;
}

static enum status check_rights(struct pg_conn *conn, unsigned parts, struct err *err)
{
    struct pg_rows rows = {0};
    enum status status = STATUS_OK;
    if ((parts & INSTALL_ODOO) != 0) {
        status = pg_query(conn, NOT_OWNED, NULL, "ttt", &rows, err);
        if (status == STATUS_OK && !pg_is_null(&rows, 0, 0)) {
            status = err_set(err, STATUS_PERMISSION,
                             "role '%s' does not own %s: run this command as %s or as a superuser",
                             pg_text(&rows, 0, 2), pg_text(&rows, 0, 0), pg_text(&rows, 0, 1));
        }
    }
    if (status == STATUS_OK) {
        status = pg_query(conn, MAY_CREATE, NULL, "btt", &rows, err);
        if (status == STATUS_OK && !pg_bool(&rows, 0, 0)) {
            status = err_set(err, STATUS_PERMISSION,
                             "role '%s' may not create or change the schema stocksync in database "
                             "'%s': run this command as the database's owner or as a superuser",
                             pg_text(&rows, 0, 1), pg_text(&rows, 0, 2));
        }
    }
    pg_rows_release(&rows);
    return status;
}

enum status install_plan(
    struct pg_conn *conn, unsigned parts, bool forecast, struct install_plan *plan, struct err *err)
{
    enum status status = build_install(conn, parts, forecast, plan, err);
    if (status == STATUS_OK && !install_plan_is_empty(plan)) {
        status = check_rights(conn, parts, err);
    }
    return status;
}

static enum status begin(struct pg_conn *conn, struct err *err)
{
    return pg_exec(conn, "BEGIN; SET LOCAL lock_timeout = '5s'; " INSTALL_LOCK, err);
}

/* Executes what was planned in the open transaction. */
static enum status execute(struct pg_conn *conn, const struct install_plan *plan, struct err *err)
{
    if (install_plan_is_empty(plan)) {
        return pg_exec(conn, "COMMIT", err);
    }
    enum status status = pg_exec(conn, plan->sql.ptr, err);
    if (status == STATUS_SOURCE_BUSY) {
        return err_prefix(err, "nothing was changed, try again at a quieter moment");
    }
    return status == STATUS_OK ? pg_exec(conn, "COMMIT", err) : status;
}

enum status install_run(
    struct pg_conn *conn, unsigned parts, bool forecast, struct install_plan *plan, struct err *err)
{
    enum status status = begin(conn, err);
    if (status == STATUS_OK) {
        status = install_plan(conn, parts, forecast, plan, err);
    }
    if (status == STATUS_OK) {
        status = execute(conn, plan, err);
    }
    if (status != STATUS_OK) {
        pg_rollback(conn);
    }
    return status;
}

enum status install_verify(struct pg_conn *conn, unsigned parts, bool forecast, struct err *err)
{
    struct install_plan plan;
    install_plan_init(&plan);
    enum status status = build_install(conn, parts, forecast, &plan, err);
    if (status == STATUS_OK && plan.required) {
        size_t length = plan.notes.len;
        for (size_t i = 0; i < length; i++) {
            if (plan.notes.ptr[i] == '\n') {
                plan.notes.ptr[i] = i + 1 < length ? ';' : '\0';
            }
        }
        status = err_set(err, STATUS_DATABASE_UNFIT,
                         "not completely installed, run 'stocksync-producer install' (it %s)",
                         plan.notes.ptr);
    }
    install_plan_release(&plan);
    return status;
}

/* One statement per row: fmt has as many %s as the shape has columns, one or two. */
static enum status plan_each(struct pg_conn *conn,
                             const char *sql,
                             const char *shape,
                             const char *verb,
                             struct install_plan *plan,
                             struct err *err)
{
    struct pg_rows rows = {0};
    enum status status = pg_query(conn, sql, NULL, shape, &rows, err);
    for (int i = 0; status == STATUS_OK && i < rows.count; i++) {
        if (shape[1] != '\0') {
            plan_add(plan, "%s %s ON %s", verb, pg_text(&rows, i, 0), pg_text(&rows, i, 1));
        } else {
            plan_add(plan, "%s %s", verb, pg_text(&rows, i, 0));
        }
    }
    pg_rows_release(&rows);
    return status;
}

static enum status plan_purge_flag(struct pg_conn *conn, struct install_plan *plan, struct err *err)
{
    struct pg_rows rows = {0};
    enum status status = pg_query(conn, OUR_FLAG, NULL, "b", &rows, err);
    if (status == STATUS_OK && rows.count == 1) {
        if (pg_bool(&rows, 0, 0)) {
            plan_add(plan, "ALTER TABLE public.product_product DROP COLUMN " ODOO_FLAG_COLUMN);
            plan_note(plan, "drops the column product_product." ODOO_FLAG_COLUMN);
        } else {
            plan_note(plan, "keeps the column product_product." ODOO_FLAG_COLUMN
                            ": it belongs to an Odoo module");
        }
    }
    pg_rows_release(&rows);
    return status;
}

static enum status
unplan_odoo(struct pg_conn *conn, bool purge, struct install_plan *plan, struct err *err)
{
    enum status status = plan_each(conn, OUR_TRIGGERS, "tt", "DROP TRIGGER", plan, err);
    if (status == STATUS_OK) {
        status = plan_each(conn, OUR_FUNCTIONS, "t", "DROP FUNCTION", plan, err);
    }
    if (status == STATUS_OK && plan->sql.len > 0) {
        plan_note(plan, "drops the triggers and their functions");
    }
    if (status == STATUS_OK && purge) {
        status = uninstall_plan_marks(conn, plan, err);
    }
    if (status == STATUS_OK && purge) {
        status = plan_purge_flag(conn, plan, err);
    }
    return status;
}

static enum status build_uninstall(
    struct pg_conn *conn, unsigned parts, bool purge, struct install_plan *plan, struct err *err)
{
    struct installed have;
    plan_reset(plan);
    enum status status = read_installed(conn, &have, err);
    if (status == STATUS_OK && (parts & INSTALL_ODOO) != 0) {
        status = unplan_odoo(conn, purge, plan, err);
    }
    if (status == STATUS_OK && (parts & INSTALL_STATE) != 0 && have.state > 0) {
        status = plan_each(conn, OUR_TABLES, "t", "DROP TABLE", plan, err);
        plan_note(plan, "drops the tables of the state: what was written to which store");
    }
    if (status != STATUS_OK || !have.schema) {
        return status;
    }
    bool odoo_stays = have.odoo > 0 && (parts & INSTALL_ODOO) == 0;
    bool state_stays = have.state > 0 && (parts & INSTALL_STATE) == 0;
    if (odoo_stays || state_stays) {
        plan_add(plan, "DELETE FROM stocksync.migration WHERE part = '%s'",
                 odoo_stays ? "state" : "odoo");
    } else {
        if (have.migration) {
            plan_add(plan, "DROP TABLE stocksync.migration");
        }
        plan_add(plan, "DROP SCHEMA stocksync");
        plan_note(plan, "drops the schema stocksync");
    }
    return strbuf_check(&plan->sql, "plan", err);
}

enum status uninstall_plan(
    struct pg_conn *conn, unsigned parts, bool purge, struct install_plan *plan, struct err *err)
{
    enum status status = build_uninstall(conn, parts, purge, plan, err);
    if (status == STATUS_OK && !install_plan_is_empty(plan)) {
        status = check_rights(conn, parts, err);
    }
    return status;
}

enum status uninstall_run(
    struct pg_conn *conn, unsigned parts, bool purge, struct install_plan *plan, struct err *err)
{
    enum status status = begin(conn, err);
    if (status == STATUS_OK) {
        status = uninstall_plan(conn, parts, purge, plan, err);
    }
    if (status == STATUS_OK) {
        status = execute(conn, plan, err);
    }
    if (status != STATUS_OK) {
        pg_rollback(conn);
    }
    return status;
}

enum status install_accept_new_database(struct pg_conn *state, struct err *err)
{
    return pg_exec(state, "UPDATE stocksync.owner SET system_identifier = NULL, timeline = NULL",
                   err);
}

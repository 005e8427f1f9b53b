#include "producer/odoo/install.h"

#include <string.h>

#include "common/pg/pg_query.h"
#include "embedded/sql.h"
#include "producer/odoo/install_copy.h"
#include "producer/odoo/install_marks.h"
#include "producer/odoo/install_steps.h"
#include "producer/odoo/odoo_version.h"
#include "producer/odoo/trigger_check.h"

#define KNOWN_ODOO_VERSION  4
#define KNOWN_STATE_VERSION 4
/* Names of all functions. */
#define FUNCTIONS_MAX_BYTES 4096

#define IN_SCHEMA "(SELECT oid FROM pg_namespace WHERE nspname = 'stocksync')"

static const char SCHEMA_STATE[] =
    "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'stocksync'),"
    " EXISTS (SELECT FROM pg_class WHERE relname = 'migration' AND relnamespace = " IN_SCHEMA ")";

static const char VERSIONS[] =
    "SELECT COALESCE(max(version) FILTER (WHERE part = 'odoo'), 0),"
    " COALESCE(max(version) FILTER (WHERE part = 'state'), 0) FROM stocksync.migration";

/* Odoo's tables and the marks tables that the current role does not own. */
static const char NOT_OWNED[] =
    "SELECT string_agg(c.relname::text, ', '), string_agg(DISTINCT quote_ident(r.rolname), ', '),"
    " current_user::text"
    " FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
    " WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public')"
    " AND c.relkind = 'r' AND c.relname IN ('stock_quant', 'product_product', 'product_template',"
    " 'uom_uom', 'stock_location', 'stock_warehouse', 'stock_move', 'mrp_bom', 'mrp_bom_line',"
    " 'mrp_bom_line_product_template_attribute_value_rel', 'product_commingled',"
    " 'product_template_attribute_line', 'ir_config_parameter',"
    " '" ODOO_MARKS_TABLE "', '" ODOO_QUANT_MARKS_TABLE "')"
    " AND NOT pg_has_role(c.relowner, 'USAGE')";

static const char MAY_CREATE[] =
    "SELECT CASE WHEN n.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE')"
    " ELSE pg_has_role(n.nspowner, 'USAGE') END, current_user::text, current_database()::text"
    " FROM (SELECT) one LEFT JOIN pg_namespace n ON n.nspname = 'stocksync'";

/* All except those of odoo_002.sql, which odoo_drop.sql drops. */
static const char TABLES_OF_STATE[] =
    "SELECT 'DROP TABLE ' || c.oid::regclass, NULL::text, false, NULL::text, NULL::text FROM "
    "pg_class c WHERE c.relnamespace = " IN_SCHEMA
    " AND c.relkind = 'r' AND c.relname NOT IN ('migration', 'kit', 'kit_component', 'kit_table',"
    " 'published', 'full_pass', 'settled') ORDER BY 1";

/* The next leader begins a new stream. */
static const char ACCEPT_DATABASE[] = "UPDATE stocksync.owner SET database = $1";

static const char OUR_FLAG[] =
    "SELECT COALESCE(col_description(a.attrelid, a.attnum) LIKE 'stocksync%', false)"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
    " WHERE c.relname = 'product_product' AND a.attname = '" ODOO_FLAG_COLUMN "'"
    " AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public')"
    " AND NOT a.attisdropped";

/* What the database has, and what stocksync.migration records. */
struct installed {
    bool schema;
    bool migration;
    int odoo; /* version, 0: not installed */
    int state;
};

static enum status read_versions(struct pg_conn *conn, struct installed *have, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, VERSIONS, NULL, "ii", &rows, err);
    if (rc == STATUS_OK) {
        have->odoo = pg_i32(&rows, 0, 0);
        have->state = pg_i32(&rows, 0, 1);
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status read_installed(struct pg_conn *conn, struct installed *have, struct err *err)
{
    struct pg_rows rows = {0};
    *have = (struct installed){0};
    enum status rc = pg_query(conn, SCHEMA_STATE, NULL, "bb", &rows, err);
    if (rc == STATUS_OK) {
        have->schema = pg_bool(&rows, 0, 0);
        have->migration = pg_bool(&rows, 0, 1);
    }
    pg_rows_release(&rows);
    if (rc != STATUS_OK || !have->migration) {
        return rc;
    }
    rc = read_versions(conn, have, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (have->odoo > KNOWN_ODOO_VERSION || have->state > KNOWN_STATE_VERSION) {
        return err_set(err, STATUS_DATABASE_UNFIT,
                       "schema stocksync has version odoo %d, state %d; this program knows odoo "
                       "%d, state %d: use the newer program",
                       have->odoo, have->state, KNOWN_ODOO_VERSION, KNOWN_STATE_VERSION);
    }
    return STATUS_OK;
}

static void plan_migration(struct install_plan *plan, const char *part, int version)
{
    install_plan_add(plan,
                     "INSERT INTO stocksync.migration (part, version) VALUES ('%s', %d)"
                     " ON CONFLICT DO NOTHING",
                     part, version);
}

static void plan_schema(const struct installed *have, struct install_plan *plan)
{
    install_plan_step(plan, "schema stocksync", NULL, NULL);
    if (!have->schema) {
        install_plan_add(plan, "CREATE SCHEMA stocksync");
        install_plan_note(plan, "creates the schema stocksync");
    }
    if (!have->migration) {
        install_plan_script(plan, sql_migration);
    }
}

/* Tables and functions in the version that this program knows. */
static enum status
plan_objects(struct pg_conn *conn, int version, struct install_plan *plan, struct err *err)
{
    struct strbuf other;
    strbuf_init(&other, FUNCTIONS_MAX_BYTES);
    enum status rc = trigger_check_functions(conn, &other, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    install_plan_step(plan, "tables of kits and trigger functions", NULL, NULL);
    if (version < 2) {
        install_plan_script(plan, sql_odoo_002);
        install_plan_note(plan, "creates the tables of kits and of the full pass");
    }
    if (version < 4) {
        install_plan_script(plan, sql_odoo_004);
    }
    if (version < KNOWN_ODOO_VERSION || other.len > 0) {
        install_plan_script(plan, sql_odoo_functions);
        install_plan_script(plan, sql_odoo_keep_mark);
        plan_migration(plan, "odoo", KNOWN_ODOO_VERSION);
        install_plan_note(plan, "creates trigger functions%s%s", other.len > 0 ? ": " : "",
                          other.len > 0 ? other.ptr : "");
    }
out:
    strbuf_release(&other);
    return rc;
}

static enum status
plan_triggers(struct pg_conn *conn, bool forecast, struct install_plan *plan, struct err *err)
{
    struct pg_args args;
    pg_args_init(&args, 16);
    pg_args_bool(&args, forecast);
    enum status rc = install_plan_query(conn, sql_odoo_triggers, &args, "triggers on ", plan, err);
    pg_args_release(&args);
    return rc;
}

static void plan_flag(struct install_plan *plan)
{
    install_plan_step(plan, "column " ODOO_FLAG_COLUMN, "product_product", "ACCESS EXCLUSIVE");
    install_plan_add(plan,
                     "ALTER TABLE public.product_product ADD COLUMN " ODOO_FLAG_COLUMN " boolean");
    install_plan_add(plan, "COMMENT ON COLUMN public.product_product." ODOO_FLAG_COLUMN
                           " IS 'stocksync: sold in Shopify'");
    install_plan_note(plan, "adds the column product_product." ODOO_FLAG_COLUMN);
}

static enum status plan_writers(struct pg_conn *conn, struct install_plan *plan, struct err *err)
{
    struct pg_args args;
    pg_args_init(&args, 16);
    pg_args_bool(&args, !install_plan_is_empty(plan));
    install_plan_step(plan, "rights of Odoo's roles", NULL, NULL);
    enum status rc = install_plan_query(conn, sql_odoo_writers, &args, "", plan, err);
    pg_args_release(&args);
    return rc;
}

/* What triggers write, before the functions that write it. */
static enum status plan_tables(struct pg_conn *conn,
                               bool forecast,
                               const struct installed *have,
                               struct install_plan *plan,
                               struct err *err)
{
    struct odoo_shape shape;
    enum status rc = odoo_version_read(conn, forecast, &shape, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = install_marks_plan(conn, plan, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = plan_objects(conn, have->odoo, plan, err);
    if (rc == STATUS_OK && shape.flag == ODOO_FLAG_NONE) {
        plan_flag(plan);
    }
    return rc;
}

static void plan_state(int version, struct install_plan *plan)
{
    install_plan_step(plan, "tables of the state", NULL, NULL);
    if (version < 1) {
        install_plan_script(plan, sql_state_001);
        install_plan_note(plan, "creates the tables of the state");
    }
    if (version < 2) {
        install_plan_script(plan, sql_state_002);
    }
    if (version < 3) {
        install_plan_script(plan, sql_state_003);
    }
    install_plan_script(plan, sql_state_004);
    plan_migration(plan, "state", KNOWN_STATE_VERSION);
    if (version > 0) {
        install_plan_note(plan, "brings the tables of the state to this version");
    }
}

static enum status
plan_odoo(struct pg_conn *conn, bool forecast, struct install_plan *plan, struct err *err)
{
    enum status rc = plan_writers(conn, plan, err);
    if (rc == STATUS_OK) {
        rc = plan_triggers(conn, forecast, plan, err);
    }
    return rc == STATUS_OK ? install_copy_plan(conn, plan, err) : rc;
}

/* Triggers come last: nothing that they need may be missing when they fire. */
static enum status build_install(
    struct pg_conn *conn, unsigned parts, bool forecast, struct install_plan *plan, struct err *err)
{
    struct installed have;
    install_plan_reset(plan);
    enum status rc = read_installed(conn, &have, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    plan_schema(&have, plan);
    if ((parts & INSTALL_ODOO) != 0) {
        rc = plan_tables(conn, forecast, &have, plan, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    if ((parts & INSTALL_STATE) != 0 && have.state < KNOWN_STATE_VERSION) {
        plan_state(have.state, plan);
    }
    if ((parts & INSTALL_ODOO) != 0) {
        rc = plan_odoo(conn, forecast, plan, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return strbuf_check(&plan->sql, "plan", err);
}

static enum status check_owner(struct pg_conn *conn, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, NOT_OWNED, NULL, "ttt", &rows, err);
    if (rc == STATUS_OK && !pg_is_null(&rows, 0, 0)) {
        rc = err_set(err, STATUS_PERMISSION,
                     "role '%s' does not own %s: run this command as %s or as a superuser",
                     pg_text(&rows, 0, 2), pg_text(&rows, 0, 0), pg_text(&rows, 0, 1));
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status check_schema_right(struct pg_conn *conn, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, MAY_CREATE, NULL, "btt", &rows, err);
    if (rc == STATUS_OK && !pg_bool(&rows, 0, 0)) {
        rc = err_set(err, STATUS_PERMISSION,
                     "role '%s' may not create or change the schema stocksync in database "
                     "'%s': run this command as the database's owner or as a superuser",
                     pg_text(&rows, 0, 1), pg_text(&rows, 0, 2));
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status check_rights(struct pg_conn *conn, unsigned parts, struct err *err)
{
    enum status rc = (parts & INSTALL_ODOO) != 0 ? check_owner(conn, err) : STATUS_OK;
    return rc == STATUS_OK ? check_schema_right(conn, err) : rc;
}

enum status install_plan(
    struct pg_conn *conn, unsigned parts, bool forecast, struct install_plan *plan, struct err *err)
{
    enum status rc = build_install(conn, parts, forecast, plan, err);
    if (rc != STATUS_OK || install_plan_is_empty(plan)) {
        return rc;
    }
    return check_rights(conn, parts, err);
}

enum status install_run(struct pg_conn *conn,
                        unsigned parts,
                        bool forecast,
                        const struct install_pace *pace,
                        struct install_plan *plan,
                        struct err *err)
{
    enum status rc = install_steps_lock(conn, pace, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = install_plan(conn, parts, forecast, plan, err);
    if (rc == STATUS_OK) {
        rc = install_steps_run(conn, plan, pace, err);
    }
    install_steps_unlock(conn);
    return rc;
}

/* Puts the notes into one line, separated by ";". */
static void join_notes(struct strbuf *notes)
{
    for (size_t i = 0; i < notes->len; i++) {
        if (notes->ptr[i] == '\n') {
            notes->ptr[i] = i + 1 < notes->len ? ';' : '\0';
        }
    }
}

static enum status
verify(struct pg_conn *conn, unsigned parts, bool forecast, bool advised, struct err *err)
{
    struct install_plan plan;
    install_plan_init(&plan);
    char since[INSTALL_COPY_TEXT] = "";
    enum status rc = (parts & INSTALL_ODOO) != 0 ? install_copy_read(conn, since, err) : STATUS_OK;
    if (rc == STATUS_OK && since[0] != '\0') {
        rc = err_set(err, STATUS_DATABASE_UNFIT,
                     "this is a copy of a database, and its marks are off since %s: "
                     "'stocksync-producer install' switches them on and marks every product",
                     since);
    }
    if (rc == STATUS_OK) {
        rc = build_install(conn, parts, forecast, &plan, err);
    }
    if (rc == STATUS_OK && (plan.required || (advised && plan.advised))) {
        join_notes(&plan.notes);
        rc = err_set(err, STATUS_DATABASE_UNFIT,
                     "not completely installed, run 'stocksync-producer install' (it %s)",
                     plan.notes.ptr);
    }
    install_plan_release(&plan);
    return rc;
}

enum status install_verify(struct pg_conn *conn, unsigned parts, bool forecast, struct err *err)
{
    return verify(conn, parts, forecast, false, err);
}

enum status install_check(struct pg_conn *conn, unsigned parts, bool forecast, struct err *err)
{
    return verify(conn, parts, forecast, true, err);
}

/* The record of a part goes in the transaction that drops its tables: no version without tables. */
static void unplan_migration(const char *part, struct install_plan *plan)
{
    install_plan_add(plan, "DELETE FROM stocksync.migration WHERE part = '%s'", part);
}

static enum status plan_purge_flag(struct pg_conn *conn, struct install_plan *plan, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, OUR_FLAG, NULL, "b", &rows, err);
    if (rc != STATUS_OK || rows.count != 1) {
        goto out;
    }
    if (pg_bool(&rows, 0, 0)) {
        install_plan_step(plan, "column " ODOO_FLAG_COLUMN, "product_product", "ACCESS EXCLUSIVE");
        install_plan_add(plan, "ALTER TABLE public.product_product DROP COLUMN " ODOO_FLAG_COLUMN);
        install_plan_note(plan, "drops the column product_product." ODOO_FLAG_COLUMN);
    } else {
        install_plan_note(plan, "keeps the column product_product." ODOO_FLAG_COLUMN
                                ": it belongs to an Odoo module");
    }
out:
    pg_rows_release(&rows);
    return rc;
}

/* Triggers first: then nothing calls the functions, and nothing writes the tables. */
static enum status unplan_odoo(struct pg_conn *conn,
                               bool purge,
                               const struct installed *have,
                               struct install_plan *plan,
                               struct err *err)
{
    enum status rc =
        install_plan_query(conn, sql_odoo_drop_triggers, NULL, "triggers on ", plan, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    install_plan_step(plan, "trigger functions and tables of kits", NULL, NULL);
    if (have->odoo > 0) {
        unplan_migration("odoo", plan);
    }
    rc = install_plan_query(conn, sql_odoo_drop, NULL, "table ", plan, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (plan->sql.len > 0) {
        install_plan_note(plan, "drops the triggers, their functions and the tables of kits");
    }
    if (!purge) {
        return STATUS_OK;
    }
    rc = install_marks_remove(conn, plan, err);
    return rc == STATUS_OK ? plan_purge_flag(conn, plan, err) : rc;
}

static enum status unplan_state(struct pg_conn *conn, struct install_plan *plan, struct err *err)
{
    install_plan_step(plan, "tables of the state", NULL, NULL);
    enum status rc = install_plan_query(conn, TABLES_OF_STATE, NULL, "", plan, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    unplan_migration("state", plan);
    install_plan_note(plan, "drops the tables of the state: what was written to which store");
    return STATUS_OK;
}

/* Unless the other part stays. */
static void
plan_schema_drop(const struct installed *have, unsigned parts, struct install_plan *plan)
{
    bool odoo_stays = have->odoo > 0 && (parts & INSTALL_ODOO) == 0;
    bool state_stays = have->state > 0 && (parts & INSTALL_STATE) == 0;
    if (odoo_stays || state_stays) {
        return;
    }
    install_plan_step(plan, "schema stocksync", NULL, NULL);
    if (have->migration) {
        install_plan_add(plan, "DROP TABLE stocksync.migration");
    }
    install_plan_add(plan, "DROP SCHEMA stocksync");
    install_plan_note(plan, "drops the schema stocksync");
}

static enum status build_uninstall(
    struct pg_conn *conn, unsigned parts, bool purge, struct install_plan *plan, struct err *err)
{
    struct installed have;
    install_plan_reset(plan);
    enum status rc = read_installed(conn, &have, err);
    if (rc == STATUS_OK && (parts & INSTALL_ODOO) != 0) {
        rc = unplan_odoo(conn, purge, &have, plan, err);
    }
    if (rc == STATUS_OK && (parts & INSTALL_STATE) != 0 && have.state > 0) {
        rc = unplan_state(conn, plan, err);
    }
    if (rc != STATUS_OK || !have.schema) {
        return rc;
    }
    plan_schema_drop(&have, parts, plan);
    return strbuf_check(&plan->sql, "plan", err);
}

enum status uninstall_plan(
    struct pg_conn *conn, unsigned parts, bool purge, struct install_plan *plan, struct err *err)
{
    enum status rc = build_uninstall(conn, parts, purge, plan, err);
    if (rc != STATUS_OK || install_plan_is_empty(plan)) {
        return rc;
    }
    return check_rights(conn, parts, err);
}

enum status uninstall_run(struct pg_conn *conn,
                          unsigned parts,
                          bool purge,
                          const struct install_pace *pace,
                          struct install_plan *plan,
                          struct err *err)
{
    enum status rc = install_steps_lock(conn, pace, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = uninstall_plan(conn, parts, purge, plan, err);
    if (rc == STATUS_OK) {
        rc = install_steps_run(conn, plan, pace, err);
    }
    install_steps_unlock(conn);
    return rc;
}

enum status install_accept_database(struct pg_conn *odoo,
                                    struct pg_conn *state,
                                    const char *uuid,
                                    struct err *err)
{
    char present[ODOO_UUID_SIZE];
    struct pg_args args;
    enum status rc = odoo_version_uuid(odoo, present, err);
    if (rc == STATUS_OK && strcmp(present, uuid) != 0) {
        rc = err_set(err, STATUS_CONFIG, "--database %s: the database behind [odoo] dsn is %s",
                     uuid, present[0] != '\0' ? present : "without database.uuid");
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_init(&args, ODOO_UUID_SIZE + 16);
    pg_args_text(&args, uuid);
    rc = pg_query(state, ACCEPT_DATABASE, &args, "", NULL, err);
    pg_args_release(&args);
    return rc;
}

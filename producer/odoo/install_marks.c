#include "producer/odoo/install_marks.h"

#include <stdio.h>
#include <string.h>

#include "common/pg/pg_query.h"
#include "embedded/sql.h"
#include "producer/odoo/odoo_version.h"

#define MARKS_QUALIFIED "public." ODOO_MARKS_TABLE

#define IN_PUBLIC "(SELECT oid FROM pg_namespace WHERE nspname = 'public')"
#define OF_MARKS  "c.relname = '" ODOO_MARKS_TABLE "' AND c.relnamespace = " IN_PUBLIC

static const char MARKS_TABLE[] =
    "SELECT c.relkind::text, COALESCE(obj_description(c.oid, 'pg_class') LIKE 'stocksync%', false)"
    " FROM pg_class c WHERE " OF_MARKS;

static const char MARKS_COLUMNS[] =
    "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
    " a.atthasdef OR a.attidentity <> '',"
    " COALESCE(col_description(a.attrelid, a.attnum) LIKE 'stocksync%', false)"
    " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT "
    "a.attisdropped"
    " WHERE " OF_MARKS " ORDER BY a.attnum";

/* Unique indexes with their columns, then the constraints of other kinds. A unique index for which
 * NULLs are equal (PostgreSQL 15 and later) is of the kind nulls. */
static const char MARKS_KEYS[] =
    "SELECT i.indexrelid::regclass::text, CASE WHEN i.indisprimary THEN 'primary'"
    " WHEN to_jsonb(i) ->> 'indnullsnotdistinct' = 'true' THEN 'nulls'"
    " WHEN i.indpred IS NOT NULL THEN 'partial' ELSE 'unique' END,"
    " array_to_string(ARRAY(SELECT a.attname FROM unnest(i.indkey::int2[]) k"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k), ',')"
    " FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid AND i.indisunique WHERE " OF_MARKS
    " UNION ALL SELECT quote_ident(k.conname), CASE k.contype WHEN 'f' THEN 'foreign'"
    " WHEN 'c' THEN 'check' ELSE 'exclusion' END, '' FROM pg_class c"
    " JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('f', 'c', 'x')"
    " WHERE " OF_MARKS;

/* What makes the quant marks table another one than stock_quant's triggers fill; NULL: it is absent
 * or as odoo_marks.sql makes it. */
static const char QUANT_MARKS_SHAPE[] =
    "SELECT CASE WHEN c.relkind <> 'r' THEN 'it is not an ordinary table'"
    " WHEN c.relrowsecurity THEN 'it has row security'"
    " WHEN (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod)"
    " || CASE WHEN a.atthasdef THEN ' with a default' ELSE '' END, ', ' ORDER BY a.attname::text)"
    " FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)"
    " <> 'date_added timestamp with time zone with a default, product_id integer'"
    " THEN 'its columns are not product_id integer and date_added timestamptz with a default'"
    " WHEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique)"
    " THEN 'it has a key that marks would hit, because they repeat'"
    " WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid"
    " AND k.contype IN ('f', 'c', 'x')) THEN 'it has a constraint that marks could violate'"
    " WHEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)"
    " THEN 'it has a trigger' END"
    " FROM pg_class c WHERE c.relname = '" ODOO_QUANT_MARKS_TABLE "'"
    " AND c.relnamespace = " IN_PUBLIC;

static const char KEEP_TRIGGER[] = "SELECT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = "
                                   "c.oid AND t.tgname = 'stocksync_keep'"
                                   " AND t.tgenabled IN ('O', 'A'))"
                                   " FROM pg_class c WHERE " OF_MARKS;

/* What is known about the table that is there. */
struct marks_table {
    bool has_id;
    bool has_product;
    bool warehouse_not_null;
    bool has_hint;
    bool has_cause;
    bool has_date;
    bool primary_on_id;
    bool unique_on_warehouse;
};

static enum status cannot_adopt(struct err *err, const char *subject, const char *why)
{
    return err_set(err, STATUS_DATABASE_UNFIT,
                   "table '" ODOO_MARKS_TABLE "' exists and cannot be adopted: '%s' is %s", subject,
                   why);
}

/* One column of the table that is there. */
struct column {
    const char *name;
    const char *type;
    bool not_null;
    bool has_default;
};

static enum status check_type(const struct column *column, const char *type, struct err *err)
{
    char what[128];
    if (strncmp(column->type, type, strlen(type)) == 0) {
        return STATUS_OK;
    }
    (void)snprintf(what, sizeof what, "%s, expected %s", column->type, type);
    return cannot_adopt(err, column->name, what);
}

static enum status
take_column(const struct column *column, struct marks_table *table, struct err *err)
{
    bool is_id = strcmp(column->name, "id") == 0;
    if (strcmp(column->name, "product_id") == 0) {
        table->has_product = true;
        return check_type(column, "integer", err);
    }
    if (strcmp(column->name, "warehouse_id") == 0) {
        table->warehouse_not_null = column->not_null;
        return check_type(column, "integer", err);
    }
    if ((column->not_null || is_id) && !column->has_default) {
        return cannot_adopt(err, column->name, "without a default: a mark would not fill it");
    }
    if (is_id) {
        table->has_id = true;
        return strcmp(column->type, "bigint") == 0 ? STATUS_OK : check_type(column, "integer", err);
    }
    if (strcmp(column->name, "warehouse_hint") == 0) {
        table->has_hint = true;
        return check_type(column, "integer", err);
    }
    if (strcmp(column->name, "cause") == 0) {
        table->has_cause = true;
        return check_type(column, "smallint", err);
    }
    if (strcmp(column->name, "date_added") == 0) {
        table->has_date = true;
        return check_type(column, "timestamp", err);
    }
    return STATUS_OK;
}

static enum status read_columns(struct pg_conn *conn, struct marks_table *table, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, MARKS_COLUMNS, NULL, "ttbbb", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        const struct column column = {.name = pg_text(&rows, i, 0),
                                      .type = pg_text(&rows, i, 1),
                                      .not_null = pg_bool(&rows, i, 2),
                                      .has_default = pg_bool(&rows, i, 3)};
        rc = take_column(&column, table, err);
    }
    if (rc == STATUS_OK && !table->has_product) {
        rc = cannot_adopt(err, "product_id", "missing");
    }
    pg_rows_release(&rows);
    return rc;
}

static bool names_warehouse(const char *columns)
{
    const char *at = strstr(columns, "warehouse_id");
    return at != NULL && (at == columns || at[-1] == ',') && (at[12] == '\0' || at[12] == ',');
}

/* A key that a mark could hit would make Odoo's transaction wait or fail. */
static enum status read_keys(struct pg_conn *conn, struct marks_table *table, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, MARKS_KEYS, NULL, "ttt", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        const char *name = pg_text(&rows, i, 0);
        const char *kind = pg_text(&rows, i, 1);
        const char *columns = pg_text(&rows, i, 2);
        if (strcmp(kind, "foreign") == 0) {
            rc = cannot_adopt(err, name,
                              "a foreign key: the mark of a deleted product would violate it");
        } else if (strcmp(kind, "check") == 0 || strcmp(kind, "exclusion") == 0) {
            rc = cannot_adopt(err, name, "a constraint that a mark could violate");
        } else if (strcmp(columns, "id") == 0 && strcmp(kind, "partial") != 0) {
            table->primary_on_id = true;
        } else if (strcmp(kind, "unique") == 0 && names_warehouse(columns)) {
            table->unique_on_warehouse = true;
        } else {
            rc = cannot_adopt(err, name, "a key that marks would hit, because they repeat");
        }
    }
    pg_rows_release(&rows);
    return rc;
}

static void plan_shape(const struct marks_table *table, struct install_plan *plan)
{
    if (!table->has_id || !table->primary_on_id || table->warehouse_not_null || !table->has_hint ||
        !table->has_cause || !table->has_date) {
        install_plan_note(plan, "adopts the table " ODOO_MARKS_TABLE " and keeps its rows");
    }
    if (!table->has_id) {
        install_plan_add(plan, "ALTER TABLE " MARKS_QUALIFIED " ADD COLUMN id bigserial");
        install_plan_add(plan, "COMMENT ON COLUMN " MARKS_QUALIFIED ".id IS 'stocksync: added'");
    }
    if (!table->primary_on_id) {
        install_plan_add(plan, "ALTER TABLE " MARKS_QUALIFIED " ADD PRIMARY KEY (id)");
    }
    if (table->warehouse_not_null) {
        install_plan_add(plan,
                         "ALTER TABLE " MARKS_QUALIFIED " ALTER COLUMN warehouse_id DROP NOT NULL");
        install_plan_add(plan, "COMMENT ON COLUMN " MARKS_QUALIFIED
                               ".warehouse_id IS 'stocksync: was NOT NULL'");
    }
    if (!table->has_hint) {
        install_plan_add(plan, "ALTER TABLE " MARKS_QUALIFIED " ADD COLUMN warehouse_hint integer");
        install_plan_add(plan, "COMMENT ON COLUMN " MARKS_QUALIFIED
                               ".warehouse_hint IS 'stocksync: added'");
    }
    if (!table->has_cause) {
        install_plan_add(plan, "ALTER TABLE " MARKS_QUALIFIED
                               " ADD COLUMN cause smallint NOT NULL DEFAULT 0");
        install_plan_add(plan, "COMMENT ON COLUMN " MARKS_QUALIFIED ".cause IS 'stocksync: added'");
    }
    if (!table->has_date) {
        install_plan_add(plan, "ALTER TABLE " MARKS_QUALIFIED
                               " ADD COLUMN date_added timestamptz NOT NULL DEFAULT now()");
        install_plan_add(plan,
                         "COMMENT ON COLUMN " MARKS_QUALIFIED ".date_added IS 'stocksync: added'");
    }
}

static void plan_keep_trigger(struct install_plan *plan)
{
    install_plan_script(plan, sql_odoo_keep_mark);
    install_plan_add(plan, "DROP TRIGGER IF EXISTS stocksync_keep ON " MARKS_QUALIFIED);
    install_plan_add(plan, "CREATE TRIGGER stocksync_keep BEFORE INSERT ON " MARKS_QUALIFIED "\n"
                           "    FOR EACH ROW EXECUTE PROCEDURE stocksync.keep_mark()");
    install_plan_note(plan, "lets older writers of " ODOO_MARKS_TABLE
                            " continue: their marks are appended");
}

/* Gives an adopted table with a unique constraint the trigger that keeps marks clear of it. It comes
 * in the transaction that rewrites the table: a writer with an older snapshot would meet rows that
 * it cannot see, and fail. */
static enum status plan_keep(struct pg_conn *conn,
                             const struct marks_table *table,
                             struct install_plan *plan,
                             struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, KEEP_TRIGGER, NULL, "b", &rows, err);
    bool lacks_trigger = rc == STATUS_OK && rows.count == 1 && !pg_bool(&rows, 0, 0);
    pg_rows_release(&rows);
    if (lacks_trigger && table->unique_on_warehouse) {
        plan_keep_trigger(plan);
    }
    return rc;
}

/* Adopts the table that is there: relkind is that of pg_class. */
static enum status
plan_adoption(struct pg_conn *conn, const char *relkind, struct install_plan *plan, struct err *err)
{
    struct marks_table table = {0};
    if (strcmp(relkind, "r") != 0) {
        return cannot_adopt(err, ODOO_MARKS_TABLE, "not an ordinary table");
    }
    enum status rc = read_columns(conn, &table, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = read_keys(conn, &table, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    plan_shape(&table, plan);
    return plan_keep(conn, &table, plan, err);
}

/* Every mark of Odoo's goes there: another shape would fail in Odoo's transactions. */
static enum status check_quant_marks(struct pg_conn *conn, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, QUANT_MARKS_SHAPE, NULL, "t", &rows, err);
    if (rc == STATUS_OK && rows.count == 1 && !pg_is_null(&rows, 0, 0)) {
        rc = err_set(err, STATUS_DATABASE_UNFIT,
                     "table '" ODOO_QUANT_MARKS_TABLE "' exists and is another one: %s. Rename or "
                     "drop it, then run 'stocksync-producer install'",
                     pg_text(&rows, 0, 0));
    }
    pg_rows_release(&rows);
    return rc;
}

enum status install_marks_plan(struct pg_conn *conn, struct install_plan *plan, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = check_quant_marks(conn, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(conn, MARKS_TABLE, NULL, "tb", &rows, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    install_plan_step(plan, "table " ODOO_MARKS_TABLE, rows.count == 1 ? ODOO_MARKS_TABLE : NULL,
                      rows.count == 1 ? "ACCESS EXCLUSIVE" : NULL);
    if (rows.count == 1) {
        rc = plan_adoption(conn, pg_text(&rows, 0, 0), plan, err);
    } else {
        install_plan_script(plan, sql_marks_create);
        install_plan_note(plan, "creates the table " ODOO_MARKS_TABLE);
    }
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = install_plan_query(conn, sql_odoo_marks, NULL, "table ", plan, err);
out:
    pg_rows_release(&rows);
    return rc;
}

/* Gives an adopted table its old shape back: undoes what the comments of its columns record. */
static enum status plan_old_shape(struct pg_conn *conn, struct install_plan *plan, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, MARKS_COLUMNS, NULL, "ttbbb", &rows, err);
    install_plan_step(plan, "table " ODOO_MARKS_TABLE, ODOO_MARKS_TABLE, "ACCESS EXCLUSIVE");
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        const char *name = pg_text(&rows, i, 0);
        if (!pg_bool(&rows, i, 4)) {
            continue;
        }
        if (strcmp(name, "warehouse_id") != 0) {
            install_plan_add(plan, "ALTER TABLE " MARKS_QUALIFIED " DROP COLUMN %s", name);
            continue;
        }
        install_plan_add(plan, "DELETE FROM " MARKS_QUALIFIED " WHERE warehouse_id IS NULL");
        install_plan_add(plan,
                         "ALTER TABLE " MARKS_QUALIFIED " ALTER COLUMN warehouse_id SET NOT NULL");
        install_plan_add(plan, "COMMENT ON COLUMN " MARKS_QUALIFIED ".warehouse_id IS NULL");
    }
    install_plan_add(plan, "REVOKE INSERT ON " MARKS_QUALIFIED " FROM PUBLIC");
    install_plan_note(plan, "gives the table " ODOO_MARKS_TABLE " its old shape back");
    pg_rows_release(&rows);
    return rc;
}

enum status install_marks_remove(struct pg_conn *conn, struct install_plan *plan, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, MARKS_TABLE, NULL, "tb", &rows, err);
    bool exists = rc == STATUS_OK && rows.count == 1;
    bool ours = exists && pg_bool(&rows, 0, 1);
    pg_rows_release(&rows);
    if (!exists) {
        return rc;
    }
    if (!ours) {
        return plan_old_shape(conn, plan, err);
    }
    install_plan_step(plan, "table " ODOO_MARKS_TABLE, ODOO_MARKS_TABLE, "ACCESS EXCLUSIVE");
    install_plan_add(plan, "DROP TABLE " MARKS_QUALIFIED);
    install_plan_note(plan, "drops the table " ODOO_MARKS_TABLE " with its rows");
    return STATUS_OK;
}

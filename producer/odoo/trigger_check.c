#include "producer/odoo/trigger_check.h"

#include "common/pg/pg_query.h"
#include "embedded/sql.h"

#define SCRIPT_MAX_BYTES ((size_t)64 * 1024)
#define NAMES_MAX_BYTES  ((size_t)4 * 1024)

/* $1: scripts, which have each body between $$ and $$, as PostgreSQL stores it. */
static const char OTHER_FUNCTIONS[] =
    "SELECT string_agg('stocksync.' || f.name, ', ' ORDER BY f.name) FROM (SELECT DISTINCT m[1]"
    " AS name FROM regexp_matches($1, 'FUNCTION stocksync\\.(\\w+)\\(', 'g') m) f"
    " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.proname = f.name"
    " AND p.pronamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'stocksync')"
    " AND p.prosrc = split_part(substr($1, strpos($1, 'FUNCTION stocksync.' || f.name || '(')),"
    " '$$', 2))";

enum status trigger_check_functions(struct pg_conn *conn, struct strbuf *names, struct err *err)
{
    struct pg_args args;
    struct pg_rows rows = {0};
    struct strbuf scripts;
    strbuf_init(&scripts, SCRIPT_MAX_BYTES);
    strbuf_append_text(&scripts, sql_odoo_functions);
    strbuf_append_text(&scripts, sql_odoo_keep_mark);
    pg_args_init(&args, SCRIPT_MAX_BYTES);
    pg_args_text(&args, scripts.ptr);
    enum status rc = pg_query(conn, OTHER_FUNCTIONS, &args, "t", &rows, err);
    if (rc == STATUS_OK && !pg_is_null(&rows, 0, 0)) {
        strbuf_append_text(names, pg_text(&rows, 0, 0));
    }
    pg_rows_release(&rows);
    pg_args_release(&args);
    strbuf_release(&scripts);
    return rc;
}

/* What install would do: "puts trigger stocksync_mark on stock_quant". */
static enum status
check_triggers(struct pg_conn *conn, bool forecast, struct strbuf *names, struct err *err)
{
    struct pg_args args;
    struct pg_rows rows = {0};
    pg_args_init(&args, 16);
    pg_args_bool(&args, forecast);
    enum status rc = pg_query(conn, sql_odoo_triggers, &args, "ttbtt", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        if (!pg_is_null(&rows, i, 1) && !pg_is_null(&rows, i, 2) && pg_bool(&rows, i, 2)) {
            strbuf_appendf(names, "%s%s", names->len > 0 ? ", " : "", pg_text(&rows, i, 1));
        }
    }
    pg_rows_release(&rows);
    pg_args_release(&args);
    return rc;
}

enum status trigger_check(struct pg_conn *conn, bool forecast, struct err *err)
{
    struct strbuf triggers;
    struct strbuf bodies;
    strbuf_init(&triggers, NAMES_MAX_BYTES);
    strbuf_init(&bodies, NAMES_MAX_BYTES);
    enum status rc = check_triggers(conn, forecast, &triggers, err);
    if (rc == STATUS_OK) {
        rc = trigger_check_functions(conn, &bodies, err);
    }
    if (rc == STATUS_OK && triggers.len + bodies.len > 0) {
        rc = err_set(err, STATUS_DATABASE_UNFIT,
                     "triggers in Odoo's database are missing, disabled or altered, and changes "
                     "pass without a mark: run 'stocksync-producer install' (it %s%s%s%s)",
                     triggers.len > 0 ? triggers.ptr : "",
                     triggers.len > 0 && bodies.len > 0 ? "; " : "",
                     bodies.len > 0 ? "replaces " : "", bodies.len > 0 ? bodies.ptr : "");
    }
    strbuf_release(&triggers);
    strbuf_release(&bodies);
    return rc;
}

#include "consumer/parents/parents.h"

#include "common/core/mem.h"
#include "common/pg/pg_query.h"
#include "embedded/parents_sql.h"

/*
 * Offsets follow the marks, so a crash must not lose marks whose offsets survive. The statement
 * looks up each product in an index: for a small table the planner would read all of it for each
 * batch.
 */
#define SESSION_SQL                                                                                \
    "SET synchronous_commit = on;"                                                                 \
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"             \
    "DO $$BEGIN IF current_setting('server_version_num')::int >= 110000 THEN SET jit = off;"       \
    " END IF; END$$"
/* Far below max.poll.interval.ms, and short enough for a service that stops. */
#define STATEMENT_TIMEOUT_MS 10000
/* Two arrays of COMPONENT_BATCH_MAX: at most 16 and 24 bytes a product. */
#define ARGS_MAX_BYTES ((size_t)1 << 20)

struct parents {
    struct pg_conn *conn;
    struct pg_args args;
};

struct parents *parents_new(const char *dsn)
{
    struct parents *p = mem_calloc(1, sizeof *p);
    pg_args_init(&p->args, ARGS_MAX_BYTES);
    p->conn =
        pg_conn_new(&(struct pg_conn_options){.dsn = dsn,
                                              .application_name = "stocksync-consumer parents",
                                              .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
                                              .session_sql = SESSION_SQL});
    return p;
}

void parents_free(struct parents *parents)
{
    if (parents == NULL) {
        return;
    }
    pg_conn_free(parents->conn);
    pg_args_release(&parents->args);
    mem_free(parents);
}

enum status parents_open(struct parents *parents, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_conn_open(parents->conn, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(parents->conn, parents_sql_parents_check, NULL, "tt", &rows, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    if (!pg_is_null(&rows, 0, 0)) {
        rc = err_set(err, STATUS_DATABASE_UNFIT,
                     "Odoo's database has no %s: run 'stocksync-producer install'",
                     pg_text(&rows, 0, 0));
    } else if (!pg_is_null(&rows, 0, 1)) {
        rc = err_set(err, STATUS_PERMISSION,
                     "the role may not mark kits in Odoo's database; run there: %s",
                     pg_text(&rows, 0, 1));
    }
out:
    pg_rows_release(&rows);
    return rc;
}

enum status parents_mark(struct parents *parents,
                         const struct component_batch *batch,
                         struct parents_marked *marked,
                         struct err *err)
{
    struct pg_rows rows = {0};
    size_t count = component_batch_count(batch);
    pg_args_reset(&parents->args);
    pg_args_i32_array(&parents->args, component_batch_products(batch), count);
    pg_args_time_us_array(&parents->args, component_batch_times_us(batch), count);
    enum status rc =
        pg_query(parents->conn, parents_sql_parents_mark, &parents->args, "lzb", &rows, err);
    if (rc == STATUS_DATABASE_UNFIT) {
        rc = err_prefix(err, "run 'stocksync-producer install'");
    }
    if (rc == STATUS_OK) {
        *marked = (struct parents_marked){.marks = (size_t)pg_i64(&rows, 0, 0),
                                          .earliest_us = pg_time_us(&rows, 0, 1),
                                          .any_kits = pg_bool(&rows, 0, 2)};
    }
    pg_rows_release(&rows);
    return rc;
}

enum status parents_probe(struct parents *parents, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(parents->conn, "SELECT 1", NULL, "i", &rows, err);
    pg_rows_release(&rows);
    return rc;
}

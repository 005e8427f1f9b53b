/**
 * server: the database of a test that needs one: STOCKSYNC_TEST_DSN names it, empty. Included once
 * by each such program, behind cmocka.h.
 */
#ifndef STOCKSYNC_UNIT_PG_SERVER_H
#define STOCKSYNC_UNIT_PG_SERVER_H

#include <stdlib.h>

#include "common/pg/pg_query.h"

static const char *dsn; /* NULL: none, the tests are skipped */
static struct pg_conn *admin;

#define NEEDS_SERVER()                                                                             \
    do {                                                                                           \
        if (dsn == NULL) {                                                                         \
            print_message("skipped: STOCKSYNC_TEST_DSN names no database\n");                      \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static inline void ok(enum status rc, const struct err *err)
{
    if (rc != STATUS_OK) {
        fail_msg("%s: %s", status_name(rc), err->msg);
    }
}

static inline void run_sql(const char *sql)
{
    struct err err = {0};
    if (pg_exec(admin, sql, &err) != STATUS_OK) {
        fail_msg("%s: %s", sql, err.msg);
    }
}

/* One number; sql is static text. */
static inline int64_t number(const char *sql)
{
    struct pg_rows rows = {0};
    struct err err = {0};
    if (pg_query(admin, sql, NULL, "l", &rows, &err) != STATUS_OK) {
        fail_msg("%s: %s", sql, err.msg);
    }
    assert_int_equal(rows.count, 1);
    int64_t value = pg_i64(&rows, 0, 0);
    pg_rows_release(&rows);
    return value;
}

/* Whether there is one: then dsn and admin are set, until close_server. */
static inline bool open_server(void)
{
    struct err err = {0};
    dsn = getenv("STOCKSYNC_TEST_DSN");
    if (dsn == NULL) {
        return false;
    }
    admin = pg_conn_new(&(struct pg_conn_options){.dsn = dsn, .application_name = "test"});
    ok(pg_conn_open(admin, &err), &err);
    run_sql("SET client_min_messages = warning");
    return true;
}

/* Runs a last statement, if there is a server. @return 0, or what a teardown says when it failed */
static inline int close_server(const char *sql)
{
    struct err err = {0};
    int failed = dsn != NULL && pg_exec(admin, sql, &err) != STATUS_OK;
    if (failed) {
        print_error("%s: %s\n", sql, err.msg);
    }
    pg_conn_free(admin);
    return failed;
}

#endif

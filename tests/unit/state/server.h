/**
 * server: the database of a test that needs one: STOCKSYNC_TEST_DSN names it, empty; the schema
 * stocksync is made in it for the program and dropped again. Included once by each such program,
 * behind cmocka.h.
 */
#ifndef STOCKSYNC_UNIT_STATE_SERVER_H
#define STOCKSYNC_UNIT_STATE_SERVER_H

#include <stdlib.h>

#include "common/pg/pg_query.h"
#include "embedded/test_sql.h"

static const char *dsn; /* NULL: none, the tests are skipped */
static struct pg_conn *admin;

static void ok(enum status rc, const struct err *err)
{
    if (rc != STATUS_OK) {
        fail_msg("%s: %s", status_name(rc), err->msg);
    }
}

static int make_schema(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    dsn = getenv("STOCKSYNC_TEST_DSN");
    if (dsn == NULL) {
        return 0;
    }
    admin = pg_conn_new(&(struct pg_conn_options){.dsn = dsn, .application_name = "test"});
    ok(pg_conn_open(admin, &err), &err);
    ok(pg_exec(admin, "SET client_min_messages = warning; CREATE SCHEMA stocksync", &err), &err);
    ok(pg_exec(admin, test_sql_state_001, &err), &err);
    ok(pg_exec(admin, test_sql_state_002, &err), &err);
    ok(pg_exec(admin, test_sql_state_003, &err), &err);
    ok(pg_exec(admin,
               "CREATE TABLE stocksync.migration (part text, version integer);"
               "INSERT INTO stocksync.migration VALUES ('state', 3)",
               &err),
       &err);
    return 0;
}

static int drop_schema(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    int failed = dsn != NULL && pg_exec(admin, "DROP SCHEMA stocksync CASCADE", &err) != STATUS_OK;
    pg_conn_free(admin);
    return failed;
}

#endif

/**
 * server: the schema stocksync, made for the program in a test's database and dropped again.
 * Included once by each such program, behind cmocka.h.
 */
#ifndef STOCKSYNC_UNIT_STATE_SERVER_H
#define STOCKSYNC_UNIT_STATE_SERVER_H

#include "embedded/test_sql.h"
#include "tests/unit/pg/server.h"

static int make_schema(void **fixture)
{
    (void)fixture;
    if (open_server()) {
        run_sql("CREATE SCHEMA stocksync");
        run_sql(test_sql_state_001);
        run_sql(test_sql_state_002);
        run_sql(test_sql_state_003);
        run_sql(test_sql_state_004);
        run_sql("CREATE TABLE stocksync.migration (part text, version integer,"
                " applied_at timestamptz DEFAULT now(), PRIMARY KEY (part, version));"
                "INSERT INTO stocksync.migration VALUES ('odoo', 9), ('state', 4)");
    }
    return 0;
}

static int drop_schema(void **fixture)
{
    (void)fixture;
    return close_server("DROP SCHEMA stocksync CASCADE");
}

#endif

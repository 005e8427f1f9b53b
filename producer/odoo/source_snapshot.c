#include "producer/odoo/source_snapshot.h"

#include "common/pg/pg_query.h"

static const char BEGIN[] = "BEGIN ISOLATION LEVEL REPEATABLE READ";
static const char POINT[] = "SAVEPOINT stocksync_point";
static const char BACK[] = "ROLLBACK TO SAVEPOINT stocksync_point";

enum status source_snapshot(struct pg_conn *conn,
                            enum status (*read)(void *arg, struct err *err),
                            void *arg,
                            struct err *err)
{
    enum status rc = pg_begin(conn, BEGIN, err);
    if (rc == STATUS_OK) {
        rc = read(arg, err);
    }
    if (rc == STATUS_OK) {
        rc = pg_exec(conn, "COMMIT", err);
    }
    if (rc != STATUS_OK) {
        pg_rollback(conn);
    }
    return rc;
}

enum status source_snapshot_point(struct pg_conn *conn, struct err *err)
{
    return pg_savepoint(conn, POINT, err);
}

enum status source_snapshot_back(struct pg_conn *conn, struct err *err)
{
    return pg_exec(conn, BACK, err);
}

#include "producer/odoo/horizon.h"

#include <stdio.h>

#include "common/pg/pg_query.h"

static const char HOLDERS[] =
    "SELECT h.xids::bigint, h.seconds::bigint, h.holder FROM ("
    " SELECT greatest(age(backend_xmin), age(backend_xid)) AS xids,"
    " extract(epoch FROM now() - COALESCE(xact_start, query_start, backend_start)) AS seconds,"
    " format('session %s (role %s, %s, %s)', pid, usename, application_name,"
    " COALESCE(state, 'background')) AS holder"
    " FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    " UNION ALL SELECT age(transaction), extract(epoch FROM now() - prepared),"
    " format('prepared transaction %s (role %s)', gid, owner) FROM pg_prepared_xacts"
    " UNION ALL SELECT greatest(age(xmin), age(catalog_xmin)), 0,"
    " format('replication slot %s (%s)', slot_name,"
    " CASE WHEN active THEN 'active' ELSE 'inactive' END) FROM pg_replication_slots"
    ") h WHERE h.xids IS NOT NULL ORDER BY h.xids DESC, h.seconds DESC LIMIT 1";

static const char HIDDEN[] =
    "SELECT count(*)::integer FROM pg_stat_activity WHERE query = '<insufficient privilege>'";

static enum status read_holder(struct pg_conn *conn, struct horizon *horizon, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, HOLDERS, NULL, "llt", &rows, err);
    if (rc == STATUS_OK && rows.count == 1) {
        horizon->age_xids = pg_i64(&rows, 0, 0);
        horizon->age_s = pg_i64(&rows, 0, 1);
        (void)snprintf(horizon->holder, sizeof horizon->holder, "%s", pg_text(&rows, 0, 2));
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status read_hidden(struct pg_conn *conn, struct horizon *horizon, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, HIDDEN, NULL, "i", &rows, err);
    if (rc == STATUS_OK) {
        horizon->hidden_sessions = pg_i32(&rows, 0, 0);
    }
    pg_rows_release(&rows);
    return rc;
}

enum status horizon_read(struct pg_conn *conn, struct horizon *horizon, struct err *err)
{
    *horizon = (struct horizon){0};
    enum status rc = read_holder(conn, horizon, err);
    return rc == STATUS_OK ? read_hidden(conn, horizon, err) : rc;
}

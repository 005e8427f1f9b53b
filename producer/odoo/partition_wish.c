#include "producer/odoo/partition_wish.h"

#include "common/pg/pg_query.h"

static const char READ[] =
    "SELECT o.partitions,"
    " (SELECT count(*)::int4 FROM stocksync.stream_partition p WHERE p.stream ="
    "  (SELECT s.id FROM stocksync.stream s ORDER BY s.first_revision DESC LIMIT 1))"
    " FROM stocksync.owner o";

static const char STORE[] = "UPDATE stocksync.owner SET partitions = nullif($1, 0)";

enum status partition_wish_read(struct pg_conn *state, struct partition_wish *wish, struct err *err)
{
    struct pg_rows rows = {0};
    *wish = (struct partition_wish){0};
    const enum status rc = pg_query(state, READ, NULL, "ii", &rows, err);
    if (rc == STATUS_OK && rows.count == 1) {
        wish->accepted = pg_i32(&rows, 0, 0);
        wish->of_stream = pg_i32(&rows, 0, 1);
    }
    pg_rows_release(&rows);
    return rc;
}

enum status partition_wish_store(struct pg_conn *state, int32_t accepted, struct err *err)
{
    struct pg_args args;
    pg_args_init(&args, sizeof accepted);
    pg_args_i32(&args, accepted);
    const enum status rc = pg_query(state, STORE, &args, "", NULL, err);
    pg_args_release(&args);
    return rc;
}

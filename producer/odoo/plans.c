#include "producer/odoo/plans.h"

#include "common/pg/pg_query.h"

/* Up to this many ids the session's plans are best; above, a plan for the actual list. */
#define FEW_IDS       250
#define PG_VERSION_12 120000

#define FREE_PLANS                                                                                 \
    "SET LOCAL enable_bitmapscan = on; SET LOCAL enable_sort = on;"                                \
    "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"                           \
    "SET LOCAL max_parallel_workers_per_gather = 0;"

enum status plans_for(struct pg_conn *conn, size_t ids, struct err *err)
{
    if (pg_conn_server_version(conn) < PG_VERSION_12) {
        return pg_exec(conn, FREE_PLANS, err);
    }
    return ids <= FEW_IDS
               ? STATUS_OK
               : pg_exec(conn, FREE_PLANS "SET LOCAL plan_cache_mode = force_custom_plan", err);
}

enum status plans_for_sums(struct pg_conn *conn, struct err *err)
{
    return pg_exec(conn,
                   "SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;"
                   "SET LOCAL work_mem = '32MB'",
                   err);
}

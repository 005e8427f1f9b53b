/**
 * pg_pooler: recognises a connection that does not keep its server process.
 *
 * A pooler in transaction mode (PgBouncer) gives each transaction any server process. Settings of a
 * session then reach other clients, and advisory locks stay with processes that serve somebody else.
 * A pooler in session mode is fine. For common/pg only: runs before the first SET.
 */
#ifndef STOCKSYNC_PG_PG_POOLER_H
#define STOCKSYNC_PG_PG_POOLER_H

#include "common/pg/pg_wait.h"

/**
 * Takes one round trip without a pooler. Behind one, opens a second connection and compares.
 *
 * @param wait          begun, on a new connection; late afterwards: the server did not answer
 * @param keys, values  as for PQconnectStartParams
 * @return true: other connections get the server process of this one; false: nothing shows that
 */
bool pg_pooler_shares_process(struct pg_wait *wait,
                              const char *const *keys,
                              const char *const *values);

#endif

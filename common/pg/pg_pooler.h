/**
 * pg_pooler: recognises a connection that does not keep its server process.
 *
 * A pooler in transaction mode (PgBouncer) gives each transaction any server process. Settings of a
 * session then reach other clients, and advisory locks stay with processes that serve somebody else.
 * A pooler in session mode is fine. For common/pg only: runs before the first SET.
 */
#ifndef STOCKSYNC_PG_PG_POOLER_H
#define STOCKSYNC_PG_PG_POOLER_H

#include "common/core/status.h"
#include "common/pg/pg_libpq.h"

/**
 * Blocks for at most some seconds, and for one round trip without a pooler.
 *
 * @param handle        a new connection
 * @param keys, values  as for PQconnectdbParams: behind a pooler, a second connection is opened
 * @return STATUS_OK      the server process stays, or nothing shows that it does not
 *         STATUS_CONFIG  a pooler in transaction or statement mode; err names it and the remedy
 */
NODISCARD enum status pg_pooler_refuse(PGconn *handle,
                                       const char *const *keys,
                                       const char *const *values,
                                       struct err *err);

#endif

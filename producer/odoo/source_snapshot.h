/**
 * source_snapshot: runs reads of Odoo's database in one snapshot, so that marks, kits and stock
 * agree with each other.
 *
 * The transaction is not READ ONLY: kit_table stores changed kits in it, and the full pass inserts
 * marks. Thread: the one that uses the connection.
 */
#ifndef STOCKSYNC_ODOO_SOURCE_SNAPSHOT_H
#define STOCKSYNC_ODOO_SOURCE_SNAPSHOT_H

#include "common/core/status.h"

struct pg_conn;

/**
 * Begins a transaction (REPEATABLE READ), calls read(arg, err) and commits. The first statement of
 * read takes the snapshot. Produce after this call: an open snapshot holds vacuum back. Rolls back
 * when anything fails. Snapshots do not nest.
 *
 * @return what read returned, or pg_begin's and pg_exec's statuses
 */
NODISCARD enum status source_snapshot(struct pg_conn *conn,
                                      enum status (*read)(void *arg, struct err *err),
                                      void *arg,
                                      struct err *err);

/**
 * Sets a point in the present snapshot to which source_snapshot_back returns. Costs no trip when
 * something was read before. A later point replaces it.
 * @return pg_savepoint's statuses
 */
NODISCARD enum status source_snapshot_point(struct pg_conn *conn, struct err *err);
/**
 * After a failed statement: undoes all since the last point. The snapshot stays, so what was read
 * before and what is read again agree.
 * @return pg_exec's statuses
 */
NODISCARD enum status source_snapshot_back(struct pg_conn *conn, struct err *err);

#endif

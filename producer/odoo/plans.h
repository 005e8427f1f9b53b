/**
 * plans: settings of PostgreSQL's planner for one transaction of the tail.
 *
 * The tail's session (MARKS_SESSION_SQL) forbids plans that would spoil its scan of the marks, and
 * makes its plans once. For many ids these plans are wrong. Each statement looks a list of ids up
 * in one table and joins by primary key. Nested loops do that in the same time whatever the
 * statistics say. For one batch, a hash join reads a whole catalogue, and a sequential scan all
 * quants.
 */
#ifndef STOCKSYNC_ODOO_PLANS_H
#define STOCKSYNC_ODOO_PLANS_H

#include <stddef.h>

#include "common/core/status.h"
#include "common/pg/pg_conn.h"

/** For the rest of the transaction: statements over this many ids. @return pg_exec's statuses */
NODISCARD enum status plans_for(struct pg_conn *conn, size_t ids, struct err *err);
/** For the rest of the transaction: statements that join and group large sets. @return as
 * plans_for */
NODISCARD enum status plans_for_sums(struct pg_conn *conn, struct err *err);

#endif

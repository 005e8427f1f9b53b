/**
 * plans: what PostgreSQL's planner may do in a transaction of the tail.
 *
 * The tail's session (MARKS_SESSION_SQL) forbids what would spoil its scan of the marks, and makes
 * its plans once. For many ids these plans are wrong: each statement looks a list of ids up in one
 * table, and what it joins by primary key, nested loops do in the same time whatever the statistics
 * say, while a hash join reads a whole catalogue, and a sequential scan all quants, for one batch.
 */
#ifndef STOCKSYNC_ODOO_PLANS_H
#define STOCKSYNC_ODOO_PLANS_H

#include <stddef.h>

#include "common/core/status.h"
#include "common/pg/pg_conn.h"

/** For the rest of the transaction: statements over that many ids. @return pg_exec's statuses */
NODISCARD enum status plans_for(struct pg_conn *conn, size_t ids, struct err *err);
/** For the rest of the transaction: statements that join and group large sets. */
NODISCARD enum status plans_for_sums(struct pg_conn *conn, struct err *err);

#endif

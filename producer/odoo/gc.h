/**
 * gc: the scheduled cleaning.
 *
 * It never removes work: marks are left alone (a mark whose product is gone becomes a tombstone in
 * the tail). What goes: answered attempts older than the option says; rows about products that are
 * gone, of which no mark waits (their tombstone is published), and that were not touched for 7
 * days, so that a store that lags behind does not lose what it knows; and dead rows of the marks
 * table, by VACUUM outside a transaction. Each step is a short transaction of its own, so that an
 * interrupted run has done a part.
 */
#ifndef STOCKSYNC_ODOO_GC_H
#define STOCKSYNC_ODOO_GC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/status.h"
#include "common/pg/pg_conn.h"

struct gc_counts {
    int64_t attempts;        /* stocksync.attempt */
    int64_t parked_products; /* stocksync.parked_product */
    int64_t products;        /* stocksync.product */
    int64_t levels;          /* stocksync.level */
    bool vacuumed;           /* false: the role does not own the marks table, see install_grants */
};

/**
 * Runs all steps.
 *
 * @param odoo    connection to Odoo's database, not in a transaction; its statement_timeout bounds
 * the VACUUM too
 * @param state   connection to the state database; may be the same
 * @param keep_attempts_ms  answered attempts younger than this stay
 * @param counts  [out] what was done, also on failure
 * @return STATUS_OK, pg_query's statuses
 */
NODISCARD enum status gc_run(struct pg_conn *odoo,
                             struct pg_conn *state,
                             int64_t keep_attempts_ms,
                             struct gc_counts *counts,
                             struct err *err);

#endif

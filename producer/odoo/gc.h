/**
 * gc: the scheduled cleaning. Marks stay: it never removes work.
 *
 * It deletes
 *
 *   - answered attempts older than the option says,
 *   - rows of the state about deleted products that have no mark, so their tombstone is published,
 *     and that were untouched for 7 days, so a store that lags behind keeps what it needs,
 *   - levels that were kept for products without an item for 7 days,
 *   - dead rows of both marks tables, by VACUUM outside a transaction.
 *
 * Each step is a short transaction, so an interrupted run keeps what it has done. Thread: the one
 * that uses both connections.
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
    int64_t levels;          /* stocksync.level, stocksync.level_kept */
    bool vacuumed;           /* false: the role does not own the marks tables, see install_grants */
};

/**
 * Runs all steps.
 *
 * @param odoo              connection to Odoo's database, not in a transaction; its
 *                          statement_timeout also bounds the VACUUM
 * @param state             connection to the state database; may be the same
 * @param keep_attempts_ms  answered attempts younger than this stay
 * @param counts            [out] what was done, also on failure
 * @return STATUS_OK, pg_query's statuses
 */
NODISCARD enum status gc_run(struct pg_conn *odoo,
                             struct pg_conn *state,
                             int64_t keep_attempts_ms,
                             struct gc_counts *counts,
                             struct err *err);

#endif

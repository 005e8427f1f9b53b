/**
 * install_steps: runs a plan next to a busy Odoo, one short transaction for each table.
 *
 * A lock that waits makes everybody behind it wait. So a step waits at most INSTALL_LOCK_MS for its
 * lock, lets Odoo work on, and tries again later: after 100 ms first, then up to 500 ms. From the
 * sixth attempt on it waits INSTALL_LONG_LOCK_MS: so many transactions overlap on that table that
 * all of them rarely end sooner. It takes its one lock before anything else and waits for nothing
 * while it holds it. PostgreSQL looks for deadlocks after a second, so such a step is never a part
 * of one.
 *
 * What was committed stays when a later step fails. The next plan has only what is missing.
 *
 * A lock of the session keeps other installs out, also that of the Odoo module. Thread: one; for
 * commands.
 */
#ifndef STOCKSYNC_ODOO_INSTALL_STEPS_H
#define STOCKSYNC_ODOO_INSTALL_STEPS_H

#include <stdint.h>

#include "common/core/status.h"
#include "common/core/strbuf.h"
#include "common/pg/pg_conn.h"
#include "producer/odoo/install_plan.h"

#define INSTALL_LOCK_MS         75
#define INSTALL_LONG_LOCK_MS    100
#define INSTALL_SHORT_ATTEMPTS  5
#define INSTALL_DEFAULT_WAIT_MS INT64_C(300000)

/** How long an install may wait for locks, all steps together. */
struct install_pace {
    int64_t deadline_us; /* monotonic */
    int64_t wait_ms;     /* the whole, for texts */
};

struct install_pace install_pace_begin(int64_t wait_ms);

/**
 * Waits for the lock that keeps other installs out.
 * @return STATUS_OK
 *         STATUS_SOURCE_BUSY  another install holds it; err names its process
 *         STATUS_STOPPING     a signal came
 *         pg_query's statuses
 */
NODISCARD enum status
install_steps_lock(struct pg_conn *conn, const struct install_pace *pace, struct err *err);
/** Closing the connection does the same. */
void install_steps_unlock(struct pg_conn *conn);

/**
 * Runs all steps and logs each of them. Call with the lock.
 * @return STATUS_OK
 *         STATUS_SOURCE_BUSY  a table stayed locked; err names the table, who holds it, and what to do
 *         STATUS_STOPPING     a signal came between two attempts
 *         pg_exec's statuses; err says which step failed
 */
NODISCARD enum status install_steps_run(struct pg_conn *conn,
                                        const struct install_plan *plan,
                                        const struct install_pace *pace,
                                        struct err *err);

/** Writes the plan as SQL for a person: the same transactions with the same limits. */
void install_steps_print(const struct install_plan *plan, struct strbuf *out);

/** µs to wait before the next attempt. @param attempts  made so far, from 1 on. Pure. */
int64_t install_steps_backoff_us(int attempts);

#endif

/**
 * install: plans and executes what stocksync adds to Odoo's database and to the state database,
 * and removes it again.
 *
 * A plan lists the statements that lead from the present state to the wanted one. It is empty when
 * there is nothing to do. --dry-run prints it, and install_run executes it, one short transaction
 * for each table (install_steps.h).
 *
 *   INSTALL_ODOO   marks tables, flag column, trigger functions, triggers, in Odoo's database
 *   INSTALL_STATE  the tables of schemas/sql/state_*.sql
 *
 * Both parts go into one call when the state and Odoo share a database, else one call per database.
 * Migrations only go forward and are recorded in stocksync.migration(part, version).
 *
 * Everything that install creates carries a comment that begins with "stocksync", so uninstall
 * recognises it. The role must own Odoo's tables: Odoo's database role or a superuser. Thread: one;
 * for commands, not for the run loop.
 */
#ifndef STOCKSYNC_ODOO_INSTALL_H
#define STOCKSYNC_ODOO_INSTALL_H

#include <stdbool.h>

#include "common/core/status.h"
#include "common/pg/pg_conn.h"
#include "producer/odoo/install_plan.h"
#include "producer/odoo/install_steps.h"

/**
 * Works out what is missing. Reads only.
 *
 * @param parts     set of enum install_part
 * @param forecast  the trigger on stock_move is wanted; when false, an existing one is dropped
 * @param plan      [out] replaced
 * @return STATUS_OK
 *         STATUS_DATABASE_UNFIT  no supported Odoo database, an older marks table that cannot be
 *                                adopted (err says why), or a schema newer than this program
 *         STATUS_PERMISSION      the role does not own what must be changed; err names the tables
 *                                and their owner
 *         pg_query's statuses
 */
NODISCARD enum status install_plan(struct pg_conn *conn,
                                   unsigned parts,
                                   bool forecast,
                                   struct install_plan *plan,
                                   struct err *err);
/**
 * Plans and executes. What was done before a failure stays; the next call does the rest.
 * @return as install_plan, install_steps_lock and install_steps_run
 */
NODISCARD enum status install_run(struct pg_conn *conn,
                                  unsigned parts,
                                  bool forecast,
                                  const struct install_pace *pace,
                                  struct install_plan *plan,
                                  struct err *err);

/**
 * Plans the removal.
 *
 *   without purge  the marks table with its rows and the flag column stay
 *   with purge     they go too; an adopted table gets its old shape back, and a flag column that
 *                  install did not create stays
 *
 * @return as install_plan
 */
NODISCARD enum status uninstall_plan(
    struct pg_conn *conn, unsigned parts, bool purge, struct install_plan *plan, struct err *err);
/** @return as install_run */
NODISCARD enum status uninstall_run(struct pg_conn *conn,
                                    unsigned parts,
                                    bool purge,
                                    const struct install_pace *pace,
                                    struct install_plan *plan,
                                    struct err *err);

/**
 * Checks that everything run needs is installed. Any role that may read stocksync.migration can
 * call it.
 * @return STATUS_OK
 *         STATUS_DATABASE_UNFIT  err lists what is missing and names the command
 *         pg_query's statuses
 */
NODISCARD enum status
install_verify(struct pg_conn *conn, unsigned parts, bool forecast, struct err *err);

/** Likewise, and what a person should know: rights that install would give. */
NODISCARD enum status
install_check(struct pg_conn *conn, unsigned parts, bool forecast, struct err *err);

/**
 * Accepts another Odoo database (its database.uuid) in place of the one published before. The next
 * leader publishes everything again.
 * @param odoo, state  connections; may be the same
 * @return STATUS_OK
 *         STATUS_CONFIG  uuid is not that of the database behind odoo
 *         pg_query's statuses
 */
NODISCARD enum status install_accept_database(struct pg_conn *odoo,
                                              struct pg_conn *state,
                                              const char *uuid,
                                              struct err *err);

#endif

/**
 * install: what stocksync adds to Odoo's database and to the state database, and takes away again.
 *
 * A plan is the list of statements that lead from what is there to what is wanted: it is empty when
 * nothing is to do, it is what
 * --dry-run prints, and it is what install_run executes, in one transaction with lock_timeout 5 s.
 * Two parts: INSTALL_ODOO (marks table, flag column, trigger functions and triggers, in Odoo's
 * database) and INSTALL_STATE (the tables of schemas/sql/state_*.sql); both in one call when state
 * and Odoo share a database, else one call per database. Migrations go forward only and are written
 * down in stocksync.migration(part, version).
 *
 * What install creates carries a comment that begins with "stocksync", so that uninstall knows its
 * own things. Who runs it must own Odoo's tables: Odoo's database role or a superuser. Commands,
 * not the run loop: one caller, one thread.
 */
#ifndef STOCKSYNC_ODOO_INSTALL_H
#define STOCKSYNC_ODOO_INSTALL_H

#include <stdbool.h>

#include "common/core/status.h"
#include "common/core/strbuf.h"
#include "common/pg/pg_conn.h"

enum install_part { INSTALL_ODOO = 1, INSTALL_STATE = 2 };

/** Statements and what they mean. Initialise, use for one call after the other, release. */
struct install_plan {
    struct strbuf sql;   /* statements, each ends with ";\n"; empty: nothing to do */
    struct strbuf notes; /* what it does, for a person, one line each */
    bool required;       /* run cannot do without it; else it only tidies up */
};

void install_plan_init(struct install_plan *plan);
void install_plan_release(struct install_plan *plan);
/** True when there is nothing to do. */
bool install_plan_is_empty(const struct install_plan *plan);

/**
 * Works out what is missing. Reads only.
 *
 * @param parts     set of enum install_part
 * @param forecast  the trigger on stock_move is wanted; when false and it is there, it goes
 * @param plan      [out] replaced
 * @return STATUS_OK
 *         STATUS_DATABASE_UNFIT  not an Odoo 15 database, an older marks table that cannot be
 * adopted (err says why), or a schema newer than this program STATUS_PERMISSION      the role does
 * not own what must be changed; err names the tables and the owner pg_query's statuses
 */
NODISCARD enum status install_plan(struct pg_conn *conn,
                                   unsigned parts,
                                   bool forecast,
                                   struct install_plan *plan,
                                   struct err *err);
/**
 * Plans and executes in one transaction. All or nothing.
 * @return as install_plan, and STATUS_SOURCE_BUSY: a lock was not given within 5 s; try again at a
 * quieter moment
 */
NODISCARD enum status install_run(struct pg_conn *conn,
                                  unsigned parts,
                                  bool forecast,
                                  struct install_plan *plan,
                                  struct err *err);

/**
 * The way back. Without purge the marks table with its rows and the flag column stay; with purge
 * they go too: an adopted table gets its old shape back, and a flag column that install did not
 * create stays in any case.
 */
NODISCARD enum status uninstall_plan(
    struct pg_conn *conn, unsigned parts, bool purge, struct install_plan *plan, struct err *err);
NODISCARD enum status uninstall_run(
    struct pg_conn *conn, unsigned parts, bool purge, struct install_plan *plan, struct err *err);

/**
 * Is what run needs installed? Any role that may read stocksync.migration can ask.
 * @return STATUS_OK, STATUS_DATABASE_UNFIT (err says what is missing and names the command),
 * pg_query's statuses
 */
NODISCARD enum status
install_verify(struct pg_conn *conn, unsigned parts, bool forecast, struct err *err);

/**
 * The GRANT statements for a role that runs both programs and can do nothing else.
 * @param role  as CREATE ROLE had it; quoted here
 */
NODISCARD enum status install_grants(struct pg_conn *conn,
                                     unsigned parts,
                                     bool forecast,
                                     const char *role,
                                     struct strbuf *sql,
                                     struct err *err);
/**
 * Compares the present role with install_grants.
 *
 * @param missing   [out] appended: one line per missing right
 * @param warnings  [out] appended: one line per right that is more than needed, or that gc and
 * status miss
 * @return STATUS_OK also when something is missing: look at missing->len; pg_query's statuses
 */
NODISCARD enum status install_check_role(struct pg_conn *conn,
                                         unsigned parts,
                                         bool forecast,
                                         struct strbuf *missing,
                                         struct strbuf *warnings,
                                         struct err *err);

/**
 * Accepts another cluster in place of the one that the state remembers (restored from a dump):
 * forgets its identifier and timeline, so that the next owner takes the new one and publishes
 * everything again.
 * @param state  connection to the state database
 */
NODISCARD enum status install_accept_new_database(struct pg_conn *state, struct err *err);
/**
 * Accepts another Odoo database (its database.uuid) in place of the one that was published before:
 * the next owner publishes everything again.
 * @param odoo, state  connections; may be the same
 * @return STATUS_OK, STATUS_CONFIG: uuid is not that of the database behind odoo; pg_query's
 * statuses
 */
NODISCARD enum status install_accept_database(struct pg_conn *odoo,
                                              struct pg_conn *state,
                                              const char *uuid,
                                              struct err *err);

#endif

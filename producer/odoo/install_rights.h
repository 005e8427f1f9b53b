/**
 * install_rights: what the database role of both programs may do, as a table of rights.
 *
 * Functions over a borrowed connection. Thread: one.
 */
#ifndef STOCKSYNC_ODOO_INSTALL_RIGHTS_H
#define STOCKSYNC_ODOO_INSTALL_RIGHTS_H

#include <stdbool.h>

#include "common/core/status.h"
#include "common/core/strbuf.h"
#include "common/pg/pg_conn.h"

/**
 * Writes the GRANT statements for a role that runs both programs and can do nothing else.
 *
 * @param parts  set of enum install_part
 * @param role   the name as given to CREATE ROLE; quoted here
 * @param sql    [out] appended
 * @return STATUS_OK, pg_query's statuses
 */
NODISCARD enum status install_grants(struct pg_conn *conn,
                                     unsigned parts,
                                     bool forecast,
                                     const char *role,
                                     struct strbuf *sql,
                                     struct err *err);
/**
 * Compares the current role with install_grants.
 *
 * @param parts     set of enum install_part
 * @param missing   [out] appended: one line per missing right
 * @param warnings  [out] appended: one line per unnecessary right, and per right that gc and status
 *                  lack
 * @return STATUS_OK  also when rights are missing: see missing->len
 *         pg_query's statuses
 */
NODISCARD enum status install_check_role(struct pg_conn *conn,
                                         unsigned parts,
                                         bool forecast,
                                         struct strbuf *missing,
                                         struct strbuf *warnings,
                                         struct err *err);

#endif

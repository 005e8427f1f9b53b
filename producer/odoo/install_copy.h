/**
 * install_copy: what installs do about a copy of Odoo's database whose marks were switched off.
 *
 * A copy has our triggers but no producer: marks would gather without limit. The trigger function
 * note_copy switches the other triggers off when Odoo gives the copy its identity. The comment of
 * its trigger says so, until install has switched them on and marked every product.
 *
 * A copy that keeps its database.uuid cannot be recognised. Functions over a borrowed connection.
 * Thread: one.
 */
#ifndef STOCKSYNC_ODOO_INSTALL_COPY_H
#define STOCKSYNC_ODOO_INSTALL_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/status.h"
#include "common/pg/pg_conn.h"
#include "producer/odoo/install_plan.h"

#define INSTALL_COPY_TEXT 160
/**
 * @param since  [out] "2026-11-30 17:04 UTC: database.uuid changed from … to …"; "": not switched off
 * @return pg_query's statuses
 */
NODISCARD enum status
install_copy_read(struct pg_conn *conn, char since[INSTALL_COPY_TEXT], struct err *err);
/** Last step of a plan: every product gets a mark, and the comment goes. @return pg_query's statuses */
NODISCARD enum status
install_copy_plan(struct pg_conn *conn, struct install_plan *plan, struct err *err);

/** Both marks tables: what shows that nobody reads them. */
struct install_copy_marks {
    int64_t bytes; /* with indexes */
    int64_t age_s; /* of the oldest mark; 0: there is none */
};
NODISCARD enum status
install_copy_marks(struct pg_conn *conn, struct install_copy_marks *marks, struct err *err);
/**
 * A warning for check and status when the oldest mark is older than a day. Pure.
 * @return false: none
 */
bool install_copy_warning(const struct install_copy_marks *marks, char text[256]);

#endif

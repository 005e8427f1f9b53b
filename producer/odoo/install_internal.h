/**
 * install_internal: what the files of install share. For install*.c only.
 */
#ifndef STOCKSYNC_ODOO_INSTALL_INTERNAL_H
#define STOCKSYNC_ODOO_INSTALL_INTERNAL_H

#include <stdbool.h>

#include "common/pg/pg_query.h"
#include "producer/odoo/install.h"
#include "producer/odoo/odoo_version.h"

#define MARKS_QUALIFIED "public." ODOO_MARKS_TABLE

/** Adds one statement, without its ";". */
void plan_add(struct install_plan *plan, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** Adds a whole script, which ends its statements itself. */
void plan_script(struct install_plan *plan, const char *sql);
/** Adds a line for a person about something that run cannot do without. */
void plan_note(struct install_plan *plan, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** Adds a line for a person about something that only tidies up. */
void plan_remark(struct install_plan *plan, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** Adds what a query returns: per row a statement, a line for a person or NULL, and whether run
 * needs it. @param args may be NULL @return as install_plan */
NODISCARD enum status plan_query(struct pg_conn *conn,
                                 const char *sql,
                                 const struct pg_args *args,
                                 struct install_plan *plan,
                                 struct err *err);

/** Creates or adopts the marks table, its settings and its grants. @return as install_plan */
NODISCARD enum status
install_plan_marks(struct pg_conn *conn, struct install_plan *plan, struct err *err);
/** An adopted table gets the trigger that keeps its unique constraint from being hit; the function
 * must exist by then. */
NODISCARD enum status
install_plan_keep(struct pg_conn *conn, struct install_plan *plan, struct err *err);
/** Takes the marks table away, or gives an adopted one its old shape back. */
NODISCARD enum status
uninstall_plan_marks(struct pg_conn *conn, struct install_plan *plan, struct err *err);

#endif

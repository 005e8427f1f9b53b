/**
 * trigger_check: are the triggers in Odoo's database those of schemas/sql/odoo_triggers.sql, and
 * their functions those of odoo_functions.sql and odoo_keep_mark.sql? A trigger that is missing,
 * disabled or altered lets changes pass without a mark. Reads catalogues only, so any role may call
 * it. Functions over a borrowed connection. Thread: the one that uses it.
 */
#ifndef STOCKSYNC_ODOO_TRIGGER_CHECK_H
#define STOCKSYNC_ODOO_TRIGGER_CHECK_H

#include <stdbool.h>

#include "common/core/status.h"
#include "common/core/strbuf.h"
#include "common/pg/pg_conn.h"

/** Appends the functions that are missing or have another body, separated by ", ".
 * @return pg_query's statuses */
NODISCARD enum status
trigger_check_functions(struct pg_conn *conn, struct strbuf *names, struct err *err);

/**
 * Checks triggers and functions.
 * @return STATUS_OK
 *         STATUS_DATABASE_UNFIT  err names what is missing, disabled or altered, and the command
 *         pg_query's statuses
 */
NODISCARD enum status trigger_check(struct pg_conn *conn, bool forecast, struct err *err);

#endif

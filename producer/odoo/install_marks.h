/**
 * install_marks: plans what happens to the marks table: create, adopt, give back.
 *
 * Source of its shape: schemas/sql/marks_create.sql and odoo_marks.sql. Functions read the
 * catalogue over a borrowed connection and add to the plan. Thread: one.
 */
#ifndef STOCKSYNC_ODOO_INSTALL_MARKS_H
#define STOCKSYNC_ODOO_INSTALL_MARKS_H

#include "common/core/status.h"
#include "common/pg/pg_conn.h"
#include "producer/odoo/install_plan.h"

/**
 * Creates or adopts the marks table and creates the quant marks table, with settings and grants. An
 * adopted table with a unique constraint gets the trigger that keeps marks clear of it.
 * @return STATUS_OK
 *         STATUS_DATABASE_UNFIT  an older marks table cannot be adopted; err says why
 *         pg_query's statuses
 */
NODISCARD enum status
install_marks_plan(struct pg_conn *conn, struct install_plan *plan, struct err *err);
/** Drops the marks table, or restores the shape of an adopted one. @return as install_marks_plan */
NODISCARD enum status
install_marks_remove(struct pg_conn *conn, struct install_plan *plan, struct err *err);

#endif

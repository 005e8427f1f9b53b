/**
 * install_plan: a list of statements and of lines that explain them to a person.
 *
 * install, install_marks and the queries that they run add to a plan; nothing here knows what is
 * installed. Calling sequence: install_plan_init, then any of the others, install_plan_release.
 * Thread: one.
 */
#ifndef STOCKSYNC_ODOO_INSTALL_PLAN_H
#define STOCKSYNC_ODOO_INSTALL_PLAN_H

#include <stdbool.h>

#include "common/core/status.h"
#include "common/core/strbuf.h"
#include "common/pg/pg_query.h"

/** What can be installed in a database; a set is an unsigned. */
enum install_part { INSTALL_ODOO = 1, INSTALL_STATE = 2 };

struct install_plan {
    struct strbuf sql;   /* statements, each ends with ";\n"; empty: nothing to do */
    struct strbuf notes; /* what they do, for a person, one line each */
    bool required;       /* run needs it; false: it only tidies up */
    bool advised;        /* run goes on without it, and check asks for it */
};

void install_plan_init(struct install_plan *plan);
void install_plan_release(struct install_plan *plan);
/** Empties the plan and keeps its memory. */
void install_plan_reset(struct install_plan *plan);
/** True when there is nothing to do. */
bool install_plan_is_empty(const struct install_plan *plan);

/** Adds one statement, without its ";". */
void install_plan_add(struct install_plan *plan, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** Adds a script whose statements already end with ";". */
void install_plan_script(struct install_plan *plan, const char *sql);
/** Adds a line about something that run needs. */
void install_plan_note(struct install_plan *plan, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** Adds a line about something that only tidies up. */
void install_plan_remark(struct install_plan *plan, const char *fmt, ...) PRINTF_LIKE(2, 3);
/**
 * Adds the rows that a query returns.
 *
 * Columns:  1  text     a statement
 *           2  text     the line that explains it; NULL: the next row has it
 *           3  boolean  true: run needs it; NULL: check asks for it; false: it only tidies up
 *
 * @param args  may be NULL
 * @return pg_query's statuses
 */
NODISCARD enum status install_plan_query(struct pg_conn *conn,
                                         const char *sql,
                                         const struct pg_args *args,
                                         struct install_plan *plan,
                                         struct err *err);

#endif

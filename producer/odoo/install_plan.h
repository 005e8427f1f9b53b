/**
 * install_plan: a list of statements and of lines that explain them to a person.
 *
 * install, install_marks and the queries that they run add to a plan; nothing here knows what is
 * installed. Statements form steps, and each step is a transaction: install_steps.h runs them.
 * Calling sequence: install_plan_init, then any of the others, install_plan_release. Thread: one.
 */
#ifndef STOCKSYNC_ODOO_INSTALL_PLAN_H
#define STOCKSYNC_ODOO_INSTALL_PLAN_H

#include <stdbool.h>

#include "common/core/bytes.h"
#include "common/core/status.h"
#include "common/core/strbuf.h"
#include "common/pg/pg_query.h"

/** What can be installed in a database; a set is an unsigned. */
enum install_part { INSTALL_ODOO = 1, INSTALL_STATE = 2 };

/** Statements of one transaction. */
struct install_step {
    size_t at;      /* where they begin in the plan's sql; they end where the next step begins */
    char what[96];  /* "triggers on stock_quant" */
    char table[64]; /* of the schema public, locked first; "": none */
    char lock[32];  /* "ACCESS EXCLUSIVE"; "": none */
};

/* Tables of Odoo, the marks tables, and a handful of others. */
#define INSTALL_STEPS_MAX 40

struct install_plan {
    struct install_step steps[INSTALL_STEPS_MAX];
    size_t step_count;
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

/**
 * Begins a step: what is added from now on belongs to it. Before the first call, nothing may be
 * added. A step without statements is left out.
 *
 * @param table, lock  the table and the mode of the lock that the step needs, taken before anything
 *                     else; NULL: none
 */
void install_plan_step(struct install_plan *plan,
                       const char *what,
                       const char *table,
                       const char *lock);
/** The statements of a step. */
struct bytes install_plan_statements(const struct install_plan *plan, size_t step);

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
 *           4  text     the table it changes; another one than the row before begins a step. NULL:
 *                       it belongs to the step of the row before
 *           5  text     the lock of that step; NULL: none
 *
 * @param what  begins the names of these steps: "triggers on "
 * @param args  may be NULL
 * @return pg_query's statuses
 */
NODISCARD enum status install_plan_query(struct pg_conn *conn,
                                         const char *sql,
                                         const struct pg_args *args,
                                         const char *what,
                                         struct install_plan *plan,
                                         struct err *err);

#endif

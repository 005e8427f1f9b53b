/**
 * pg_query: runs statements and checks status and shape of their answers.
 *
 * Arguments and results travel in binary. A statement is prepared on first use, once per
 * connection. The key is the address of its text, which must be static. One owner, as the
 * connection.
 *
 * The SQLSTATE of an error decides its status:
 *
 *     SQLSTATE                            status
 *     57P0x, 08xxx, connection lost       STATUS_SOURCE_LOST; the connection is closed
 *     40001, 40P01, 55P03, 57014,
 *       53xxx, 25006                      STATUS_SOURCE_BUSY
 *     42501                               STATUS_PERMISSION
 *     3F000, 42P01, 42703, 42883          STATUS_DATABASE_UNFIT
 *     any other                           STATUS_INTERNAL
 *
 * err.origin is the SQLSTATE; err.msg has the server's primary message.
 */
#ifndef STOCKSYNC_PG_PG_QUERY_H
#define STOCKSYNC_PG_PG_QUERY_H

#include <stddef.h>

#include "common/core/status.h"
#include "common/pg/pg_args.h"
#include "common/pg/pg_conn.h"
#include "common/pg/pg_rows.h"

/**
 * Runs sql with args and checks the columns.
 *
 * @param sql    static text, one statement
 * @param args   NULL: none
 * @param shape  letters of pg_rows.h; "" for statements without rows
 * @param rows   [out] released and filled; may be NULL when shape is ""
 * @return the table above; STATUS_TOO_LARGE (args); a shape that differs is STATUS_INTERNAL
 */
NODISCARD enum status pg_query(struct pg_conn *conn,
                               const char *sql,
                               const struct pg_args *args,
                               const char *shape,
                               struct pg_rows *rows,
                               struct err *err);

/** A statement of several that travel together: pg_query's parameters. */
struct pg_call {
    const char *sql;
    const struct pg_args *args;
    const char *shape;
    struct pg_rows *rows;
};

/**
 * Runs statements in order, in one trip to the server and back (libpq's pipeline mode). No
 * statement can use the rows of another. After a failure the rest are not run, and no rows are
 * left. Outside a transaction block all of them are one transaction, until a BEGIN among them.
 *
 * @param calls  1 … PG_CALLS_MAX
 * @return as pg_query, of the first that failed
 */
#define PG_CALLS_MAX 8
NODISCARD enum status
pg_query_all(struct pg_conn *conn, const struct pg_call *calls, size_t count, struct err *err);

/**
 * Runs one or more statements without arguments or rows, in text: BEGIN, COMMIT, DDL scripts, SET.
 * On failure inside a transaction block the caller rolls back.
 */
NODISCARD enum status pg_exec(struct pg_conn *conn, const char *sql, struct err *err);
/**
 * Begins a transaction with the next statement, in the same trip; until then nothing is sent.
 *
 * @param sql  static text, "BEGIN …"
 * @return STATUS_OK, STATUS_SOURCE_LOST (the connection is closed); other failures come with the
 *         next statement
 */
NODISCARD enum status pg_begin(struct pg_conn *conn, const char *sql, struct err *err);
/**
 * Sets a savepoint with the next statement, in the same trip. With pg_begin's still to come, sends
 * both now.
 *
 * @param sql  static text, "SAVEPOINT …"
 * @return pg_exec's statuses
 */
NODISCARD enum status pg_savepoint(struct pg_conn *conn, const char *sql, struct err *err);
/** ROLLBACK; a failure only closes the connection, and the server rolls back then. */
void pg_rollback(struct pg_conn *conn);

#endif

/**
 * pg_conn: one connection to PostgreSQL, opened, checked and opened again.
 *
 * Calls wait, but never longer than their limit: 5 s to connect, statement_timeout and 2 s more for
 * an answer. A server that is frozen or behind a black hole ends as STATUS_SOURCE_LOST, and the
 * connection is closed. Closing and rolling back do not wait for such a server either. Once the
 * process is asked to stop, a call has 5 s from then or 3 s from its begin. TCP keepalives and
 * tcp_user_timeout of 20 s let the server notice a vanished client. The 5 s hold for all hosts of a
 * dsn together: after a silence, the next pg_conn_open begins with the next host. One limit is not
 * ours: the system's resolver looks up host names. One owner; one thread at a time.
 */
#ifndef STOCKSYNC_PG_PG_CONN_H
#define STOCKSYNC_PG_PG_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/status.h"

struct pg_conn; /* owns a PGconn; handed out by pg_conn_handle to folders that may use libpq */

struct pg_conn_options {
    const char *dsn;              /* libpq connection string; borrowed until pg_conn_free */
    const char *application_name; /* "stocksync-producer tail" */
    int statement_timeout_ms;     /* 0: none; the server may be silent for an hour then */
    const char *session_sql;      /* run after every (re)connect, may be NULL; static text */
};

/** Makes the object without connecting. */
NODISCARD struct pg_conn *pg_conn_new(const struct pg_conn_options *options);
/** Accepts NULL. */
void pg_conn_free(struct pg_conn *conn);

/**
 * Connects if there is no connection, or if the old one is broken. Sets search_path to pg_catalog
 * (every name in our SQL is qualified), TimeZone UTC, client_encoding UTF8, bytea and float output
 * exact.
 *
 * @return STATUS_OK
 *         STATUS_SOURCE_LOST  server away, starting up, too many connections (class transient)
 *         STATUS_PERMISSION   role or password refused; or the role may not connect
 *         STATUS_DATABASE_UNFIT  the database does not exist
 *         STATUS_CONFIG       dsn malformed, or a pooler in transaction mode
 *         err names host, database and role, never the password
 */
NODISCARD enum status pg_conn_open(struct pg_conn *conn, struct err *err);
/** Closes; the next pg_conn_open connects again, and pg_query prepares its statements again. */
void pg_conn_close(struct pg_conn *conn);
bool pg_conn_is_open(const struct pg_conn *conn);
/**
 * Sets statement_timeout, and with it the limit of a call, for this connection. The next
 * pg_conn_open after a loss begins with that of the options again.
 * @param timeout_ms  1 or more
 * @return pg_conn_open's statuses; the connection is open
 */
NODISCARD enum status pg_conn_set_timeout(struct pg_conn *conn, int timeout_ms, struct err *err);
/** Counts successful connects: a caller that keeps session state (advisory lock) compares it. */
unsigned pg_conn_epoch(const struct pg_conn *conn);
/** Server version as libpq has it, such as 150018; 0 when closed. */
int pg_conn_server_version(const struct pg_conn *conn);

#endif

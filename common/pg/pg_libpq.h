/**
 * pg_libpq: libpq's header, and the part of pg_conn that pg_query uses. For common/pg only.
 *
 * libpq has an opaque struct pg_conn too. Its tag is renamed while the header is read, so that ours
 * keeps the name.
 */
#ifndef STOCKSYNC_PG_PG_LIBPQ_H
#define STOCKSYNC_PG_PG_LIBPQ_H

#define pg_conn libpq_conn  // NOLINT(readability-identifier-naming): a tag of libpq, not ours
#include <libpq-fe.h>
#undef pg_conn

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pg_conn; /* ours: pg_conn.h */

/** libpq's connection; NULL when closed. */
PGconn *pg_conn_handle(const struct pg_conn *conn);

/** How long the server may be silent in a call. */
int64_t pg_conn_limit_us(const struct pg_conn *conn);

/**
 * Name under which the statement at this address is prepared on the present connection.
 *
 * @param name      [out]
 * @param prepared  [out] false: it is not yet; prepare it and call pg_conn_statement_add
 */
#define PG_STATEMENT_NAME_SIZE 16
void pg_conn_statement(const struct pg_conn *conn,
                       const char *sql,
                       char name[PG_STATEMENT_NAME_SIZE],
                       bool *prepared);
void pg_conn_statement_add(struct pg_conn *conn, const char *sql);

/** The statement that has to travel with the next one; NULL: none. See pg_begin. */
const char *pg_conn_begin(const struct pg_conn *conn);
void pg_conn_begin_set(struct pg_conn *conn, const char *sql);

/** Copies the first line of a libpq text, without the "ERROR:  " and SQLSTATE of VERBOSE. */
void pg_text_first_line(const char *text, char *out, size_t out_size);

#endif

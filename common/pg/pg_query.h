/**
 * pg_query: runs one statement and checks status and shape of what came back.
 *
 * Arguments and results travel in binary. Statements that are run often are prepared on first use,
 * per connection, keyed by the address of the SQL text (which must be static). Errors become
 * statuses by SQLSTATE class: connection lost, 57P0x, 08xxx             STATUS_SOURCE_LOST (the
 * connection is closed) 40001, 40P01, 55P03, 57014, 53xxx         STATUS_SOURCE_BUSY 42501
 * STATUS_PERMISSION 3F000, 42P01, 42703, 42883                STATUS_DATABASE_UNFIT everything else
 * STATUS_INTERNAL err.origin is the SQLSTATE; err.msg has the server's primary message. One owner,
 * as the connection.
 */
#ifndef STOCKSYNC_PG_PG_QUERY_H
#define STOCKSYNC_PG_PG_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/bytes.h"
#include "common/core/status.h"
#include "common/core/strbuf.h"
#include "common/pg/pg_conn.h"

#define PG_ARGS_MAX 24

/** A row's place in its table: the system column ctid. */
struct pg_tid {
    uint32_t block;
    uint16_t offset; /* from 1 on */
};

/** Arguments of one call, $1 first. Keeps its memory between calls: pg_args_reset. */
struct pg_args {
    struct strbuf data; /* encoded values, one behind the other */
    struct {
        uint32_t type; /* Oid */
        size_t offset;
        int length; /* -1: NULL */
    } list[PG_ARGS_MAX];
    int count;
};

void pg_args_init(struct pg_args *args, size_t max_bytes);
void pg_args_release(struct pg_args *args);
void pg_args_reset(struct pg_args *args);
void pg_args_null_text(struct pg_args *args);
void pg_args_bool(struct pg_args *args, bool value);
void pg_args_i32(struct pg_args *args, int32_t value);
void pg_args_i64(struct pg_args *args, int64_t value);
void pg_args_f64(struct pg_args *args, double value);
/** NULL text gives SQL NULL. */
void pg_args_text(struct pg_args *args, const char *value);
void pg_args_bytea(struct pg_args *args, struct bytes value);
/** A transaction id, the type of the system column xmin. */
void pg_args_xid(struct pg_args *args, uint32_t value);
void pg_args_tid(struct pg_args *args, struct pg_tid value);
/** Wall time in µs since the Unix epoch, as timestamptz. */
void pg_args_time_us(struct pg_args *args, int64_t wall_us);
void pg_args_i32_array(struct pg_args *args, const int32_t *list, size_t count);
void pg_args_i64_array(struct pg_args *args, const int64_t *list, size_t count);
void pg_args_tid_array(struct pg_args *args, const struct pg_tid *list, size_t count);
void pg_args_f64_array(struct pg_args *args, const double *list, size_t count);
/** timestamptz[] from wall µs. */
void pg_args_time_us_array(struct pg_args *args, const int64_t *list, size_t count);
/** text[]; NULL elements give SQL NULL. */
void pg_args_text_array(struct pg_args *args, const char *const *list, size_t count);

/** Rows of an answer; zero-initialise, release when done. Values stay valid until then. */
struct pg_rows {
    void *result;  /* PGresult */
    int count;     /* rows */
    long affected; /* rows touched by INSERT, UPDATE, DELETE; 0 otherwise */
};

void pg_rows_release(struct pg_rows *rows);

/**
 * Runs sql with args and checks the columns.
 *
 * @param sql    static text, one statement; prepared on first use
 * @param args   NULL: none
 * @param shape  one letter a column: b bool, h int2, i int4, l int8, d float8, t text or varchar or
 * name, y bytea, z timestamptz, a uuid, x xid, c tid;
 *               "" for statements without rows
 * @param rows   [out] released and filled; may be NULL when shape is ""
 * @return see above; a shape that differs is STATUS_INTERNAL
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
 * Runs statements in order in one trip to the server and back (libpq's pipeline mode): for what
 * does not need the rows of one another. After one that fails the rest are not run, and no rows are
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
 * @return STATUS_OK, STATUS_SOURCE_LOST (the connection is closed); the rest comes with the next
 * statement
 */
NODISCARD enum status pg_begin(struct pg_conn *conn, const char *sql, struct err *err);
/** ROLLBACK; a failure only closes the connection, since the server then rolls back by itself. */
void pg_rollback(struct pg_conn *conn);

bool pg_is_null(const struct pg_rows *rows, int row, int column);
bool pg_bool(const struct pg_rows *rows, int row, int column);   /* NULL: false */
int32_t pg_i32(const struct pg_rows *rows, int row, int column); /* h or i; NULL: 0 */
int64_t pg_i64(const struct pg_rows *rows, int row, int column); /* NULL: 0 */
double pg_f64(const struct pg_rows *rows, int row, int column);  /* NULL: 0 */
const char *
pg_text(const struct pg_rows *rows, int row, int column); /* NUL-terminated, NULL: NULL */
struct bytes pg_bytea(const struct pg_rows *rows, int row, int column); /* NULL: ptr NULL */
int64_t pg_time_us(const struct pg_rows *rows, int row, int column);    /* wall µs; NULL: 0 */
uint32_t pg_xid(const struct pg_rows *rows, int row, int column);       /* NULL: 0 */
struct pg_tid pg_tid(const struct pg_rows *rows, int row, int column);  /* NULL: 0, 0 */

#endif

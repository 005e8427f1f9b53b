/**
 * pg_rows: rows of an answer, in PostgreSQL's binary form, with checked columns.
 *
 * Zero-initialise, release when done; values stay valid until then. Rows and columns count from 0.
 * A shape has one letter for each column:
 *
 *     b  bool      d  float8                      z  timestamptz
 *     h  int2      t  text, varchar or name       a  uuid
 *     i  int4      y  bytea                       x  xid
 *     l  int8                                     c  tid
 */
#ifndef STOCKSYNC_PG_PG_ROWS_H
#define STOCKSYNC_PG_PG_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/bytes.h"
#include "common/core/status.h"
#include "common/pg/pg_tid.h"

struct pg_rows {
    void *result;  /* PGresult */
    int count;     /* rows */
    long affected; /* rows touched by INSERT, UPDATE, DELETE; 0 otherwise */
};

void pg_rows_release(struct pg_rows *rows);
/** @return STATUS_OK, STATUS_INTERNAL (number or type of the columns differs from the shape) */
NODISCARD enum status
pg_rows_check_shape(const struct pg_rows *rows, const char *shape, struct err *err);

bool pg_is_null(const struct pg_rows *rows, int row, int column);
bool pg_bool(const struct pg_rows *rows, int row, int column);   /* NULL: false */
int32_t pg_i32(const struct pg_rows *rows, int row, int column); /* h or i; NULL: 0 */
int64_t pg_i64(const struct pg_rows *rows, int row, int column); /* NULL: 0 */
double pg_f64(const struct pg_rows *rows, int row, int column);  /* NULL: 0 */
const char *
pg_text(const struct pg_rows *rows, int row, int column); /* NUL at its end; NULL: NULL */
struct bytes pg_bytea(const struct pg_rows *rows, int row, int column); /* NULL: ptr NULL */
int64_t pg_time_us(const struct pg_rows *rows, int row, int column);    /* wall µs; NULL: 0 */
uint32_t pg_xid(const struct pg_rows *rows, int row, int column);       /* NULL: 0 */
struct pg_tid pg_tid(const struct pg_rows *rows, int row, int column);  /* NULL: 0, 0 */

#endif

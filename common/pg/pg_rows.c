#include "common/pg/pg_rows.h"

#include <string.h>

#include "common/pg/pg_libpq.h"
#include "common/pg/pg_wire.h"

static uint64_t get_be(const char *at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | (unsigned char)at[i];
    }
    return value;
}

void pg_rows_release(struct pg_rows *rows)
{
    PQclear(rows->result);
    *rows = (struct pg_rows){0};
}

static bool type_fits(char letter, unsigned type)
{
    switch (letter) {
    case 'b':
        return type == OID_BOOL;
    case 'h':
        return type == OID_INT2;
    case 'i':
        return type == OID_INT4;
    case 'l':
        return type == OID_INT8;
    case 'd':
        return type == OID_FLOAT8;
    case 't':
        return type == OID_TEXT || type == OID_VARCHAR || type == OID_NAME;
    case 'y':
        return type == OID_BYTEA;
    case 'z':
        return type == OID_TIMESTAMPTZ;
    case 'a':
        return type == OID_UUID;
    case 'x':
        return type == OID_XID;
    case 'c':
        return type == OID_TID;
    default:
        return false;
    }
}

enum status pg_rows_check_shape(const struct pg_rows *rows, const char *shape, struct err *err)
{
    const PGresult *result = rows->result;
    size_t columns = (size_t)PQnfields(result);
    if (columns != strlen(shape)) {
        return err_set(err, STATUS_INTERNAL, "statement gave %zu columns, expected '%s'", columns,
                       shape);
    }
    for (size_t i = 0; i < columns; i++) {
        if (!type_fits(shape[i], PQftype(result, (int)i))) {
            return err_set(err, STATUS_INTERNAL, "column '%s' has type %u, expected '%c'",
                           PQfname(result, (int)i), PQftype(result, (int)i), shape[i]);
        }
    }
    return STATUS_OK;
}

bool pg_is_null(const struct pg_rows *rows, int row, int column)
{
    return PQgetisnull(rows->result, row, column) != 0;
}

bool pg_bool(const struct pg_rows *rows, int row, int column)
{
    return !pg_is_null(rows, row, column) && PQgetvalue(rows->result, row, column)[0] != 0;
}

int32_t pg_i32(const struct pg_rows *rows, int row, int column)
{
    if (pg_is_null(rows, row, column)) {
        return 0;
    }
    const char *at = PQgetvalue(rows->result, row, column);
    if (PQgetlength(rows->result, row, column) == 2) {
        return (int16_t)get_be(at, 2);
    }
    return (int32_t)get_be(at, 4);
}

int64_t pg_i64(const struct pg_rows *rows, int row, int column)
{
    return pg_is_null(rows, row, column)
               ? 0
               : (int64_t)get_be(PQgetvalue(rows->result, row, column), 8);
}

double pg_f64(const struct pg_rows *rows, int row, int column)
{
    double value = 0;
    if (!pg_is_null(rows, row, column)) {
        uint64_t bits = get_be(PQgetvalue(rows->result, row, column), 8);
        memcpy(&value, &bits, sizeof value);
    }
    return value;
}

const char *pg_text(const struct pg_rows *rows, int row, int column)
{
    return pg_is_null(rows, row, column) ? NULL : PQgetvalue(rows->result, row, column);
}

struct bytes pg_bytea(const struct pg_rows *rows, int row, int column)
{
    if (pg_is_null(rows, row, column)) {
        return bytes_of(NULL, 0);
    }
    return bytes_of(PQgetvalue(rows->result, row, column),
                    (size_t)PQgetlength(rows->result, row, column));
}

int64_t pg_time_us(const struct pg_rows *rows, int row, int column)
{
    return pg_is_null(rows, row, column) ? 0 : pg_i64(rows, row, column) + PG_EPOCH_US;
}

uint32_t pg_xid(const struct pg_rows *rows, int row, int column)
{
    return pg_is_null(rows, row, column)
               ? 0
               : (uint32_t)get_be(PQgetvalue(rows->result, row, column), 4);
}

struct pg_tid pg_tid(const struct pg_rows *rows, int row, int column)
{
    struct pg_tid value = {0};
    if (!pg_is_null(rows, row, column)) {
        uint64_t bits = get_be(PQgetvalue(rows->result, row, column), TID_SIZE);
        value = (struct pg_tid){.block = (uint32_t)(bits >> 16), .offset = (uint16_t)bits};
    }
    return value;
}

/**
 * pg_wire: PostgreSQL's binary form of values, shared by pg_args and pg_rows. For common/pg only.
 *
 * Source: the send and recv functions of src/backend/utils/adt.
 */
#ifndef STOCKSYNC_PG_PG_WIRE_H
#define STOCKSYNC_PG_PG_WIRE_H

#include <stdint.h>

/* From src/include/catalog/pg_type.dat; they never change. */
enum pg_oid {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_NAME = 19,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_TID = 27,
    OID_XID = 28,
    OID_FLOAT8 = 701,
    OID_INT4_ARRAY = 1007,
    OID_TEXT_ARRAY = 1009,
    OID_TID_ARRAY = 1010,
    OID_INT8_ARRAY = 1016,
    OID_FLOAT8_ARRAY = 1022,
    OID_VARCHAR = 1043,
    OID_TIMESTAMPTZ = 1184,
    OID_TIMESTAMPTZ_ARRAY = 1185,
    OID_UUID = 2950
};

/* Block in four bytes, offset in two. */
#define TID_SIZE 6

/* PostgreSQL counts microseconds from 2000-01-01. */
#define PG_EPOCH_US INT64_C(946684800000000)

#endif

#include "common/pg/pg_args.h"

#include <string.h>

#include "common/pg/pg_wire.h"

static void put_be(struct strbuf *sb, uint64_t value, size_t size)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(value >> (8 * (size - 1 - i)));
    }
    strbuf_append(sb, bytes, size);
}

void pg_args_init(struct pg_args *args, size_t max_bytes)
{
    strbuf_init(&args->data, max_bytes);
    args->count = 0;
}

void pg_args_release(struct pg_args *args)
{
    strbuf_release(&args->data);
    args->count = 0;
}

void pg_args_reset(struct pg_args *args)
{
    strbuf_reset(&args->data);
    args->count = 0;
}

static void arg_begin(struct pg_args *args, enum pg_oid type)
{
    INVARIANT(args->count < PG_ARGS_MAX, "more than %d arguments", PG_ARGS_MAX);
    args->list[args->count].type = type;
    args->list[args->count].offset = args->data.len;
}

static void arg_end(struct pg_args *args)
{
    args->list[args->count].length = (int)(args->data.len - args->list[args->count].offset);
    args->count++;
}

static void arg_null(struct pg_args *args, enum pg_oid type)
{
    arg_begin(args, type);
    args->list[args->count].length = -1;
    args->count++;
}

static void arg_be(struct pg_args *args, enum pg_oid type, uint64_t value, size_t size)
{
    arg_begin(args, type);
    put_be(&args->data, value, size);
    arg_end(args);
}

void pg_args_null_text(struct pg_args *args)
{
    arg_null(args, OID_TEXT);
}

void pg_args_bool(struct pg_args *args, bool value)
{
    arg_be(args, OID_BOOL, value ? 1 : 0, 1);
}

void pg_args_i32(struct pg_args *args, int32_t value)
{
    arg_be(args, OID_INT4, (uint32_t)value, 4);
}

void pg_args_i64(struct pg_args *args, int64_t value)
{
    arg_be(args, OID_INT8, (uint64_t)value, 8);
}

void pg_args_f64(struct pg_args *args, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    arg_be(args, OID_FLOAT8, bits, 8);
}

void pg_args_text(struct pg_args *args, const char *value)
{
    if (value == NULL) {
        arg_null(args, OID_TEXT);
        return;
    }
    arg_begin(args, OID_TEXT);
    strbuf_append_text(&args->data, value);
    arg_end(args);
}

void pg_args_bytea(struct pg_args *args, struct bytes value)
{
    if (value.ptr == NULL) {
        arg_null(args, OID_BYTEA);
        return;
    }
    arg_begin(args, OID_BYTEA);
    strbuf_append(&args->data, value.ptr, value.len);
    arg_end(args);
}

void pg_args_xid(struct pg_args *args, uint32_t value)
{
    arg_be(args, OID_XID, value, 4);
}

static uint64_t tid_bits(struct pg_tid value)
{
    return (uint64_t)value.block << 16 | value.offset;
}

void pg_args_tid(struct pg_args *args, struct pg_tid value)
{
    arg_be(args, OID_TID, tid_bits(value), TID_SIZE);
}

void pg_args_time_us(struct pg_args *args, int64_t wall_us)
{
    arg_be(args, OID_TIMESTAMPTZ, (uint64_t)(wall_us - PG_EPOCH_US), 8);
}

/*
 * Array: dimensions, "has NULLs", element type, then per dimension its size and lower bound, then
 * per element its length (-1: NULL) and bytes; all big-endian. Source:
 * src/backend/utils/adt/arrayfuncs.c, array_recv.
 */
static void array_header(struct pg_args *args, enum pg_oid element, size_t count, bool has_null)
{
    put_be(&args->data, count > 0 ? 1 : 0, 4);
    put_be(&args->data, has_null ? 1 : 0, 4);
    put_be(&args->data, element, 4);
    if (count > 0) {
        put_be(&args->data, count, 4);
        put_be(&args->data, 1, 4);
    }
}

void pg_args_i32_array(struct pg_args *args, const int32_t *list, size_t count)
{
    arg_begin(args, OID_INT4_ARRAY);
    array_header(args, OID_INT4, count, false);
    for (size_t i = 0; i < count; i++) {
        put_be(&args->data, UINT64_C(4) << 32 | (uint32_t)list[i], 8);
    }
    arg_end(args);
}

void pg_args_tid_array(struct pg_args *args, const struct pg_tid *list, size_t count)
{
    arg_begin(args, OID_TID_ARRAY);
    array_header(args, OID_TID, count, false);
    for (size_t i = 0; i < count; i++) {
        put_be(&args->data, TID_SIZE, 4);
        put_be(&args->data, tid_bits(list[i]), TID_SIZE);
    }
    arg_end(args);
}

void pg_args_f64_array(struct pg_args *args, const double *list, size_t count)
{
    arg_begin(args, OID_FLOAT8_ARRAY);
    array_header(args, OID_FLOAT8, count, false);
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = 0;
        memcpy(&bits, &list[i], sizeof bits);
        put_be(&args->data, 8, 4);
        put_be(&args->data, bits, 8);
    }
    arg_end(args);
}

static void i64_array(struct pg_args *args,
                      enum pg_oid array,
                      enum pg_oid element,
                      const int64_t *list,
                      size_t count,
                      int64_t minus)
{
    arg_begin(args, array);
    array_header(args, element, count, false);
    for (size_t i = 0; i < count; i++) {
        put_be(&args->data, 8, 4);
        put_be(&args->data, (uint64_t)(list[i] - minus), 8);
    }
    arg_end(args);
}

void pg_args_i64_array(struct pg_args *args, const int64_t *list, size_t count)
{
    i64_array(args, OID_INT8_ARRAY, OID_INT8, list, count, 0);
}

void pg_args_time_us_array(struct pg_args *args, const int64_t *list, size_t count)
{
    i64_array(args, OID_TIMESTAMPTZ_ARRAY, OID_TIMESTAMPTZ, list, count, PG_EPOCH_US);
}

void pg_args_text_array(struct pg_args *args, const char *const *list, size_t count)
{
    bool has_null = false;
    for (size_t i = 0; i < count; i++) {
        has_null = has_null || list[i] == NULL;
    }
    arg_begin(args, OID_TEXT_ARRAY);
    array_header(args, OID_TEXT, count, has_null);
    for (size_t i = 0; i < count; i++) {
        if (list[i] == NULL) {
            put_be(&args->data, UINT32_MAX, 4);
        } else {
            size_t length = strlen(list[i]);
            put_be(&args->data, length, 4);
            strbuf_append(&args->data, list[i], length);
        }
    }
    arg_end(args);
}

#include "common/pg/pg_query.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/pg/pg_libpq.h"

/* Oids of src/include/catalog/pg_type.dat: fixed for ever. */
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

static void put_be(struct strbuf *sb, uint64_t value, size_t size)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(value >> (8 * (size - 1 - i)));
    }
    strbuf_append(sb, bytes, size);
}

static uint64_t get_be(const char *at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | (unsigned char)at[i];
    }
    return value;
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

void pg_rows_release(struct pg_rows *rows)
{
    PQclear(rows->result);
    *rows = (struct pg_rows){0};
}

static bool in_class(const char *state, const char *prefix)
{
    return strncmp(state, prefix, strlen(prefix)) == 0;
}

static enum status status_of_sqlstate(const char *state)
{
    static const struct {
        const char *prefix;
        enum status status;
    } table[] = {
        {"57P0", STATUS_SOURCE_LOST},     {"08", STATUS_SOURCE_LOST},
        {"40001", STATUS_SOURCE_BUSY},    {"40P01", STATUS_SOURCE_BUSY},
        {"55P03", STATUS_SOURCE_BUSY},    {"57014", STATUS_SOURCE_BUSY},
        {"53", STATUS_SOURCE_BUSY},       {"25006", STATUS_SOURCE_BUSY},
        {"42501", STATUS_PERMISSION},     {"3F000", STATUS_DATABASE_UNFIT},
        {"42P01", STATUS_DATABASE_UNFIT}, {"42703", STATUS_DATABASE_UNFIT},
        {"42883", STATUS_DATABASE_UNFIT},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (in_class(state, table[i].prefix)) {
            return table[i].status;
        }
    }
    return STATUS_INTERNAL;
}

/* Turns a failed result into a status; closes the connection when it is of no more use. */
static enum status query_failed(struct pg_conn *conn, const PGresult *result, struct err *err)
{
    PGconn *handle = pg_conn_handle(conn);
    const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *text = result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    /* without a code the words are libpq's, about the connection; its status may still say that all
     * is well */
    enum status status = state != NULL ? status_of_sqlstate(state) : STATUS_SOURCE_LOST;
    if (PQstatus(handle) != CONNECTION_OK) {
        status = STATUS_SOURCE_LOST;
    }
    if (text != NULL) {
        (void)err_set_origin(err, status, state != NULL ? state : "", "%s", text);
    } else {
        char line[300];
        pg_text_first_line(PQerrorMessage(handle), line, sizeof line);
        (void)err_set(err, status, "%s", line[0] != '\0' ? line : status_text(status));
    }
    if (status == STATUS_SOURCE_LOST) {
        pg_conn_close(conn);
    }
    return status;
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

static enum status check_shape(const PGresult *result, const char *shape, struct err *err)
{
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

/* Types of the arguments, for preparing; how many. */
static int types_of(const struct pg_args *args, Oid types[PG_ARGS_MAX])
{
    int count = args != NULL ? args->count : 0;
    for (int i = 0; i < count; i++) {
        types[i] = args->list[i].type;
    }
    return count;
}

static enum status prepare(struct pg_conn *conn,
                           const char *sql,
                           const struct pg_args *args,
                           char name[PG_STATEMENT_NAME_SIZE],
                           struct err *err)
{
    bool prepared = false;
    pg_conn_statement(conn, sql, name, &prepared);
    if (prepared) {
        return STATUS_OK;
    }
    Oid types[PG_ARGS_MAX];
    int count = types_of(args, types);
    PGresult *result = PQprepare(pg_conn_handle(conn), name, sql, count, types);
    enum status status = STATUS_OK;
    if (PQresultStatus(result) == PGRES_COMMAND_OK) {
        pg_conn_statement_add(conn, sql);
    } else {
        status = query_failed(conn, result, err);
    }
    PQclear(result);
    return status;
}

static enum status need_open(const struct pg_conn *conn, struct err *err)
{
    return pg_conn_is_open(conn) ? STATUS_OK
                                 : err_set(err, STATUS_SOURCE_LOST, "connection is closed");
}

/* Arguments as libpq takes them: pointers into them. */
struct parameters {
    const char *values[PG_ARGS_MAX];
    int lengths[PG_ARGS_MAX];
    int formats[PG_ARGS_MAX];
    int count;
};

static void take_args(const struct pg_args *args, struct parameters *p)
{
    p->count = args != NULL ? args->count : 0;
    for (int i = 0; i < p->count; i++) {
        bool null = args->list[i].length < 0;
        p->values[i] = null ? NULL : args->data.ptr + args->list[i].offset;
        p->lengths[i] = null ? 0 : args->list[i].length;
        p->formats[i] = 1;
    }
}

static PGresult *execute(struct pg_conn *conn, const char *name, const struct pg_args *args)
{
    struct parameters p;
    take_args(args, &p);
    return PQexecPrepared(pg_conn_handle(conn), name, p.count, p.values, p.lengths, p.formats, 1);
}

/* What a statement gave: its rows, or why not. Takes over the result. */
static enum status take_result(struct pg_conn *conn,
                               PGresult *result,
                               const char *shape,
                               struct pg_rows *rows,
                               struct err *err)
{
    ExecStatusType got = PQresultStatus(result);
    enum status status = got == PGRES_TUPLES_OK || got == PGRES_COMMAND_OK
                             ? check_shape(result, shape, err)
                             : query_failed(conn, result, err);
    if (status == STATUS_OK && rows != NULL) {
        rows->result = result;
        rows->count = PQntuples(result);
        rows->affected = strtol(PQcmdTuples(result), NULL, 10);
        return STATUS_OK;
    }
    PQclear(result);
    return status;
}

/* What must be so before a statement is sent. */
static enum status
check_call(const struct pg_conn *conn, const struct pg_call *call, struct err *err)
{
    INVARIANT(call->rows != NULL || call->shape[0] == '\0', "no place for the rows of '%s'",
              call->sql);
    enum status status = need_open(conn, err);
    return status == STATUS_OK && call->args != NULL
               ? strbuf_check(&call->args->data, "arguments of a statement", err)
               : status;
}

enum status pg_query(struct pg_conn *conn,
                     const char *sql,
                     const struct pg_args *args,
                     const char *shape,
                     struct pg_rows *rows,
                     struct err *err)
{
    struct pg_call call = {.sql = sql, .args = args, .shape = shape, .rows = rows};
    char name[PG_STATEMENT_NAME_SIZE];
    if (pg_conn_begin(conn) != NULL) {
        return pg_query_all(conn, &call, 1, err);
    }
    if (rows != NULL) {
        pg_rows_release(rows);
    }
    enum status status = check_call(conn, &call, err);
    if (status == STATUS_OK) {
        status = prepare(conn, sql, args, name, err);
    }
    return status == STATUS_OK ? take_result(conn, execute(conn, name, args), shape, rows, err)
                               : status;
}

/* --- several in one trip --- */

/* Prepares what is not yet, each in a trip of its own: once for a connection. */
static enum status prepare_all(struct pg_conn *conn,
                               const struct pg_call *calls,
                               size_t count,
                               char names[][PG_STATEMENT_NAME_SIZE],
                               struct err *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = check_call(conn, &calls[i], err);
        if (status == STATUS_OK) {
            status = prepare(conn, calls[i].sql, calls[i].args, names[i], err);
        }
    }
    return status;
}

static bool send_call(PGconn *handle, const char *name, const struct pg_args *args)
{
    struct parameters p;
    take_args(args, &p);
    return PQsendQueryPrepared(handle, name, p.count, p.values, p.lengths, p.formats, 1) != 0;
}

/* The result of the next queued command, without the NULL that ends it. */
static PGresult *next_result(PGconn *handle)
{
    PGresult *result = PQgetResult(handle);
    if (result != NULL && PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
        PQclear(PQgetResult(handle));
    }
    return result;
}

/* Reads up to the end of the trip; false: the connection is of no more use. */
static bool end_trip(PGconn *handle)
{
    ExecStatusType got = PGRES_COMMAND_OK;
    while (got != PGRES_PIPELINE_SYNC) {
        PGresult *result = next_result(handle);
        if (result == NULL || PQstatus(handle) != CONNECTION_OK) {
            PQclear(result);
            return false;
        }
        got = PQresultStatus(result);
        PQclear(result);
    }
    return PQexitPipelineMode(handle) == 1;
}

static enum status run_trip(struct pg_conn *conn,
                            const struct pg_call *calls,
                            size_t count,
                            char names[][PG_STATEMENT_NAME_SIZE],
                            struct err *err)
{
    PGconn *handle = pg_conn_handle(conn);
    enum status status = STATUS_OK;
    bool sent = PQenterPipelineMode(handle) == 1;
    for (size_t i = 0; sent && i < count; i++) {
        sent = send_call(handle, names[i], calls[i].args);
    }
    if (!sent || PQpipelineSync(handle) != 1) {
        return query_failed(conn, NULL, err);
    }
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = take_result(conn, next_result(handle), calls[i].shape, calls[i].rows, err);
    }
    if (!pg_conn_is_open(conn) || end_trip(handle)) {
        return status;
    }
    if (status == STATUS_OK) {
        return query_failed(conn, NULL, err);
    }
    pg_conn_close(conn);
    return status;
}

static void release_all(const struct pg_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (calls[i].rows != NULL) {
            pg_rows_release(calls[i].rows);
        }
    }
}

enum status
pg_query_all(struct pg_conn *conn, const struct pg_call *calls, size_t count, struct err *err)
{
    char names[PG_CALLS_MAX + 1][PG_STATEMENT_NAME_SIZE];
    struct pg_call all[PG_CALLS_MAX + 1];
    size_t begin = pg_conn_begin(conn) != NULL ? 1 : 0;
    INVARIANT(count > 0 && count <= PG_CALLS_MAX, "%zu statements in one trip", count);
    all[0] = (struct pg_call){.sql = pg_conn_begin(conn), .shape = ""};
    memcpy(all + begin, calls, count * sizeof *calls);
    release_all(calls, count);
    enum status status = prepare_all(conn, all, begin + count, names, err);
    if (status == STATUS_OK) {
        pg_conn_begin_set(conn, NULL);
        status = run_trip(conn, all, begin + count, names, err);
    }
    if (status != STATUS_OK) {
        release_all(calls, count);
    }
    return status;
}

enum status pg_exec(struct pg_conn *conn, const char *sql, struct err *err)
{
    enum status status = need_open(conn, err);
    if (status != STATUS_OK) {
        return status;
    }
    if (pg_conn_begin(conn) != NULL) {
        const char *begin = pg_conn_begin(conn);
        pg_conn_begin_set(conn, NULL);
        status = pg_exec(conn, begin, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    PGresult *result = PQexec(pg_conn_handle(conn), sql);
    ExecStatusType got = PQresultStatus(result);
    if (got != PGRES_COMMAND_OK && got != PGRES_TUPLES_OK && got != PGRES_EMPTY_QUERY) {
        status = query_failed(conn, result, err);
    }
    PQclear(result);
    return status;
}

enum status pg_begin(struct pg_conn *conn, const char *sql, struct err *err)
{
    enum status status = need_open(conn, err);
    if (status == STATUS_OK) {
        pg_conn_begin_set(conn, sql);
    }
    return status;
}

void pg_rollback(struct pg_conn *conn)
{
    struct err ignored;
    pg_conn_begin_set(conn, NULL);
    if (pg_conn_is_open(conn) && pg_exec(conn, "ROLLBACK", &ignored) != STATUS_OK) {
        pg_conn_close(conn);
    }
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

#include "common/pg/pg_query.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/signals.h"
#include "common/pg/pg_libpq.h"
#include "common/pg/pg_wait.h"

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

/* Turns a failed result into a status; closes the connection when it is lost. */
static enum status query_failed(struct pg_conn *conn, const PGresult *result, struct err *err)
{
    PGconn *handle = pg_conn_handle(conn);
    const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *text = result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    /* Without a code the text is libpq's, about the connection, whose status may still be good. */
    enum status rc = state != NULL ? status_of_sqlstate(state) : STATUS_SOURCE_LOST;
    if (PQstatus(handle) != CONNECTION_OK) {
        rc = STATUS_SOURCE_LOST;
    }
    if (text != NULL) {
        (void)err_set_origin(err, rc, state != NULL ? state : "", "%s", text);
    } else {
        char line[300];
        pg_text_first_line(PQerrorMessage(handle), line, sizeof line);
        (void)err_set(err, rc, "%s", line[0] != '\0' ? line : status_text(rc));
    }
    if (rc == STATUS_SOURCE_LOST) {
        pg_conn_close(conn);
    }
    return rc;
}

/* No answer within the limit. What the server did is unknown, so the connection cannot be used. */
static enum status server_silent(struct pg_conn *conn, const struct pg_wait *wait, struct err *err)
{
    bool stopping = signals_stop_us() != 0;
    (void)err_set(err, STATUS_SOURCE_LOST, "the database server is silent for %lld s%s",
                  (long long)((clock_monotonic_us() - wait->begun_us) / 1000000),
                  stopping ? ", and the process was asked to stop" : "");
    pg_conn_close(conn);
    return STATUS_SOURCE_LOST;
}

static enum status
failed(struct pg_conn *conn, const struct pg_wait *wait, const PGresult *result, struct err *err)
{
    return wait->late ? server_silent(conn, wait, err) : query_failed(conn, result, err);
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

static void begin_wait(const struct pg_conn *conn, struct pg_wait *wait)
{
    pg_wait_begin(wait, pg_conn_handle(conn), pg_conn_limit_us(conn));
}

/* The result of a statement that was sent, without the NULL that ends it. NULL: see pg_wait. */
static PGresult *only_result(struct pg_wait *wait, bool sent)
{
    PGresult *result = sent && pg_wait_flush(wait) ? pg_wait_result(wait) : NULL;
    if (result != NULL) {
        PQclear(pg_wait_result(wait));
    }
    return result;
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
    struct pg_wait wait;
    begin_wait(conn, &wait);
    bool sent = PQsendPrepare(wait.handle, name, sql, count, types) == 1;
    PGresult *result = only_result(&wait, sent);
    enum status rc = STATUS_OK;
    if (PQresultStatus(result) == PGRES_COMMAND_OK) {
        pg_conn_statement_add(conn, sql);
    } else {
        rc = failed(conn, &wait, result, err);
    }
    PQclear(result);
    return rc;
}

static enum status need_open(const struct pg_conn *conn, struct err *err)
{
    return pg_conn_is_open(conn) ? STATUS_OK
                                 : err_set(err, STATUS_SOURCE_LOST, "connection is closed");
}

/* Arguments as libpq takes them, pointing into struct pg_args. */
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

static bool send_call(PGconn *handle, const char *name, const struct pg_args *args)
{
    struct parameters p;
    take_args(args, &p);
    return PQsendQueryPrepared(handle, name, p.count, p.values, p.lengths, p.formats, 1) != 0;
}

/* Takes over the result, as rows or as the reason why there are none. */
static enum status take_result(struct pg_conn *conn,
                               const struct pg_wait *wait,
                               PGresult *result,
                               const char *shape,
                               struct pg_rows *rows,
                               struct err *err)
{
    ExecStatusType got = PQresultStatus(result);
    struct pg_rows taken = {.result = result};
    enum status rc = got == PGRES_TUPLES_OK || got == PGRES_COMMAND_OK
                         ? pg_rows_check_shape(&taken, shape, err)
                         : failed(conn, wait, result, err);
    if (rc != STATUS_OK || rows == NULL) {
        pg_rows_release(&taken);
        return rc;
    }
    taken.count = PQntuples(result);
    taken.affected = strtol(PQcmdTuples(result), NULL, 10);
    *rows = taken;
    return STATUS_OK;
}

/* Before a statement is sent. */
static enum status
check_call(const struct pg_conn *conn, const struct pg_call *call, struct err *err)
{
    INVARIANT(call->rows != NULL || call->shape[0] == '\0', "no place for the rows of '%s'",
              call->sql);
    enum status rc = need_open(conn, err);
    if (rc != STATUS_OK || call->args == NULL) {
        return rc;
    }
    return strbuf_check(&call->args->data, "arguments of a statement", err);
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
    enum status rc = check_call(conn, &call, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = prepare(conn, sql, args, name, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct pg_wait wait;
    begin_wait(conn, &wait);
    bool sent = send_call(wait.handle, name, args);
    return take_result(conn, &wait, only_result(&wait, sent), shape, rows, err);
}

/* --- several in one trip --- */

/* Prepares each statement that is not prepared yet. That costs a trip, once per connection. */
static enum status prepare_all(struct pg_conn *conn,
                               const struct pg_call *calls,
                               size_t count,
                               char names[][PG_STATEMENT_NAME_SIZE],
                               struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        enum status rc = check_call(conn, &calls[i], err);
        if (rc != STATUS_OK) {
            return rc;
        }
        rc = prepare(conn, calls[i].sql, calls[i].args, names[i], err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

/* The result of the next queued command, without the NULL that ends it. */
static PGresult *next_result(struct pg_wait *wait)
{
    PGresult *result = pg_wait_result(wait);
    if (result != NULL && PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
        PQclear(pg_wait_result(wait));
    }
    return result;
}

/* Reads up to the end of the trip. @return false: the connection is lost, or late */
static bool end_trip(struct pg_wait *wait)
{
    ExecStatusType got = PGRES_COMMAND_OK;
    while (got != PGRES_PIPELINE_SYNC) {
        PGresult *result = next_result(wait);
        if (result == NULL || PQstatus(wait->handle) != CONNECTION_OK) {
            PQclear(result);
            return false;
        }
        got = PQresultStatus(result);
        PQclear(result);
    }
    return PQexitPipelineMode(wait->handle) == 1;
}

static bool send_trip(struct pg_wait *wait,
                      const struct pg_call *calls,
                      size_t count,
                      char names[][PG_STATEMENT_NAME_SIZE])
{
    bool sent = PQenterPipelineMode(wait->handle) == 1;
    for (size_t i = 0; sent && i < count; i++) {
        sent = send_call(wait->handle, names[i], calls[i].args);
    }
    return sent && PQpipelineSync(wait->handle) == 1 && pg_wait_flush(wait);
}

static enum status run_trip(struct pg_conn *conn,
                            const struct pg_call *calls,
                            size_t count,
                            char names[][PG_STATEMENT_NAME_SIZE],
                            struct err *err)
{
    struct pg_wait wait;
    enum status rc = STATUS_OK;
    begin_wait(conn, &wait);
    if (!send_trip(&wait, calls, count, names)) {
        return failed(conn, &wait, NULL, err);
    }
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        rc = take_result(conn, &wait, next_result(&wait), calls[i].shape, calls[i].rows, err);
    }
    if (!pg_conn_is_open(conn) || end_trip(&wait)) {
        return rc;
    }
    if (rc == STATUS_OK) {
        return failed(conn, &wait, NULL, err);
    }
    pg_conn_close(conn);
    return rc;
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
    enum status rc = prepare_all(conn, all, begin + count, names, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_conn_begin_set(conn, NULL);
    rc = run_trip(conn, all, begin + count, names, err);
    if (rc != STATUS_OK) {
        release_all(calls, count);
    }
    return rc;
}

enum status pg_exec(struct pg_conn *conn, const char *sql, struct err *err)
{
    enum status rc = need_open(conn, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    const char *begin = pg_conn_begin(conn);
    if (begin != NULL) {
        pg_conn_begin_set(conn, NULL);
        rc = pg_exec(conn, begin, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    struct pg_wait wait;
    begin_wait(conn, &wait);
    PGresult *result = pg_wait_exec(&wait, sql);
    ExecStatusType got = PQresultStatus(result);
    if (got != PGRES_COMMAND_OK && got != PGRES_TUPLES_OK && got != PGRES_EMPTY_QUERY) {
        rc = failed(conn, &wait, result, err);
    }
    PQclear(result);
    return rc;
}

enum status pg_begin(struct pg_conn *conn, const char *sql, struct err *err)
{
    enum status rc = need_open(conn, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_conn_begin_set(conn, sql);
    return STATUS_OK;
}

enum status pg_savepoint(struct pg_conn *conn, const char *sql, struct err *err)
{
    return pg_conn_begin(conn) != NULL ? pg_exec(conn, sql, err) : pg_begin(conn, sql, err);
}

void pg_rollback(struct pg_conn *conn)
{
    struct err ignored;
    pg_conn_begin_set(conn, NULL);
    if (pg_conn_is_open(conn) && pg_exec(conn, "ROLLBACK", &ignored) != STATUS_OK) {
        pg_conn_close(conn);
    }
}

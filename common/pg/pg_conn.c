#include "common/pg/pg_conn.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/pg/pg_hosts.h"
#include "common/pg/pg_libpq.h"
#include "common/pg/pg_pooler.h"
#include "common/pg/pg_wait.h"

#define CONNECT_TIMEOUT_US INT64_C(5000000)
/* A server that lives answers at its own timeout. */
#define ANSWER_MARGIN_US INT64_C(2000000)
/* Of a statement without timeout: an installation may wait for Odoo. */
#define SILENCE_MAX_US INT64_C(3600000000)

#define TIMEOUT_SQL_SIZE 64

/*
 * Settings of every session. A name that an older server lacks in pg_settings sets nothing. The
 * keepalives let the server notice a vanished client within half a minute instead of two hours; an
 * advisory lock lives that long.
 */
static const char SESSION_SETTINGS[] =
    "SELECT pg_catalog.set_config(s.name, v.value, false)"
    " FROM (VALUES ('search_path', 'pg_catalog'), ('TimeZone', 'UTC'), ('extra_float_digits', '3'),"
    " ('bytea_output', 'hex'), ('DateStyle', 'ISO'), ('jit', 'off'),"
    " ('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '5'),"
    " ('tcp_keepalives_count', '3'), ('tcp_user_timeout', '20000'),"
    " ('idle_session_timeout', '0')) AS v(name, value)"
    " JOIN pg_catalog.pg_settings s ON s.name = v.name";

struct pg_conn {
    struct pg_conn_options options;
    PGconn *handle;
    unsigned epoch;
    unsigned first_host;     /* to begin with, of those in the dsn; another one after a silence */
    int timeout_ms;          /* statement_timeout of this connection */
    const char **statements; /* addresses of prepared SQL texts; the index is the name */
    size_t statement_count;
    size_t statement_capacity;
    const char *begin; /* to travel with the next statement; NULL: none */
};

struct pg_conn *pg_conn_new(const struct pg_conn_options *options)
{
    struct pg_conn *conn = mem_calloc(1, sizeof *conn);
    conn->options = *options;
    return conn;
}

void pg_conn_free(struct pg_conn *conn)
{
    if (conn == NULL) {
        return;
    }
    pg_conn_close(conn);
    mem_free(conn->statements);
    mem_free(conn);
}

void pg_conn_close(struct pg_conn *conn)
{
    if (conn->handle != NULL) {
        PQfinish(conn->handle);
        conn->handle = NULL;
    }
    conn->statement_count = 0;
    conn->begin = NULL;
}

bool pg_conn_is_open(const struct pg_conn *conn)
{
    return conn->handle != NULL && PQstatus(conn->handle) == CONNECTION_OK;
}

unsigned pg_conn_epoch(const struct pg_conn *conn)
{
    return conn->epoch;
}

int pg_conn_server_version(const struct pg_conn *conn)
{
    return conn->handle != NULL ? PQserverVersion(conn->handle) : 0;
}

PGconn *pg_conn_handle(const struct pg_conn *conn)
{
    return conn->handle;
}

int64_t pg_conn_limit_us(const struct pg_conn *conn)
{
    int64_t timeout_us = (int64_t)conn->timeout_ms * 1000;
    return timeout_us > 0 ? timeout_us + ANSWER_MARGIN_US : SILENCE_MAX_US;
}

void pg_conn_begin_set(struct pg_conn *conn, const char *sql)
{
    conn->begin = sql;
}

const char *pg_conn_begin(const struct pg_conn *conn)
{
    return conn->begin;
}

void pg_conn_statement(const struct pg_conn *conn,
                       const char *sql,
                       char name[PG_STATEMENT_NAME_SIZE],
                       bool *prepared)
{
    size_t i = 0;
    while (i < conn->statement_count && conn->statements[i] != sql) {
        i++;
    }
    *prepared = i < conn->statement_count;
    (void)snprintf(name, PG_STATEMENT_NAME_SIZE, "s%zu", i);
}

void pg_conn_statement_add(struct pg_conn *conn, const char *sql)
{
    if (conn->statement_count == conn->statement_capacity) {
        conn->statement_capacity =
            mem_grow_capacity(conn->statement_capacity, conn->statement_count + 1);
        conn->statements =
            mem_realloc(conn->statements, conn->statement_capacity, sizeof *conn->statements);
    }
    conn->statements[conn->statement_count++] = sql;
}

/* Finds ":  28P01: " as VERBOSE writes it behind the (translated) severity. NULL: none. */
static const char *find_sqlstate(const char *text)
{
    for (const char *at = strstr(text, ":  "); at != NULL; at = strstr(at + 1, ":  ")) {
        const char *code = at + 3;
        size_t n = 0;
        while (n < 5 &&
               (isdigit((unsigned char)code[n]) != 0 || isupper((unsigned char)code[n]) != 0)) {
            n++;
        }
        if (n == 5 && code[5] == ':' && code[6] == ' ') {
            return code;
        }
    }
    return NULL;
}

void pg_text_first_line(const char *text, char *out, size_t out_size)
{
    const char *code = find_sqlstate(text);
    const char *start = code != NULL ? code + 7 : text;
    int length = (int)strcspn(start, "\n");
    (void)snprintf(out, out_size, "%.*s", length, start);
}

static const char *or_default(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : "(default)";
}

/* Authentication (28…), an unknown database (3D000) and a missing right to connect need a person,
 * but may be mended while we wait: a database is absent while it is restored. */
static enum status connect_failed(struct pg_conn *conn, struct err *err)
{
    const char *text = PQerrorMessage(conn->handle);
    const char *code = find_sqlstate(text);
    char origin[6] = "";
    char line[300];
    enum status rc = STATUS_SOURCE_LOST;
    if (code != NULL) {
        memcpy(origin, code, 5);
        if (strncmp(origin, "28", 2) == 0 || strcmp(origin, "42501") == 0) {
            rc = STATUS_PERMISSION;
        } else if (strcmp(origin, "3D000") == 0) {
            rc = STATUS_DATABASE_UNFIT;
        }
    }
    if (PQconnectionNeedsPassword(conn->handle)) {
        rc = STATUS_PERMISSION;
    }
    pg_text_first_line(text, line, sizeof line);
    (void)err_set_origin(err, rc, origin,
                         "cannot connect to database '%s' on '%s' port %s as '%s': %s",
                         or_default(PQdb(conn->handle)), or_default(PQhost(conn->handle)),
                         or_default(PQport(conn->handle)), or_default(PQuser(conn->handle)), line);
    pg_conn_close(conn);
    return rc;
}

static enum status connect_late(struct pg_conn *conn, struct err *err)
{
    (void)err_set(err, STATUS_SOURCE_LOST, "no answer from database server '%s' port %s within 5 s",
                  or_default(PQhost(conn->handle)), or_default(PQport(conn->handle)));
    pg_conn_close(conn);
    conn->first_host++;
    return STATUS_SOURCE_LOST;
}

static enum status handshake(struct pg_conn *conn, struct err *err)
{
    struct pg_wait wait;
    pg_wait_begin(&wait, conn->handle, CONNECT_TIMEOUT_US);
    if (pg_wait_connect(&wait)) {
        return STATUS_OK;
    }
    return wait.late ? connect_late(conn, err) : connect_failed(conn, err);
}

static enum status refuse_pooler(struct pg_conn *conn,
                                 const char *const *keys,
                                 const char *const *values,
                                 struct err *err)
{
    struct pg_wait wait;
    pg_wait_begin(&wait, conn->handle, CONNECT_TIMEOUT_US);
    bool shared = pg_pooler_shares_process(&wait, keys, values);
    if (wait.late) {
        return connect_late(conn, err);
    }
    if (!shared) {
        return STATUS_OK;
    }
    (void)err_set(err, STATUS_CONFIG,
                  "host '%s' port %s is a pooler in transaction mode (PgBouncer, pool_mode = "
                  "transaction): settings and locks of a session do not hold. Connect to "
                  "PostgreSQL itself or to a pool with pool_mode = session",
                  or_default(PQhost(conn->handle)), or_default(PQport(conn->handle)));
    pg_conn_close(conn);
    return STATUS_CONFIG;
}

/* Notices of the server would otherwise land on standard error, between the log lines. */
static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

static enum status run_setup(struct pg_conn *conn, const char *sql, struct err *err)
{
    struct pg_wait wait;
    pg_wait_begin(&wait, conn->handle, CONNECT_TIMEOUT_US);
    PGresult *result = pg_wait_exec(&wait, sql);
    ExecStatusType got = PQresultStatus(result);
    PQclear(result);
    if (got == PGRES_COMMAND_OK || got == PGRES_TUPLES_OK) {
        return STATUS_OK;
    }
    enum status rc = wait.late ? connect_late(conn, err) : connect_failed(conn, err);
    (void)err_prefix(err, "session settings");
    return rc;
}

static void format_timeout(int timeout_ms, char sql[TIMEOUT_SQL_SIZE])
{
    (void)snprintf(sql, TIMEOUT_SQL_SIZE, "SET statement_timeout = %d", timeout_ms);
}

static enum status set_up_session(struct pg_conn *conn, struct err *err)
{
    char timeout[TIMEOUT_SQL_SIZE];
    conn->timeout_ms = conn->options.statement_timeout_ms;
    format_timeout(conn->timeout_ms, timeout);
    enum status rc = run_setup(conn, SESSION_SETTINGS, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = run_setup(conn, timeout, err);
    if (rc != STATUS_OK || conn->options.session_sql == NULL) {
        return rc;
    }
    return run_setup(conn, conn->options.session_sql, err);
}

static enum status connect_to(struct pg_conn *conn, const struct pg_hosts *hosts, struct err *err)
{
    /* Later entries win: keepalives are the dsn's where it has them, the rest is ours. */
    const char *const keys[] = {"keepalives",
                                "keepalives_idle",
                                "keepalives_interval",
                                "keepalives_count",
                                "tcp_user_timeout",
                                "connect_timeout",
                                "dbname",
                                "host",
                                "hostaddr",
                                "port",
                                "client_encoding",
                                "application_name",
                                NULL};
    const char *const values[] = {"1",
                                  "10",
                                  "5",
                                  "3",
                                  "20000",
                                  "5",
                                  conn->options.dsn,
                                  hosts->host,
                                  hosts->hostaddr,
                                  hosts->port,
                                  "UTF8",
                                  conn->options.application_name,
                                  NULL};
    conn->handle = PQconnectStartParams(keys, values, 1);
    if (conn->handle == NULL) {
        return err_set(err, STATUS_SOURCE_LOST, "libpq has no memory for a connection");
    }
    if (PQstatus(conn->handle) == CONNECTION_BAD) {
        return connect_failed(conn, err);
    }
    (void)PQsetErrorVerbosity(conn->handle, PQERRORS_VERBOSE);
    (void)PQsetNoticeReceiver(conn->handle, ignore_notice, NULL);
    enum status rc = handshake(conn, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    return refuse_pooler(conn, keys, values, err);
}

enum status pg_conn_open(struct pg_conn *conn, struct err *err)
{
    struct pg_hosts hosts;
    if (pg_conn_is_open(conn)) {
        return STATUS_OK;
    }
    pg_conn_close(conn);
    enum status rc = pg_hosts_read(conn->options.dsn, conn->first_host, &hosts, err);
    if (rc == STATUS_OK) {
        rc = connect_to(conn, &hosts, err);
    }
    pg_hosts_release(&hosts);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = set_up_session(conn, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    (void)PQsetErrorVerbosity(conn->handle, PQERRORS_DEFAULT);
    conn->epoch++;
    return STATUS_OK;
}

enum status pg_conn_set_timeout(struct pg_conn *conn, int timeout_ms, struct err *err)
{
    char sql[TIMEOUT_SQL_SIZE];
    format_timeout(timeout_ms, sql);
    enum status rc = run_setup(conn, sql, err);
    if (rc == STATUS_OK) {
        conn->timeout_ms = timeout_ms;
    }
    return rc;
}

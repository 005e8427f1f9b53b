#include "producer/odoo/install_steps.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/signals.h"
#include "common/pg/pg_query.h"

#define MOD "install"

#define BACKOFF_FIRST_US INT64_C(100000)
#define BACKOFF_MAX_US   INT64_C(500000)
/* How often the log says that a step still waits. */
#define SAY_AGAIN_US INT64_C(10000000)
/* A step is a script at most. */
#define STEP_MAX_BYTES ((size_t)256 * 1024)

/*
 * A commit that waits for a disk or a standby would hold the lock meanwhile. The last transaction
 * of install_steps_run makes the earlier ones durable.
 *
 * PostgreSQL cancels an autovacuum that is in the way after deadlock_timeout, which only a superuser
 * may shorten.
 */
static const char BEGIN_STEP[] =
    "SET LOCAL synchronous_commit = off;\n"
    "SELECT pg_catalog.set_config('deadlock_timeout', '20ms', true)"
    " FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper;\n";
static const char END_STEP[] = "COMMIT;\n";
static const char MAKE_DURABLE[] = "BEGIN; SELECT pg_catalog.txid_current(); COMMIT";

/* The number is the same in every install. */
static const char TRY_LOCK[] = "SELECT pg_try_advisory_lock(6004, 2)";
static const char UNLOCK[] = "SELECT pg_advisory_unlock(6004, 2)";

#define HOLDER                                                                                     \
    "SELECT COALESCE('process ' || l.pid, 'a prepared transaction')"                               \
    " || COALESCE(' of ' || a.usename, '')"                                                        \
    " || CASE WHEN a.backend_type LIKE 'autovacuum%' THEN ', an autovacuum' ELSE '' END"           \
    " || COALESCE(', ' || NULLIF(a.application_name, ''), '') || COALESCE(', ' || a.state, '')"    \
    " || COALESCE(', transaction since ' || to_char(a.xact_start, 'HH24:MI:SS TZ'), '')"           \
    " || COALESCE(', query since ' || to_char(a.query_start, 'HH24:MI:SS TZ') || ': '"             \
    " || left(regexp_replace(a.query, '\\s+', ' ', 'g'), 100), '')"                                \
    " FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid"                               \
    " WHERE l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()"                                 \
    " AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())"

/* The longest transaction that is in the way of $2 on the table $1. */
static const char TABLE_HOLDER[] =
    HOLDER " AND l.locktype = 'relation' AND l.relation = to_regclass('public.' || quote_ident($1))"
           " AND (l.mode NOT IN ('AccessShareLock', 'RowShareLock') OR $2 = 'ACCESS EXCLUSIVE')"
           " ORDER BY a.xact_start NULLS LAST LIMIT 1";
static const char LOCK_HOLDER[] =
    HOLDER " AND l.locktype = 'advisory' AND l.classid = 6004 AND l.objid = 2 LIMIT 1";

struct install_pace install_pace_begin(int64_t wait_ms)
{
    return (struct install_pace){.deadline_us = clock_monotonic_us() + wait_ms * 1000,
                                 .wait_ms = wait_ms};
}

int64_t install_steps_backoff_us(int attempts)
{
    int64_t pause = BACKOFF_FIRST_US;
    for (int i = 1; i < attempts && pause < BACKOFF_MAX_US; i++) {
        pause *= 2;
    }
    return pause < BACKOFF_MAX_US ? pause : BACKOFF_MAX_US;
}

/* @return STATUS_OK, STATUS_SOURCE_BUSY: the time is over, STATUS_STOPPING */
static enum status pause_before(int attempts, const struct install_pace *pace, struct err *err)
{
    int64_t pause_us = install_steps_backoff_us(attempts);
    if (clock_monotonic_us() + pause_us > pace->deadline_us) {
        return STATUS_SOURCE_BUSY;
    }
    struct pollfd wake = {.fd = signals_stop_fd(), .events = POLLIN};
    (void)poll(&wake, 1, (int)(pause_us / 1000));
    return signals_stop_requested() ? err_set(err, STATUS_STOPPING, "asked to stop") : STATUS_OK;
}

/* Who is in the way; "" when nobody is any more, or nothing can be seen. */
static void
find_holder(struct pg_conn *conn, const char *sql, const struct pg_args *args, char holder[512])
{
    struct err err = {0};
    struct pg_rows rows = {0};
    if (pg_query(conn, sql, args, "t", &rows, &err) == STATUS_OK && rows.count == 1 &&
        !pg_is_null(&rows, 0, 0)) {
        (void)snprintf(holder, 512, "%s", pg_text(&rows, 0, 0));
    }
    pg_rows_release(&rows);
}

static void find_table_holder(struct pg_conn *conn, const struct install_step *step, char *holder)
{
    struct pg_args args;
    if (step->table[0] == '\0') {
        return;
    }
    pg_args_init(&args, 256);
    pg_args_text(&args, step->table);
    pg_args_text(&args, step->lock);
    find_holder(conn, TABLE_HOLDER, &args, holder);
    pg_args_release(&args);
}

static enum status try_lock(struct pg_conn *conn, bool *taken, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, TRY_LOCK, NULL, "b", &rows, err);
    *taken = rc == STATUS_OK && pg_bool(&rows, 0, 0);
    pg_rows_release(&rows);
    return rc;
}

enum status
install_steps_lock(struct pg_conn *conn, const struct install_pace *pace, struct err *err)
{
    for (int attempts = 1;; attempts++) {
        char holder[512] = "";
        bool taken = false;
        enum status rc = try_lock(conn, &taken, err);
        if (rc != STATUS_OK || taken) {
            return rc;
        }
        find_holder(conn, LOCK_HOLDER, NULL, holder);
        if (attempts == 1) {
            log_info(MOD, "waiting", LF_TEXT("holder", holder),
                     LF_MSG("another install or uninstall is running: waiting for its end"));
        }
        rc = pause_before(attempts, pace, err);
        if (rc == STATUS_SOURCE_BUSY) {
            return err_set(err, rc,
                           "another install or uninstall is still running after %lld s (%s): "
                           "nothing was changed, try again when it has ended",
                           (long long)(pace->wait_ms / 1000), holder);
        }
        if (rc != STATUS_OK) {
            return rc;
        }
    }
}

void install_steps_unlock(struct pg_conn *conn)
{
    struct err err = {0};
    struct pg_rows rows = {0};
    if (pg_conn_is_open(conn)) {
        (void)(pg_query(conn, UNLOCK, NULL, "b", &rows, &err) == STATUS_OK);
    }
    pg_rows_release(&rows);
}

static void
write_step(const struct install_plan *plan, size_t number, int lock_ms, struct strbuf *out)
{
    const struct install_step *step = &plan->steps[number];
    struct bytes sql = install_plan_statements(plan, number);
    strbuf_appendf(out, "BEGIN;\nSET LOCAL lock_timeout = '%dms';\n", lock_ms);
    strbuf_append_text(out, BEGIN_STEP);
    if (step->lock[0] != '\0') {
        strbuf_appendf(out, "LOCK TABLE public.%s IN %s MODE;\n", step->table, step->lock);
    }
    strbuf_append(out, (const char *)sql.ptr, sql.len);
    strbuf_append_text(out, END_STEP);
}

void install_steps_print(const struct install_plan *plan, struct strbuf *out)
{
    strbuf_appendf(out,
                   "-- Each transaction gives up after %d ms, so that Odoo never waits for long.\n"
                   "-- Repeat one that fails with \"canceling statement due to lock timeout\", and "
                   "keep the order.\nSELECT pg_catalog.pg_advisory_lock(6004, 2);\n",
                   INSTALL_LOCK_MS);
    for (size_t i = 0; i < plan->step_count; i++) {
        if (install_plan_statements(plan, i).len > 0) {
            strbuf_appendf(out, "-- %s\n", plan->steps[i].what);
            write_step(plan, i, INSTALL_LOCK_MS, out);
        }
    }
    strbuf_append_text(out, "SELECT pg_catalog.pg_advisory_unlock(6004, 2);\n");
}

static enum status attempt(struct pg_conn *conn,
                           const struct install_plan *plan,
                           size_t number,
                           int attempts,
                           struct err *err)
{
    struct strbuf sql;
    strbuf_init(&sql, STEP_MAX_BYTES);
    write_step(plan, number,
               attempts > INSTALL_SHORT_ATTEMPTS ? INSTALL_LONG_LOCK_MS : INSTALL_LOCK_MS, &sql);
    enum status rc = strbuf_check(&sql, plan->steps[number].what, err);
    if (rc == STATUS_OK) {
        rc = pg_exec(conn, sql.ptr, err);
    }
    if (rc != STATUS_OK) {
        pg_rollback(conn);
    }
    strbuf_release(&sql);
    return rc;
}

/* True: the same statements may succeed later. The last is a DDL of somebody else on the same
 * object. */
static bool is_passing(enum status rc, const struct err *err)
{
    static const char *const passing[] = {"55P03", "40P01", "40001", "57014"};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        if (rc == STATUS_SOURCE_BUSY && strcmp(err->origin, passing[i]) == 0) {
            return true;
        }
    }
    return strcmp(err->origin, "XX000") == 0 && strstr(err->msg, "concurrently") != NULL;
}

static enum status give_up(const struct install_plan *plan,
                           size_t number,
                           const struct install_pace *pace,
                           const char *holder,
                           struct err *err)
{
    const struct install_step *step = &plan->steps[number];
    bool known = holder[0] != '\0';
    return err_set(err, STATUS_SOURCE_BUSY,
                   "%s: %s%s stayed locked for %lld s%s%s%s; %zu of %zu steps are done and stay. "
                   "Run the command again at a quieter moment%s, or with a longer --wait; it does "
                   "what is left",
                   step->what, step->table[0] != '\0' ? "table " : "",
                   step->table[0] != '\0' ? step->table : "an object",
                   (long long)(pace->wait_ms / 1000), known ? " (" : "", holder, known ? ")" : "",
                   number, plan->step_count, known ? " or end that transaction" : "");
}

static void say_waiting(const struct install_step *step, const char *holder, int64_t *said_us)
{
    int64_t now = clock_monotonic_us();
    if (*said_us != 0 && now - *said_us < SAY_AGAIN_US) {
        return;
    }
    *said_us = now;
    log_info(MOD, "waiting", LF_TEXT("step", step->what), LF_TEXT("table", step->table),
             LF_TEXT("holder", holder), LF_MSG("the table is in use: trying again"));
}

static enum status run_step(struct pg_conn *conn,
                            const struct install_plan *plan,
                            size_t number,
                            const struct install_pace *pace,
                            struct err *err)
{
    const struct install_step *step = &plan->steps[number];
    char holder[512] = "";
    int64_t said_us = 0;
    for (int attempts = 1;; attempts++) {
        enum status rc = attempt(conn, plan, number, attempts, err);
        if (rc == STATUS_OK) {
            log_info(MOD, "step", LF_TEXT("step", step->what), LF_INT("number", number + 1),
                     LF_INT("of", plan->step_count), LF_INT("attempts", attempts));
            return STATUS_OK;
        }
        if (!is_passing(rc, err)) {
            return err_prefix(err, "%s", step->what);
        }
        find_table_holder(conn, step, holder);
        say_waiting(step, holder, &said_us);
        rc = pause_before(attempts, pace, err);
        if (rc == STATUS_SOURCE_BUSY) {
            return give_up(plan, number, pace, holder, err);
        }
        if (rc != STATUS_OK) {
            return rc;
        }
    }
}

enum status install_steps_run(struct pg_conn *conn,
                              const struct install_plan *plan,
                              const struct install_pace *pace,
                              struct err *err)
{
    enum status rc = STATUS_OK;
    for (size_t i = 0; i < plan->step_count && rc == STATUS_OK; i++) {
        if (install_plan_statements(plan, i).len > 0) {
            rc = run_step(conn, plan, i, pace, err);
            FAULT_POINT("install.step");
        }
    }
    return rc == STATUS_OK && plan->step_count > 0 ? pg_exec(conn, MAKE_DURABLE, err) : rc;
}

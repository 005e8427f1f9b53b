#include "consumer/state/state.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/core/mem.h"
#include "common/core/utf8.h"
#include "consumer/state/parked_memory.h"
#include "consumer/state/state_private.h"
#include "embedded/sql.h"

/* Far below max.poll.interval.ms: a lane that waits here does not poll Kafka. */
#define STATEMENT_TIMEOUT_MS 10000

/* Arguments of one statement. An attempt of 250 levels needs 70 kB, a turn's notes some MB. */
#define ARGS_MAX_BYTES ((size_t)64 << 20)

/* schemas/sql/state_004.sql */
#define SCHEMA_VERSION 4

static int64_t random_instance(void)
{
    uint64_t number = 0;
    ssize_t got = getrandom(&number, sizeof number, 0);
    INVARIANT(got == (ssize_t)sizeof number, "the system gives no random numbers");
    return (int64_t)(number >> 1);
}

static struct state *make(const char *dsn, const char *store, bool read_only)
{
    struct state *s = mem_calloc(1, sizeof *s);
    s->store = store;
    s->read_only = read_only;
    s->parked = read_only ? parked_memory_new() : NULL;
    s->instance = random_instance();
    (void)snprintf(s->application, sizeof s->application, "stocksync-consumer %s", store);
    pg_args_init(&s->args, ARGS_MAX_BYTES);
    s->conn = pg_conn_new(&(struct pg_conn_options){
        .dsn = dsn,
        .application_name = s->application,
        .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
        .session_sql = read_only ? "SET default_transaction_read_only = on" : NULL});
    return s;
}

struct state *state_new(const char *dsn, const char *store)
{
    return make(dsn, store, false);
}

struct state *state_new_read_only(const char *dsn, const char *store)
{
    return make(dsn, store, true);
}

static void drop_cleaned(struct state *s)
{
    for (size_t i = 0; i < s->cleaned_count; i++) {
        mem_free(s->cleaned[i]);
    }
    s->cleaned_count = 0;
}

void state_free(struct state *s)
{
    if (s == NULL) {
        return;
    }
    parked_memory_free(s->parked);
    pg_conn_free(s->conn);
    pg_args_release(&s->args);
    drop_cleaned(s);
    mem_free(s->cleaned);
    mem_free(s);
}

/* --- opening --- */

static enum status check_schema(struct state *s, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(s->conn, sql_consumer_schema, NULL, "i", &rows, err);
    if (rc == STATUS_DATABASE_UNFIT) {
        return err_prefix(err, "the state's tables are missing, run 'stocksync-producer install'");
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    int32_t version = pg_i32(&rows, 0, 0);
    pg_rows_release(&rows);
    if (version < SCHEMA_VERSION) {
        return err_set(err, STATUS_DATABASE_UNFIT,
                       "the state's tables have version %d, %d is needed: run "
                       "'stocksync-producer install'",
                       version, SCHEMA_VERSION);
    }
    if (version > SCHEMA_VERSION) {
        return err_set(err, STATUS_DATABASE_UNFIT,
                       "the state's tables have version %d, made by a newer stocksync; this one "
                       "knows %d: update it",
                       version, SCHEMA_VERSION);
    }
    return STATUS_OK;
}

/* Proves to other processes that this one lives. It keeps its number when it reconnects, since its
 * requests are still on their way. */
static enum status take_lock(struct state *s, struct err *err)
{
    struct pg_rows rows = {0};
    pg_args_reset(&s->args);
    pg_args_i64(&s->args, s->instance);
    enum status rc = pg_query(s->conn, sql_consumer_lock, &s->args, "b", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    bool taken = pg_bool(&rows, 0, 0);
    pg_rows_release(&rows);
    return taken ? STATUS_OK
                 : err_set(err, STATUS_SOURCE_BUSY,
                           "the database has not noticed yet that our connection before was lost");
}

enum status state_open(struct state *s, struct err *err)
{
    enum status rc = pg_conn_open(s->conn, err);
    if (rc != STATUS_OK || s->ready_epoch == pg_conn_epoch(s->conn)) {
        return rc;
    }
    rc = check_schema(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = take_lock(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    s->ready_epoch = pg_conn_epoch(s->conn);
    return STATUS_OK;
}

enum status state_probe(struct state *s, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_open(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, "SELECT 1", NULL, "i", &rows, err);
    pg_rows_release(&rows);
    return rc;
}

/* --- arguments --- */

enum status state_begin(struct state *s, struct err *err)
{
    enum status rc = state_open(s, err);
    drop_cleaned(s);
    pg_args_reset(&s->args);
    pg_args_text(&s->args, s->store);
    return rc;
}

static void replace_bad_bytes(char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len;) {
        size_t n = utf8_sequence(bytes_of(text + i, len - i));
        if (n == 0) {
            text[i] = '?';
            n = 1;
        }
        i += n;
    }
}

static bool is_clean(const char *text)
{
    struct bytes rest = bytes_text(text);
    while (rest.len > 0) {
        size_t n = utf8_sequence(rest);
        if (n == 0) {
            return false;
        }
        rest = bytes_of(rest.ptr + n, rest.len - n);
    }
    return true;
}

const char *state_clean(struct state *s, const char *text)
{
    if (text == NULL || is_clean(text)) {
        return text;
    }
    if (s->cleaned_count == s->cleaned_capacity) {
        s->cleaned_capacity = mem_grow_capacity(s->cleaned_capacity, s->cleaned_count + 1);
        s->cleaned = mem_realloc(s->cleaned, s->cleaned_capacity, sizeof *s->cleaned);
    }
    char *copy = mem_strdup(text);
    replace_bad_bytes(copy);
    s->cleaned[s->cleaned_count++] = copy;
    return copy;
}

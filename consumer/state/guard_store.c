#include "consumer/state/guard_store.h"

#include <stdio.h>

#include "consumer/state/state_private.h"
#include "embedded/sql.h"

enum guard_column {
    GUARD_LOADED,
    GUARD_DATABASE,
    GUARD_DATABASE_SINCE,
    GUARD_ACCEPTED,
    GUARD_HELD_AT,
    GUARD_OURS,
    GUARD_REASON,
    GUARD_DETAIL,
    GUARD_EXAMPLES,
    GUARD_FIRST_LOAD_WAITS
};

static void copy_text(char *to, size_t size, const struct pg_rows *rows, enum guard_column column)
{
    const char *text = pg_text(rows, 0, (int)column);
    (void)snprintf(to, size, "%s", text != NULL ? text : "");
}

enum status state_guard_read(struct state *s, struct state_guard *guard, struct err *err)
{
    struct pg_rows rows = {0};
    *guard = (struct state_guard){0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_i64(&s->args, s->instance);
    rc = pg_query(s->conn, sql_consumer_guard_read, &s->args, "btllzbtttb", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (rows.count > 0) {
        guard->loaded = pg_bool(&rows, 0, GUARD_LOADED);
        guard->database_since = pg_i64(&rows, 0, GUARD_DATABASE_SINCE);
        guard->accepted_revision = pg_i64(&rows, 0, GUARD_ACCEPTED);
        guard->held_at_us = pg_time_us(&rows, 0, GUARD_HELD_AT);
        guard->ours = pg_bool(&rows, 0, GUARD_OURS);
        guard->first_load_waits = pg_bool(&rows, 0, GUARD_FIRST_LOAD_WAITS);
        copy_text(guard->database, sizeof guard->database, &rows, GUARD_DATABASE);
        copy_text(guard->reason, sizeof guard->reason, &rows, GUARD_REASON);
        copy_text(guard->detail, sizeof guard->detail, &rows, GUARD_DETAIL);
        copy_text(guard->examples, sizeof guard->examples, &rows, GUARD_EXAMPLES);
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

/* Runs a statement that writes; its arguments are the store and this process. */
static enum status run_for_instance(struct state *s, const char *sql, struct err *err)
{
    if (s->read_only) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_i64(&s->args, s->instance);
    return pg_query(s->conn, sql, &s->args, "", NULL, err);
}

enum status state_guard_adopt(struct state *s, struct err *err)
{
    return run_for_instance(s, sql_consumer_guard_adopt, err);
}

enum status state_guard_release(struct state *s, struct err *err)
{
    return run_for_instance(s, sql_consumer_guard_release, err);
}

enum status state_guard_hold(struct state *s,
                             const struct state_guard *guard,
                             int64_t revision,
                             struct err *err)
{
    if (s->read_only) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_i64(&s->args, s->instance);
    pg_args_time_us(&s->args, guard->held_at_us);
    pg_args_i64(&s->args, revision);
    pg_args_text(&s->args, guard->reason);
    pg_args_text(&s->args, state_clean(s, guard->detail));
    pg_args_text(&s->args, state_clean(s, guard->examples));
    return pg_query(s->conn, sql_consumer_guard_hold, &s->args, "", NULL, err);
}

enum status state_guard_loaded(struct state *s, struct err *err)
{
    if (s->read_only) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    return pg_query(s->conn, sql_consumer_guard_loaded, &s->args, "", NULL, err);
}

enum status
state_guard_contact(struct state *s, bool go, struct state_contact *contact, struct err *err)
{
    struct pg_rows rows = {0};
    *contact = (struct state_contact){0};
    if (s->read_only) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_bool(&s->args, go);
    rc = pg_query(s->conn, sql_consumer_guard_contact, &s->args, "bb", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    contact->waits = pg_bool(&rows, 0, 0);
    contact->is_fresh = pg_bool(&rows, 0, 1);
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status state_guard_pin(struct state *s, char database[STATE_DATABASE_SIZE], struct err *err)
{
    struct pg_rows rows = {0};
    if (s->read_only) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_text(&s->args, state_clean(s, database));
    rc = pg_query(s->conn, sql_consumer_guard_pin, &s->args, "t", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    (void)snprintf(database, STATE_DATABASE_SIZE, "%s", pg_text(&rows, 0, 0));
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status
state_guard_resume(struct state *s, const char *database, bool confirms, struct err *err)
{
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_text(&s->args, database);
    pg_args_bool(&s->args, confirms);
    return pg_query(s->conn, sql_consumer_guard_resume, &s->args, "", NULL, err);
}

enum status state_guard_levels(struct state *s, size_t *levels, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_guard_levels, &s->args, "l", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    *levels = (size_t)pg_i64(&rows, 0, 0);
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status
state_guard_journal(struct state *s,
                    int64_t since_us,
                    int64_t window_us,
                    int64_t accepted_revision,
                    void (*each)(void *arg, const struct level_write *write, int64_t at_us),
                    void *arg,
                    struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_time_us(&s->args, since_us);
    pg_args_i64(&s->args, accepted_revision);
    pg_args_i64(&s->args, window_us);
    pg_args_i64(&s->args, s->instance);
    rc = pg_query(s->conn, sql_consumer_guard_journal, &s->args, "lliilzz", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        struct level_write write = {
            .key = {.item = pg_i64(&rows, i, 0), .location = pg_i64(&rows, i, 1)},
            .change_from = pg_i32(&rows, i, 2),
            .quantity = pg_i32(&rows, i, 3),
            .revision = pg_i64(&rows, i, 4),
            .changed_at_us = pg_time_us(&rows, i, 5)};
        each(arg, &write, pg_time_us(&rows, i, 6));
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

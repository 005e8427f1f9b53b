#include "consumer/state/catalogue_store.h"

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "consumer/state/state_private.h"
#include "embedded/sql.h"

/* Rows of one statement: far below its timeout. */
#define ROWS_PER_STATEMENT 5000

enum status state_catalogue_look(struct state *s,
                                 const struct state_catalogue *which,
                                 int64_t *read_us,
                                 bool *wanted,
                                 struct err *err)
{
    struct pg_rows rows = {0};
    *read_us = 0;
    *wanted = false;
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_text(&s->args, which->match);
    pg_args_text(&s->args, which->domain);
    rc = pg_query(s->conn, sql_consumer_catalogue_look, &s->args, "zb", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (rows.count > 0) {
        *read_us = pg_time_us(&rows, 0, 0);
        *wanted = pg_bool(&rows, 0, 1);
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status state_catalogue_read(struct state *s,
                                 const struct state_catalogue *which,
                                 int64_t read_us,
                                 struct err *err)
{
    if (s->read_only) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_text(&s->args, which->match);
    pg_args_text(&s->args, which->domain);
    pg_args_time_us(&s->args, read_us);
    return pg_query(s->conn, sql_consumer_catalogue_read, &s->args, "", NULL, err);
}

enum status state_catalogue_want(struct state *s, struct err *err)
{
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    return pg_query(s->conn, sql_consumer_catalogue_want, &s->args, "", NULL, err);
}

enum status state_catalogue_lock(struct state *s, bool *taken, int64_t *now_us, struct err *err)
{
    struct pg_rows rows = {0};
    if (s->read_only) {
        *taken = true; /* its reading is not stored */
        *now_us = clock_wall_us();
        return STATUS_OK;
    }
    *taken = false;
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_catalogue_lock, &s->args, "bz", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    *taken = pg_bool(&rows, 0, 0);
    *now_us = pg_time_us(&rows, 0, 1);
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status state_catalogue_unlock(struct state *s, struct err *err)
{
    struct pg_rows rows = {0};
    if (s->read_only) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    /* It returns false when the connection, and the lock with it, was lost meanwhile. */
    rc = pg_query(s->conn, sql_consumer_catalogue_unlock, &s->args, "b", &rows, err);
    pg_rows_release(&rows);
    return rc;
}

enum status
state_catalogue_report(struct state *s, struct state_catalogue_report *report, struct err *err)
{
    struct pg_rows rows = {0};
    *report = (struct state_catalogue_report){0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_catalogue_report, &s->args, "zlltltltlt", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    report->read_us = pg_time_us(&rows, 0, 0);
    report->texts = pg_i64(&rows, 0, 1);
    report->shared = pg_i64(&rows, 0, 2);
    report->shared_examples = mem_strdup(pg_text(&rows, 0, 3));
    report->ambiguous = pg_i64(&rows, 0, 4);
    report->ambiguous_examples = mem_strdup(pg_text(&rows, 0, 5));
    report->untracked = pg_i64(&rows, 0, 6);
    report->untracked_examples = mem_strdup(pg_text(&rows, 0, 7));
    report->unmapped = pg_i64(&rows, 0, 8);
    report->unmapped_examples = mem_strdup(pg_text(&rows, 0, 9));
    pg_rows_release(&rows);
    return STATUS_OK;
}

void state_catalogue_report_release(struct state_catalogue_report *report)
{
    mem_free(report->shared_examples);
    mem_free(report->ambiguous_examples);
    mem_free(report->untracked_examples);
    mem_free(report->unmapped_examples);
    *report = (struct state_catalogue_report){0};
}

/* --- items --- */

/* The page behind (text, item). */
static enum status
read_page(struct state *s, const char *text, int64_t item, struct pg_rows *rows, struct err *err)
{
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_text(&s->args, text);
    pg_args_i64(&s->args, item);
    return pg_query(s->conn, sql_consumer_items_load, &s->args, "tlbbb", rows, err);
}

enum status state_items_load(struct state *s,
                             void (*each)(void *arg, const struct state_item *item),
                             void *arg,
                             struct err *err)
{
    struct pg_rows rows = {0};
    char *last_text = mem_strdup("");
    int64_t last_item = 0;
    enum status rc = read_page(s, last_text, last_item, &rows, err);
    while (rc == STATUS_OK && rows.count > 0) {
        for (int i = 0; i < rows.count; i++) {
            struct state_item item = {.text = pg_text(&rows, i, 0),
                                      .item = pg_i64(&rows, i, 1),
                                      .tracked = pg_bool(&rows, i, 2),
                                      .bundle = pg_bool(&rows, i, 3),
                                      .known = pg_bool(&rows, i, 4)};
            each(arg, &item);
        }
        mem_free(last_text);
        last_text = mem_strdup(pg_text(&rows, rows.count - 1, 0));
        last_item = pg_i64(&rows, rows.count - 1, 1);
        rc = read_page(s, last_text, last_item, &rows, err);
    }
    pg_rows_release(&rows);
    mem_free(last_text);
    return rc;
}

static void push_names(struct state *s, const struct state_item *list, size_t count)
{
    const char **texts = mem_calloc(count, sizeof *texts);
    int64_t *items = mem_calloc(count, sizeof *items);
    for (size_t i = 0; i < count; i++) {
        texts[i] = list[i].text;
        items[i] = list[i].item;
    }
    pg_args_text_array(&s->args, texts, count);
    pg_args_i64_array(&s->args, items, count);
    mem_free(texts);
    mem_free(items);
}

static void push_flags(struct state *s, const struct state_item *list, size_t count)
{
    int32_t *flags = mem_calloc(count, sizeof *flags);
    for (size_t i = 0; i < count; i++) {
        flags[i] = list[i].tracked;
    }
    pg_args_i32_array(&s->args, flags, count);
    for (size_t i = 0; i < count; i++) {
        flags[i] = list[i].bundle;
    }
    pg_args_i32_array(&s->args, flags, count);
    for (size_t i = 0; i < count; i++) {
        flags[i] = list[i].known;
    }
    pg_args_i32_array(&s->args, flags, count);
    mem_free(flags);
}

static enum status change_items(struct state *s,
                                const char *sql,
                                bool flags,
                                const struct state_item *list,
                                size_t count,
                                struct err *err)
{
    if (s->read_only) {
        return STATUS_OK;
    }
    for (size_t at = 0; at < count; at += ROWS_PER_STATEMENT) {
        size_t n = count - at < ROWS_PER_STATEMENT ? count - at : ROWS_PER_STATEMENT;
        enum status rc = state_begin(s, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        push_names(s, list + at, n);
        if (flags) {
            push_flags(s, list + at, n);
        }
        rc = pg_query(s->conn, sql, &s->args, "", NULL, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

enum status
state_items_store(struct state *s, const struct state_item *list, size_t count, struct err *err)
{
    return change_items(s, sql_consumer_items_store, true, list, count, err);
}

enum status
state_items_remove(struct state *s, const struct state_item *list, size_t count, struct err *err)
{
    return change_items(s, sql_consumer_items_remove, false, list, count, err);
}

enum status state_items_clear(struct state *s, struct err *err)
{
    if (s->read_only) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    return pg_query(s->conn, sql_consumer_items_clear, &s->args, "", NULL, err);
}

#include "consumer/state/attempt_store.h"

#include <stdio.h>
#include <string.h>

#include "common/core/mem.h"
#include "consumer/state/level_args.h"
#include "consumer/state/state_private.h"
#include "embedded/sql.h"

/* A limit: 250 entries have 20 kB of columns and about 40 kB of variables. */
#define ATTEMPT_MAX_BYTES ((size_t)1 << 20)

static void attempt_args(const struct state *s, const struct state_attempt *a, struct pg_args *args)
{
    pg_args_text(args, s->store);
    pg_args_text(args, a->key);
    pg_args_i64(args, s->instance);
    pg_args_i32(args, (int32_t)a->generation);
    pg_args_text(args, a->variables);
    for (enum write_column c = WRITE_ITEM; c <= WRITE_RESERVED; c++) {
        level_args_column(args, c, a->list, a->count);
    }
    pg_args_bool(args, a->adjusts);
}

/* All of them in one trip to the server. */
static enum status
insert_all(struct state *s, const struct state_attempt *const *list, size_t count, struct err *err)
{
    struct pg_args args[STATE_ATTEMPTS_MAX];
    struct pg_rows rows[STATE_ATTEMPTS_MAX] = {0};
    struct pg_call calls[STATE_ATTEMPTS_MAX];
    for (size_t i = 0; i < count; i++) {
        pg_args_init(&args[i], ATTEMPT_MAX_BYTES);
        attempt_args(s, list[i], &args[i]);
        calls[i] = (struct pg_call){
            .sql = sql_consumer_attempt_begin, .args = &args[i], .shape = "", .rows = &rows[i]};
    }
    enum status rc = pg_query_all(s->conn, calls, count, err);
    for (size_t i = 0; i < count; i++) {
        if (rc == STATUS_OK && rows[i].affected == 0) {
            rc = err_set(err, STATUS_SOURCE_BUSY,
                         "key %s was used before by another attempt: a new generation is needed",
                         list[i]->key);
        }
        pg_rows_release(&rows[i]);
        pg_args_release(&args[i]);
    }
    return rc;
}

static enum status insert_together(struct state *s,
                                   const struct state_attempt *const *list,
                                   size_t count,
                                   struct err *err)
{
    enum status rc = pg_begin(s->conn, "BEGIN", err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = insert_all(s, list, count, err);
    return rc == STATUS_OK ? pg_exec(s->conn, "COMMIT", err) : rc;
}

enum status state_attempts_begin(struct state *s,
                                 const struct state_attempt *const *list,
                                 size_t count,
                                 struct err *err)
{
    if (s->read_only || count == 0) {
        return STATUS_OK;
    }
    enum status rc = state_open(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    INVARIANT(count <= STATE_ATTEMPTS_MAX, "%zu attempts at a time", count);
    if (count == 1) {
        return insert_all(s, list, 1, err); /* its own transaction */
    }
    rc = insert_together(s, list, count, err);
    if (rc != STATUS_OK) {
        pg_rollback(s->conn);
    }
    return rc;
}

static bool is_applied(const struct state_outcome *o)
{
    return strcmp(o->outcome, "applied") == 0;
}

/* The entries of all applied attempts, concatenated. */
static struct level_write *
applied_entries(const struct state_outcome *list, size_t count, size_t *total)
{
    *total = 0;
    for (size_t i = 0; i < count; i++) {
        *total += is_applied(&list[i]) ? list[i].attempt->count : 0;
    }
    struct level_write *entries = mem_calloc(*total, sizeof *entries);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const struct state_attempt *a = list[i].attempt;
        if (is_applied(&list[i]) && a->count > 0) {
            memcpy(entries + used, a->list, a->count * sizeof *entries);
            used += a->count;
        }
    }
    return entries;
}

static void args_outcomes(struct state *s, const struct state_outcome *list, size_t count)
{
    const char **texts = mem_calloc(count, sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        texts[i] = list[i].attempt->key;
    }
    pg_args_text_array(&s->args, texts, count);
    for (size_t i = 0; i < count; i++) {
        texts[i] = list[i].outcome;
    }
    pg_args_text_array(&s->args, texts, count);
    for (size_t i = 0; i < count; i++) {
        texts[i] = state_clean(s, list[i].request_id);
    }
    pg_args_text_array(&s->args, texts, count);
    mem_free(texts);
}

enum status state_attempts_settle(struct state *s,
                                  const struct state_outcome *list,
                                  size_t count,
                                  int64_t answered_at_us,
                                  struct err *err)
{
    size_t total = 0;
    if (s->read_only || count == 0) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct level_write *entries = applied_entries(list, count, &total);
    args_outcomes(s, list, count);
    pg_args_time_us(&s->args, answered_at_us);
    level_args_values(&s->args, entries, total);
    mem_free(entries);
    return pg_query(s->conn, sql_consumer_attempts_settle, &s->args, "", NULL, err);
}

/* The rows of one attempt are consecutive; only the first one has its key and variables. */
enum adopt_column {
    ADOPT_KEY,
    ADOPT_GENERATION,
    ADOPT_VARIABLES,
    ADOPT_ITEM,
    ADOPT_LOCATION,
    ADOPT_PRODUCT,
    ADOPT_QUANTITY,
    ADOPT_CHANGE_FROM,
    ADOPT_REVISION,
    ADOPT_CHANGED_AT,
    ADOPT_DESIRED,
    ADOPT_RAW,
    ADOPT_MISSING,
    ADOPT_RESERVED,
    ADOPT_ADJUSTS
};

static struct level_write entry_of(const struct pg_rows *rows, int row)
{
    return (struct level_write){.key = {.item = pg_i64(rows, row, ADOPT_ITEM),
                                        .location = pg_i64(rows, row, ADOPT_LOCATION)},
                                .product_id = pg_i32(rows, row, ADOPT_PRODUCT),
                                .quantity = pg_i32(rows, row, ADOPT_QUANTITY),
                                .change_from = pg_i32(rows, row, ADOPT_CHANGE_FROM),
                                .revision = pg_i64(rows, row, ADOPT_REVISION),
                                .changed_at_us = pg_time_us(rows, row, ADOPT_CHANGED_AT),
                                .desired = pg_i32(rows, row, ADOPT_DESIRED),
                                .raw = level_args_raw(rows, row, ADOPT_RAW),
                                .missing = pg_i32(rows, row, ADOPT_MISSING),
                                .reserved = pg_i32(rows, row, ADOPT_RESERVED)};
}

static bool starts_attempt(const struct pg_rows *rows, int row)
{
    return !pg_is_null(rows, row, ADOPT_VARIABLES);
}

static struct state_attempt attempt_of(const struct pg_rows *rows, int row)
{
    struct state_attempt a = {.generation = (unsigned)pg_i32(rows, row, ADOPT_GENERATION),
                              .variables = mem_strdup(pg_text(rows, row, ADOPT_VARIABLES)),
                              .adjusts = pg_bool(rows, row, ADOPT_ADJUSTS)};
    size_t entries = 1;
    for (int i = row + 1; i < rows->count && !starts_attempt(rows, i); i++) {
        entries++;
    }
    (void)snprintf(a.key, sizeof a.key, "%s", pg_text(rows, row, ADOPT_KEY));
    a.list = mem_calloc(entries, sizeof *a.list);
    return a;
}

static struct state_attempt *attempts_of(const struct pg_rows *rows, size_t *count)
{
    size_t attempts = 0;
    for (int i = 0; i < rows->count; i++) {
        attempts += starts_attempt(rows, i);
    }
    struct state_attempt *list = mem_calloc(attempts, sizeof *list);
    *count = 0;
    for (int i = 0; i < rows->count; i++) {
        if (starts_attempt(rows, i)) {
            list[(*count)++] = attempt_of(rows, i);
        }
        struct state_attempt *a = &list[*count - 1];
        a->list[a->count++] = entry_of(rows, i);
    }
    return list;
}

enum status state_attempts_adopt(struct state *s,
                                 int64_t after_revision,
                                 struct state_attempt **list,
                                 size_t *count,
                                 struct err *err)
{
    struct pg_rows rows = {0};
    *list = NULL;
    *count = 0;
    if (s->read_only) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_i64(&s->args, s->instance);
    pg_args_i64(&s->args, after_revision);
    rc = pg_query(s->conn, sql_consumer_attempts_adopt, &s->args, "titlliiilzidiib", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    *list = attempts_of(&rows, count);
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status
state_attempts_renew(struct state *s, const char *key, int64_t now_us, bool *open, struct err *err)
{
    struct pg_rows rows = {0};
    *open = true;
    if (s->read_only) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_i64(&s->args, s->instance);
    pg_args_text(&s->args, key);
    pg_args_time_us(&s->args, now_us);
    rc = pg_query(s->conn, sql_consumer_attempts_renew, &s->args, "", &rows, err);
    *open = rows.affected == 1;
    pg_rows_release(&rows);
    return rc;
}

enum status
state_attempts_abandon(struct state *s, int64_t before_us, int64_t *count, struct err *err)
{
    struct pg_rows rows = {0};
    *count = 0;
    if (s->read_only) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_i64(&s->args, s->instance);
    pg_args_time_us(&s->args, before_us);
    rc = pg_query(s->conn, sql_consumer_attempts_abandon, &s->args, "", &rows, err);
    *count = rows.affected;
    pg_rows_release(&rows);
    return rc;
}

void state_attempts_release(struct state_attempt *list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++) {
        mem_free(list[i].variables);
        mem_free(list[i].list);
    }
    mem_free(list);
}

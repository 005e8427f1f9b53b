#include "consumer/state/unimported_store.h"

#include "common/core/mem.h"
#include "consumer/state/level_args.h"
#include "consumer/state/state_private.h"
#include "embedded/sql.h"

static void push_seen(struct state *s, const struct level_seen *list, size_t count)
{
    struct level_key *keys = mem_calloc(count, sizeof *keys);
    int32_t *numbers = mem_calloc(count, sizeof *numbers);
    int64_t *times = mem_calloc(count, sizeof *times);
    for (size_t i = 0; i < count; i++) {
        keys[i] = list[i].key;
        numbers[i] = list[i].before;
        times[i] = list[i].until_us;
    }
    level_args_keys(&s->args, keys, count);
    pg_args_i32_array(&s->args, numbers, count);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = list[i].now;
    }
    pg_args_i32_array(&s->args, numbers, count);
    pg_args_time_us_array(&s->args, times, count);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = list[i].sold;
    }
    pg_args_i32_array(&s->args, numbers, count);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = list[i].reserved;
    }
    pg_args_i32_array(&s->args, numbers, count);
    mem_free(keys);
    mem_free(numbers);
    mem_free(times);
}

enum status
state_unimported_see(struct state *s, struct level_seen *list, size_t count, struct err *err)
{
    struct pg_rows rows = {0};
    if (s->read_only || count == 0) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        list[i].noted = list[i].first = false;
    }
    push_seen(s, list, count);
    rc = pg_query(s->conn, sql_consumer_unimported_seen, &s->args, "ib", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        struct level_seen *seen = &list[pg_i32(&rows, i, 0)];
        seen->noted = true;
        seen->first = pg_bool(&rows, i, 1);
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

/* Levels with a period that is over. */
struct due {
    struct level_key keys[STATE_UNIMPORTED_MAX];
    int32_t holds[STATE_UNIMPORTED_MAX]; /* 1: more units than are within a grace */
    size_t count;
};

static enum status
wake_later(struct state *s, const struct due *due, int64_t now_us, struct err *err)
{
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_time_us(&s->args, now_us);
    level_args_keys(&s->args, due->keys, due->count);
    pg_args_i32_array(&s->args, due->holds, due->count);
    return pg_query(s->conn, sql_consumer_unimported_wake, &s->args, "", NULL, err);
}

static struct state_unimported due_level(const struct pg_rows *rows, int row)
{
    return (struct state_unimported){
        .key = {.item = pg_i64(rows, row, 0), .location = pg_i64(rows, row, 1)},
        .product_id = pg_i32(rows, row, 2),
        .desired = pg_i32(rows, row, 3),
        .revision = pg_i64(rows, row, 4),
        .raw = level_args_raw(rows, row, 5)};
}

enum status state_unimported_due(struct state *s,
                                 int64_t now_us,
                                 bool (*is_ours)(void *arg, int32_t product_id),
                                 void *arg,
                                 struct state_unimported *list,
                                 size_t *count,
                                 struct err *err)
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
    pg_args_time_us(&s->args, now_us);
    rc = pg_query(s->conn, sql_consumer_unimported_due, &s->args, "lliildb", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct due *due = mem_calloc(1, sizeof *due);
    for (int i = 0; i < rows.count && due->count < STATE_UNIMPORTED_MAX; i++) {
        struct state_unimported level = due_level(&rows, i);
        /* a level that is gone belongs to nobody: only its periods are left */
        if (level.product_id != 0 && !is_ours(arg, level.product_id)) {
            continue;
        }
        due->holds[due->count] = pg_bool(&rows, i, 6);
        due->keys[due->count] = level.key;
        if (due->holds[due->count++] != 0) {
            list[(*count)++] = level;
        }
    }
    pg_rows_release(&rows);
    rc = due->count > 0 ? wake_later(s, due, now_us, err) : STATUS_OK;
    mem_free(due);
    return rc;
}

enum status
state_unimported_next(struct state *s, int64_t *wake_us, size_t *levels, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_unimported_next, &s->args, "zl", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    *wake_us = pg_is_null(&rows, 0, 0) ? INT64_MAX : pg_time_us(&rows, 0, 0);
    *levels = (size_t)pg_i64(&rows, 0, 1);
    pg_rows_release(&rows);
    return STATUS_OK;
}

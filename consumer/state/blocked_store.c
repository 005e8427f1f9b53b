#include "consumer/state/blocked_store.h"

#include <stdio.h>

#include "common/core/mem.h"
#include "consumer/state/state_private.h"
#include "embedded/sql.h"

static void push_rows(struct state *s, const struct state_blocked *list, size_t count)
{
    int32_t *partitions = mem_calloc(count, sizeof *partitions);
    int64_t *offsets = mem_calloc(count, sizeof *offsets);
    const char **texts = mem_calloc(count, sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        partitions[i] = list[i].partition;
        offsets[i] = list[i].offset;
        texts[i] = state_clean(s, list[i].schema);
    }
    pg_args_i32_array(&s->args, partitions, count);
    pg_args_i64_array(&s->args, offsets, count);
    pg_args_text_array(&s->args, texts, count);
    for (size_t i = 0; i < count; i++) {
        texts[i] = state_clean(s, list[i].detail);
    }
    pg_args_text_array(&s->args, texts, count);
    mem_free(partitions);
    mem_free(offsets);
    mem_free(texts);
}

static void take_decisions(const struct pg_rows *rows, struct state_blocked *list, size_t count)
{
    for (int i = 0; i < rows->count; i++) {
        for (size_t k = 0; k < count; k++) {
            if (list[k].partition == pg_i32(rows, i, 0)) {
                list[k].skip = pg_bool(rows, i, 1);
            }
        }
    }
}

enum status state_blocked_note(
    struct state *s, const char *topic, struct state_blocked *list, size_t count, struct err *err)
{
    struct pg_rows rows = {0};
    for (size_t i = 0; i < count; i++) {
        list[i].skip = false;
    }
    if (s->read_only || count == 0) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_text(&s->args, topic);
    push_rows(s, list, count);
    rc = pg_query(s->conn, sql_consumer_blocked_note, &s->args, "ib", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    take_decisions(&rows, list, count);
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status state_blocked_list(struct state *s,
                               const char *topic,
                               void (*each)(void *arg, const struct state_blocked *row),
                               void *arg,
                               struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_text(&s->args, topic);
    rc = pg_query(s->conn, sql_consumer_blocked_list, &s->args, "ilttzb", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        struct state_blocked row = {.partition = pg_i32(&rows, i, 0),
                                    .offset = pg_i64(&rows, i, 1),
                                    .blocked_us = pg_time_us(&rows, i, 4),
                                    .skip = pg_bool(&rows, i, 5)};
        (void)snprintf(row.schema, sizeof row.schema, "%s", pg_text(&rows, i, 2));
        (void)snprintf(row.detail, sizeof row.detail, "%s", pg_text(&rows, i, 3));
        each(arg, &row);
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status state_blocked_end(
    struct state *s, const char *topic, const int32_t *partitions, size_t count, struct err *err)
{
    if (s->read_only || count == 0) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_text(&s->args, topic);
    pg_args_i32_array(&s->args, partitions, count);
    return pg_query(s->conn, sql_consumer_blocked_end, &s->args, "", NULL, err);
}

enum status state_blocked_skip(struct state *s,
                               const char *topic,
                               int32_t partition,
                               int64_t offset,
                               bool *found,
                               struct err *err)
{
    struct pg_rows rows = {0};
    *found = false;
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_text(&s->args, topic);
    pg_args_i32(&s->args, partition);
    pg_args_i64(&s->args, offset);
    rc = pg_query(s->conn, sql_consumer_blocked_skip, &s->args, "", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    *found = rows.affected > 0;
    pg_rows_release(&rows);
    return STATUS_OK;
}

#include "consumer/state/verify_store.h"

#include <stdio.h>

#include "common/core/mem.h"
#include "consumer/state/level_args.h"
#include "consumer/state/state_private.h"
#include "embedded/sql.h"

enum status state_lane_lock(struct state *s, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_lane_lock, &s->args, "b", &rows, err);
    pg_rows_release(&rows);
    return rc;
}

/* --- passes --- */

enum status state_passes(struct state *s,
                         void (*each)(void *arg, const struct state_pass *pass),
                         void *arg,
                         struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_verify_passes, &s->args, "iziz", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        const struct state_pass pass = {.partition = pg_i32(&rows, i, 0),
                                        .began_us = pg_time_us(&rows, i, 1),
                                        .product_id = pg_i32(&rows, i, 2),
                                        .done_us = pg_time_us(&rows, i, 3)};
        each(arg, &pass);
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status state_pass_store(struct state *s, const struct state_pass *pass, struct err *err)
{
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_i32(&s->args, pass->partition);
    pg_args_time_us(&s->args, pass->began_us);
    pg_args_i32(&s->args, pass->product_id);
    pg_args_time_us(&s->args, pass->done_us);
    return pg_query(s->conn, sql_consumer_verify_pass, &s->args, "", NULL, err);
}

/* --- differences --- */

static void push_keys(struct state *s, const struct state_drift *list, size_t count)
{
    struct level_key *keys = mem_calloc(count, sizeof *keys);
    for (size_t i = 0; i < count; i++) {
        keys[i] = list[i].key;
    }
    level_args_keys(&s->args, keys, count);
    mem_free(keys);
}

static void push_found(struct state *s, const struct state_drift *list, size_t count)
{
    int32_t *found = mem_calloc(count, sizeof *found);
    for (size_t i = 0; i < count; i++) {
        found[i] = list[i].found;
    }
    pg_args_i32_array(&s->args, found, count);
    mem_free(found);
}

enum status
state_drift_look(struct state *s, struct state_drift *list, size_t count, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    push_keys(s, list, count);
    push_found(s, list, count);
    rc = pg_query(s->conn, sql_consumer_verify_look, &s->args, "izb", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        struct state_drift *d = &list[pg_i32(&rows, i, 0)];
        d->first_us = pg_time_us(&rows, i, 1);
        d->older_of_ours = pg_bool(&rows, i, 2);
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

static void push_values(struct state *s, const struct state_drift *list, size_t count)
{
    int32_t *numbers = mem_calloc(count, sizeof *numbers);
    int64_t *requests = mem_calloc(count, sizeof *requests);
    const char **texts = mem_calloc(count, sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = list[i].product_id;
        texts[i] = list[i].kind;
    }
    pg_args_i32_array(&s->args, numbers, count);
    pg_args_text_array(&s->args, texts, count);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = list[i].expected;
        requests[i] = list[i].request;
        texts[i] = state_clean(s, list[i].what);
    }
    pg_args_i32_array(&s->args, numbers, count);
    push_found(s, list, count);
    pg_args_i64_array(&s->args, requests, count);
    pg_args_text_array(&s->args, texts, count);
    mem_free(texts);
    mem_free(requests);
    mem_free(numbers);
}

enum status
state_drift_note(struct state *s, struct state_drift *list, size_t count, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    push_keys(s, list, count);
    push_values(s, list, count);
    rc = pg_query(s->conn, sql_consumer_verify_note, &s->args, "ib", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        list[pg_i32(&rows, i, 0)].is_new = pg_bool(&rows, i, 1);
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status state_drift_settle(struct state *s,
                               const struct state_drift_end *list,
                               size_t count,
                               void (*closed)(void *arg, size_t at, const char *kind),
                               void *arg,
                               struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct level_key *keys = mem_calloc(count, sizeof *keys);
    const char **texts = mem_calloc(count, sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        keys[i] = list[i].key;
        texts[i] = state_clean(s, list[i].what);
    }
    level_args_keys(&s->args, keys, count);
    pg_args_text_array(&s->args, texts, count);
    rc = pg_query(s->conn, sql_consumer_verify_settle, &s->args, "it", &rows, err);
    mem_free(texts);
    mem_free(keys);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        closed(arg, (size_t)pg_i32(&rows, i, 0), pg_text(&rows, i, 1));
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status state_drift_open(struct state *s, size_t *count, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_verify_open, &s->args, "l", &rows, err);
    if (rc == STATUS_OK) {
        *count = (size_t)pg_i64(&rows, 0, 0);
    }
    pg_rows_release(&rows);
    return rc;
}

enum status state_drift_tidy(struct state *s, struct err *err)
{
    enum status rc = state_begin(s, err);
    return rc == STATUS_OK ? pg_query(s->conn, sql_consumer_verify_tidy, &s->args, "", NULL, err)
                           : rc;
}

/* --- rounds --- */

enum status state_round_look(struct state *s,
                             bool (*fits)(void *arg, const struct state_round *round),
                             void *arg,
                             struct state_round *round,
                             struct err *err)
{
    struct pg_rows rows = {0};
    bool found = false;
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_rounds_look, &s->args, "lbbit", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count && !found; i++) {
        const char *done = pg_text(&rows, i, 4);
        *round = (struct state_round){.id = pg_i64(&rows, i, 0),
                                      .push = pg_bool(&rows, i, 1),
                                      .repair = pg_bool(&rows, i, 2),
                                      .product_id = pg_i32(&rows, i, 3)};
        (void)snprintf(round->done, sizeof round->done, "%s", done != NULL ? done : "");
        found = fits(arg, round);
    }
    if (!found) {
        round->id = 0;
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

static void push_parts(struct state *s, const struct state_round_part *list, size_t count)
{
    int32_t *numbers = mem_calloc(count, sizeof *numbers);
    for (int column = 0; column < 4; column++) {
        for (size_t i = 0; i < count; i++) {
            const struct state_round_part *p = &list[i];
            const int32_t values[] = {p->partition, p->total, p->compared, p->waiting};
            numbers[i] = values[column];
        }
        pg_args_i32_array(&s->args, numbers, count);
    }
    mem_free(numbers);
}

enum status state_round_progress(struct state *s,
                                 int64_t id,
                                 int32_t partitions,
                                 const struct state_round_part *list,
                                 size_t count,
                                 bool done,
                                 struct err *err)
{
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_i64(&s->args, id);
    pg_args_i32(&s->args, partitions);
    push_parts(s, list, count);
    pg_args_bool(&s->args, done);
    return pg_query(s->conn, sql_consumer_round_part, &s->args, "", NULL, err);
}

enum status state_round_levels(
    struct state *s, int64_t id, const struct state_pushed *list, size_t count, struct err *err)
{
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct level_key *keys = mem_calloc(count, sizeof *keys);
    int32_t *numbers = mem_calloc(count, sizeof *numbers);
    const char **texts = mem_calloc(count, sizeof *texts);
    pg_args_i64(&s->args, id);
    for (size_t i = 0; i < count; i++) {
        keys[i] = list[i].key;
        texts[i] = state_clean(s, list[i].what);
    }
    level_args_keys(&s->args, keys, count);
    for (int column = 0; column < 3; column++) {
        for (size_t i = 0; i < count; i++) {
            const int32_t values[] = {list[i].product_id, list[i].before, list[i].after};
            numbers[i] = values[column];
        }
        pg_args_i32_array(&s->args, numbers, count);
    }
    pg_args_text_array(&s->args, texts, count);
    mem_free(texts);
    mem_free(numbers);
    mem_free(keys);
    return pg_query(s->conn, sql_consumer_round_levels, &s->args, "", NULL, err);
}

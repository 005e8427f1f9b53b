#include "consumer/state/round_store.h"

#include <stdio.h>

#include "consumer/state/state_private.h"
#include "embedded/sql.h"

enum status state_round_request(
    struct state *s, bool push, bool repair, int32_t product_id, int64_t *id, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_bool(&s->args, push);
    pg_args_bool(&s->args, repair);
    pg_args_i32(&s->args, product_id);
    rc = pg_query(s->conn, sql_consumer_round_request, &s->args, "l", &rows, err);
    if (rc == STATUS_OK) {
        *id = pg_i64(&rows, 0, 0);
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status begin_for(struct state *s, int64_t id, struct err *err)
{
    enum status rc = state_begin(s, err);
    pg_args_i64(&s->args, id);
    return rc;
}

enum status
state_round_wait(struct state *s, int64_t id, struct round_progress *progress, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = begin_for(s, id, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_round_wait, &s->args, "iilllibt", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (rows.count == 0) {
        pg_rows_release(&rows);
        return err_set(err, STATUS_NOT_FOUND, "the request was deleted");
    }
    const char *held = pg_text(&rows, 0, 7);
    *progress = (struct round_progress){.partitions = pg_i32(&rows, 0, 0),
                                        .parts = pg_i32(&rows, 0, 1),
                                        .total = pg_i64(&rows, 0, 2),
                                        .compared = pg_i64(&rows, 0, 3),
                                        .waiting = pg_i64(&rows, 0, 4),
                                        .done = pg_i32(&rows, 0, 5),
                                        .lane_lives = pg_bool(&rows, 0, 6)};
    (void)snprintf(progress->held, sizeof progress->held, "%s", held != NULL ? held : "");
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status state_round_end(struct state *s, int64_t id, struct err *err)
{
    enum status rc = begin_for(s, id, err);
    return rc == STATUS_OK ? pg_query(s->conn, sql_consumer_round_end, &s->args, "", NULL, err)
                           : rc;
}

enum status
state_round_tally(struct state *s,
                  int64_t id,
                  void (*each)(void *arg, const char *kind, int64_t found, int64_t repaired),
                  void *arg,
                  struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = begin_for(s, id, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_round_tally, &s->args, "tll", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        each(arg, pg_text(&rows, i, 0), pg_i64(&rows, i, 1), pg_i64(&rows, i, 2));
    }
    pg_rows_release(&rows);
    return rc;
}

static int32_t number_or_none(const struct pg_rows *rows, int row, int column)
{
    return pg_is_null(rows, row, column) ? STATE_NO_NUMBER : pg_i32(rows, row, column);
}

enum status state_round_examples(struct state *s,
                                 int64_t id,
                                 int32_t max,
                                 void (*each)(void *arg, const struct round_example *example),
                                 void *arg,
                                 struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = begin_for(s, id, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_i32(&s->args, max);
    rc = pg_query(s->conn, sql_consumer_round_drifts, &s->args, "ttilliibt", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        const struct round_example example = {
            .kind = pg_text(&rows, i, 0),
            .sku = pg_text(&rows, i, 1),
            .product_id = pg_i32(&rows, i, 2),
            .key = {.item = pg_i64(&rows, i, 3), .location = pg_i64(&rows, i, 4)},
            .expected = number_or_none(&rows, i, 5),
            .found = number_or_none(&rows, i, 6),
            .repaired = pg_bool(&rows, i, 7),
            .what = pg_text(&rows, i, 8)};
        each(arg, &example);
    }
    pg_rows_release(&rows);
    return rc;
}

enum status state_round_pushed(struct state *s,
                               int64_t id,
                               void (*each)(void *arg, const struct state_pushed *level),
                               void *arg,
                               struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = begin_for(s, id, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_round_pushed, &s->args, "illiit", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        const struct state_pushed level = {
            .product_id = pg_i32(&rows, i, 0),
            .key = {.item = pg_i64(&rows, i, 1), .location = pg_i64(&rows, i, 2)},
            .before = number_or_none(&rows, i, 3),
            .after = number_or_none(&rows, i, 4),
            .what = pg_text(&rows, i, 5)};
        each(arg, &level);
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status choose(const struct pg_rows *rows,
                          const char *text,
                          const char *store,
                          int32_t *product_id,
                          struct err *err)
{
    if (rows->count > 1 && pg_bool(rows, 1, 2)) {
        return err_set(err, STATUS_USAGE,
                       "several products in Odoo have '%s', among them %d and %d: name one with "
                       "--product ID",
                       text, pg_i32(rows, 0, 0), pg_i32(rows, 1, 0));
    }
    if (rows->count == 0 && text != NULL) {
        return err_set(err, STATUS_USAGE,
                       "store %s knows no product '%s': see 'stocksync-producer stock --sku', or "
                       "publish it with 'stocksync-producer backfill'",
                       store, text);
    }
    if (rows->count == 0) {
        return err_set(err, STATUS_USAGE,
                       "store %s knows no product %d: 'stocksync-producer backfill --product %d' "
                       "publishes it",
                       store, *product_id, *product_id);
    }
    *product_id = pg_i32(rows, 0, 0);
    if (!pg_bool(rows, 0, 2)) {
        return err_set(err, STATUS_USAGE,
                       "product %d is not sold in store %s: it is archived, deleted or not enabled "
                       "for Shopify in Odoo",
                       *product_id, store);
    }
    return STATUS_OK;
}

enum status
state_product_find(struct state *s, const char *text, int32_t *product_id, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_text(&s->args, text != NULL ? text : "");
    pg_args_i32(&s->args, text != NULL ? 0 : *product_id);
    rc = pg_query(s->conn, sql_consumer_product_find, &s->args, "itb", &rows, err);
    if (rc == STATUS_OK) {
        rc = choose(&rows, text, s->store, product_id, err);
    }
    pg_rows_release(&rows);
    return rc;
}

#include "consumer/state/parked_list.h"

#include <stdio.h>

#include "consumer/state/state_private.h"
#include "embedded/sql.h"

enum column {
    COLUMN_SUBJECT,
    COLUMN_PRODUCT,
    COLUMN_ITEM,
    COLUMN_LOCATION,
    COLUMN_TOPIC,
    COLUMN_PARTITION,
    COLUMN_OFFSET,
    COLUMN_REVISION,
    COLUMN_QUANTITY,
    COLUMN_REASON,
    COLUMN_CODE,
    COLUMN_DETAIL,
    COLUMN_REQUEST_ID,
    COLUMN_ATTEMPTS,
    COLUMN_FIRST_AT,
    COLUMN_LAST_AT,
    COLUMN_RETRY_AT,
    COLUMN_TEXT,
    COLUMN_NOW
};

static enum status
begin_filtered(struct state *s, const struct parked_filter *filter, struct err *err)
{
    enum status rc = state_begin(s, err);
    if (rc == STATUS_OK) {
        pg_args_text(&s->args, filter->reason);
        pg_args_text(&s->args, filter->subject);
        pg_args_text(&s->args, filter->text);
        pg_args_i32(&s->args, filter->product_id);
    }
    return rc;
}

static struct parked_entry entry_of(const struct pg_rows *rows, int row)
{
    bool has_position = !pg_is_null(rows, row, COLUMN_PARTITION);
    struct parked_entry e = {
        .row = {.product_id = pg_i32(rows, row, COLUMN_PRODUCT),
                .key = {.item = pg_i64(rows, row, COLUMN_ITEM),
                        .location = pg_i64(rows, row, COLUMN_LOCATION)},
                .topic = pg_text(rows, row, COLUMN_TOPIC),
                .partition = has_position ? pg_i32(rows, row, COLUMN_PARTITION) : -1,
                .offset = has_position ? pg_i64(rows, row, COLUMN_OFFSET) : -1,
                .revision = pg_i64(rows, row, COLUMN_REVISION),
                .quantity = pg_i32(rows, row, COLUMN_QUANTITY),
                .reason = pg_text(rows, row, COLUMN_REASON),
                .code = pg_text(rows, row, COLUMN_CODE),
                .detail = pg_text(rows, row, COLUMN_DETAIL),
                .request_id = pg_text(rows, row, COLUMN_REQUEST_ID),
                .attempts = pg_i32(rows, row, COLUMN_ATTEMPTS)},
        .text = pg_text(rows, row, COLUMN_TEXT),
        .first_at_us = pg_time_us(rows, row, COLUMN_FIRST_AT),
        .last_at_us = pg_time_us(rows, row, COLUMN_LAST_AT),
        .retry_at_us = pg_time_us(rows, row, COLUMN_RETRY_AT),
        .now_us = pg_time_us(rows, row, COLUMN_NOW)};
    (void)snprintf(e.row.subject, sizeof e.row.subject, "%s", pg_text(rows, row, COLUMN_SUBJECT));
    return e;
}

enum status parked_list_each(struct state *s,
                             const struct parked_filter *filter,
                             void (*each)(void *arg, const struct parked_entry *entry),
                             void *arg,
                             struct err *err)
{
    struct pg_rows rows = {0};
    struct parked_entry last = {0}; /* times before the epoch are nobody's */
    enum status rc = STATUS_OK;
    do {
        rc = begin_filtered(s, filter, err);
        if (rc == STATUS_OK) {
            pg_args_time_us(&s->args, last.first_at_us);
            pg_args_text(&s->args, last.row.subject);
            rc = pg_query(s->conn, sql_consumer_parked_list, &s->args, "tilltillittttizzztz", &rows,
                          err);
        }
        for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
            last = entry_of(&rows, i);
            each(arg, &last);
        }
    } while (rc == STATUS_OK && rows.count > 0);
    pg_rows_release(&rows);
    return rc;
}

enum status parked_list_hurry(struct state *s,
                              const struct parked_filter *filter,
                              size_t *count,
                              struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = begin_filtered(s, filter, err);
    if (rc == STATUS_OK) {
        rc = pg_query(s->conn, sql_consumer_parked_hurry, &s->args, "", &rows, err);
    }
    *count = rc == STATUS_OK ? (size_t)rows.affected : 0;
    pg_rows_release(&rows);
    return rc;
}

enum status parked_list_drop(struct state *s,
                             const struct parked_filter *filter,
                             void (*each)(void *arg, const char *subject, const char *reason),
                             void *arg,
                             size_t *count,
                             struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = begin_filtered(s, filter, err);
    if (rc == STATUS_OK) {
        rc = pg_query(s->conn, sql_consumer_parked_drop, &s->args, "tt", &rows, err);
    }
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        each(arg, pg_text(&rows, i, 0), pg_text(&rows, i, 1));
    }
    *count = rc == STATUS_OK ? (size_t)rows.count : 0;
    pg_rows_release(&rows);
    return rc;
}

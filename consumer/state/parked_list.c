#include "consumer/state/parked_list.h"

#include <stdio.h>

#include "consumer/state/state_private.h"
#include "embedded/sql.h"

/* They follow the columns of every parked row. */
enum {
    COLUMN_FIRST_AT = PARKED_COLUMN_COUNT,
    COLUMN_LAST_AT,
    COLUMN_RETRY_AT,
    COLUMN_TEXT,
    COLUMN_NOW
};

static enum status
begin_filtered(struct state *s, const struct parked_filter *filter, struct err *err)
{
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_text(&s->args, filter->reason);
    pg_args_text(&s->args, filter->subject);
    pg_args_bool(&s->args, filter->by_product);
    pg_args_i32_array(&s->args, filter->products, filter->product_count);
    return STATUS_OK;
}

static struct parked_entry entry_of(const struct pg_rows *rows, int row)
{
    return (struct parked_entry){.row = parked_row_read(rows, row),
                                 .text = pg_text(rows, row, COLUMN_TEXT),
                                 .first_at_us = pg_time_us(rows, row, COLUMN_FIRST_AT),
                                 .last_at_us = pg_time_us(rows, row, COLUMN_LAST_AT),
                                 .retry_at_us = pg_time_us(rows, row, COLUMN_RETRY_AT),
                                 .now_us = pg_time_us(rows, row, COLUMN_NOW)};
}

/* The page behind `last`. */
static enum status read_page(struct state *s,
                             const struct parked_filter *filter,
                             const struct parked_entry *last,
                             struct pg_rows *rows,
                             struct err *err)
{
    enum status rc = begin_filtered(s, filter, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_time_us(&s->args, last->first_at_us);
    pg_args_text(&s->args, last->row.subject);
    return pg_query(s->conn, sql_consumer_parked_list, &s->args, PARKED_ROW_SHAPE "zzztz", rows,
                    err);
}

enum status parked_list_each(struct state *s,
                             const struct parked_filter *filter,
                             void (*each)(void *arg, const struct parked_entry *entry),
                             void *arg,
                             struct err *err)
{
    struct pg_rows rows = {0};
    struct parked_entry last = {0}; /* no row is older than the epoch */
    enum status rc = STATUS_OK;
    do {
        rc = read_page(s, filter, &last, &rows, err);
        if (rc != STATUS_OK) {
            break;
        }
        for (int i = 0; i < rows.count; i++) {
            last = entry_of(&rows, i);
            each(arg, &last);
        }
    } while (rows.count > 0);
    pg_rows_release(&rows);
    return rc;
}

enum status parked_list_retry_now(struct state *s,
                                  const struct parked_filter *filter,
                                  size_t *count,
                                  struct err *err)
{
    struct pg_rows rows = {0};
    *count = 0;
    enum status rc = begin_filtered(s, filter, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_parked_retry_now, &s->args, "", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    *count = (size_t)rows.affected;
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status parked_list_drop(struct state *s,
                             const struct parked_filter *filter,
                             void (*each)(void *arg, const char *subject, const char *reason),
                             void *arg,
                             size_t *count,
                             struct err *err)
{
    struct pg_rows rows = {0};
    *count = 0;
    enum status rc = begin_filtered(s, filter, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_parked_drop, &s->args, "tt", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        each(arg, pg_text(&rows, i, 0), pg_text(&rows, i, 1));
    }
    *count = (size_t)rows.count;
    pg_rows_release(&rows);
    return STATUS_OK;
}

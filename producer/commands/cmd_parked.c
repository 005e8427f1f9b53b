/*
 * parked: lists the products that cannot be published, or marks them to be tried again.
 */
#include <stdio.h>

#include "common/core/clock.h"
#include "common/pg/pg_query.h"
#include "producer/commands/cmd_products.h"
#include "producer/commands/commands.h"
#include "producer/commands/databases.h"
#include "producer/odoo/leader.h"
#include "producer/odoo/marks.h"

#define ARGS_MAX_BYTES ((size_t)4 * 1024 * 1024)
#define LINE_MAX_BYTES ((size_t)64 * 1024)

/* $1: these products; none: all. */
static const char PARKED[] = "SELECT product_id, reason, detail, first_at, last_at, attempts,"
                             " CASE WHEN reason <> 'refused' THEN last_at + $2 * interval '1 s' END"
                             " FROM stocksync.parked_product WHERE cardinality($1::integer[]) = 0 "
                             "OR product_id = ANY ($1::integer[])"
                             " ORDER BY product_id";
static const char SKUS[] = "SELECT id, left(default_code, 200)::text FROM public.product_product"
                           " WHERE id = ANY ($1::integer[]) ORDER BY id";

struct listing {
    struct databases dbs;
    struct pg_args args;
    struct id_list asked; /* empty: all */
    struct id_list ids;   /* the parked ones of these */
    struct pg_rows rows;
    struct pg_rows skus; /* of those that Odoo has */
};

static enum status read_parked(struct listing *l, struct err *err)
{
    pg_args_reset(&l->args);
    pg_args_i32_array(&l->args, l->asked.ids, l->asked.count);
    pg_args_i32(&l->args, LEADER_RETRY_S);
    enum status rc = pg_query(l->dbs.state, PARKED, &l->args, "ittzziz", &l->rows, err);
    for (int i = 0; rc == STATUS_OK && i < l->rows.count; i++) {
        id_list_add(&l->ids, pg_i32(&l->rows, i, 0));
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_reset(&l->args);
    pg_args_i32_array(&l->args, l->ids.ids, l->ids.count);
    struct err unknown = {0};
    if (pg_query(l->dbs.odoo, SKUS, &l->args, "it", &l->skus, &unknown) != STATUS_OK) {
        (void)fprintf(stderr, "the SKUs cannot be read: %s\n", unknown.msg);
    }
    return STATUS_OK;
}

/* "": it has none, or its row cannot be read. */
static const char *sku_of(const struct listing *l, int32_t product_id)
{
    for (int i = 0; i < l->skus.count; i++) {
        if (pg_i32(&l->skus, i, 0) == product_id && !pg_is_null(&l->skus, i, 1)) {
            return pg_text(&l->skus, i, 1);
        }
    }
    return "";
}

static const char *format_time(const struct pg_rows *rows, int row, int column, char *text)
{
    return pg_is_null(rows, row, column) ? ""
                                         : clock_format_utc(pg_time_us(rows, row, column), text);
}

static enum status print_json(const struct listing *l, struct err *err)
{
    char first[CLOCK_TEXT_SIZE];
    char last[CLOCK_TEXT_SIZE];
    char next[CLOCK_TEXT_SIZE];
    struct strbuf line;
    enum status rc = STATUS_OK;
    strbuf_init(&line, LINE_MAX_BYTES);
    for (int i = 0; i < l->rows.count && rc == STATUS_OK; i++) {
        int32_t id = pg_i32(&l->rows, i, 0);
        strbuf_reset(&line);
        strbuf_appendf(&line, "{\"product_id\":%d,\"sku\":", id);
        strbuf_append_json(&line, sku_of(l, id));
        strbuf_append_text(&line, ",\"reason\":");
        strbuf_append_json(&line, pg_text(&l->rows, i, 1));
        strbuf_append_text(&line, ",\"detail\":");
        strbuf_append_json(&line, pg_text(&l->rows, i, 2));
        strbuf_appendf(&line,
                       ",\"since\":\"%s\",\"last\":\"%s\",\"attempts\":%d,\"next\":\"%s\"}\n",
                       format_time(&l->rows, i, 3, first), format_time(&l->rows, i, 4, last),
                       pg_i32(&l->rows, i, 5), format_time(&l->rows, i, 6, next));
        rc = strbuf_check(&line, "parked product", err);
        (void)fputs(rc == STATUS_OK ? line.ptr : "", stdout);
    }
    strbuf_release(&line);
    return rc;
}

static void print_table(const struct listing *l)
{
    char first[CLOCK_TEXT_SIZE];
    char last[CLOCK_TEXT_SIZE];
    char next[CLOCK_TEXT_SIZE];
    if (l->rows.count == 0) {
        (void)printf("no product is parked%s\n", l->asked.count > 0 ? " among these" : "");
        return;
    }
    (void)printf("%-10s %-20s %-11s %-24s %-24s %8s %-24s %s\n", "product", "sku", "reason",
                 "since", "last", "attempts", "next", "detail");
    for (int i = 0; i < l->rows.count; i++) {
        const char *when = format_time(&l->rows, i, 6, next);
        (void)printf("%-10d %-20s %-11s %-24s %-24s %8d %-24s %s\n", pg_i32(&l->rows, i, 0),
                     sku_of(l, pg_i32(&l->rows, i, 0)), pg_text(&l->rows, i, 1),
                     format_time(&l->rows, i, 3, first), format_time(&l->rows, i, 4, last),
                     pg_i32(&l->rows, i, 5), when[0] != '\0' ? when : "at the next start",
                     pg_text(&l->rows, i, 2));
    }
}

static enum status try_again(const struct listing *l, struct err *err)
{
    enum status rc = STATUS_OK;
    if (l->ids.count > 0) {
        rc = marks_insert(l->dbs.odoo, l->ids.ids, l->ids.count, CAUSE_BACKFILL, err);
    }
    if (rc == STATUS_OK) {
        (void)printf("%zu parked products marked: the producer tries them now\n", l->ids.count);
    }
    return rc;
}

static enum status run(struct listing *l, const struct cli_call *call, struct err *err)
{
    enum status rc =
        cmd_products_any(call) ? cmd_products_find(call, l->dbs.odoo, &l->asked, err) : STATUS_OK;
    if (rc == STATUS_OK) {
        rc = read_parked(l, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    if (cli_has(call, "--retry")) {
        return try_again(l, err);
    }
    if (cli_has(call, "--json")) {
        return print_json(l, err);
    }
    print_table(l);
    return STATUS_OK;
}

enum status cmd_parked(const struct cli_call *call, const void *root, struct err *err)
{
    const struct producer_conf *conf = root;
    struct listing l = {0};
    if (cli_has(call, "--retry") && cli_has(call, "--json")) {
        return err_set(err, STATUS_USAGE, "--retry lists nothing: leave --json out");
    }
    enum status rc = cmd_products_check(call, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_init(&l.args, ARGS_MAX_BYTES);
    rc = databases_open(conf, "stocksync-producer parked", 60000, &l.dbs, err);
    if (rc == STATUS_OK) {
        rc = run(&l, call, err);
    }
    pg_rows_release(&l.rows);
    pg_rows_release(&l.skus);
    id_list_release(&l.ids);
    id_list_release(&l.asked);
    pg_args_release(&l.args);
    databases_close(&l.dbs);
    return rc;
}

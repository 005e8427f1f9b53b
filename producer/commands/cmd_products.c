#include "producer/commands/cmd_products.h"

#include <stdio.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/pg/pg_query.h"

#define ARGS_MAX_BYTES  ((size_t)1 << 20)
#define NAMED_MAX_BYTES ((size_t)4096)

/* One row a product of a SKU; one without a product for a SKU that nothing has. */
static const char BY_SKU[] =
    "SELECT t.place::integer - 1, p.id FROM unnest($1::text[]) WITH ORDINALITY AS t(sku, place)"
    " LEFT JOIN public.product_product p ON p.default_code = t.sku ORDER BY 1, 2";
static const char UNKNOWN[] =
    "SELECT i.id FROM unnest($1::integer[]) WITH ORDINALITY AS i(id, place) WHERE NOT EXISTS"
    " (SELECT FROM public.product_product p WHERE p.id = i.id) ORDER BY i.place LIMIT 1";

bool cmd_products_any(const struct cli_call *call)
{
    return cli_has(call, "--product") || cli_has(call, "--sku");
}

static enum status read_ids(const struct cli_call *call, struct id_list *ids, struct err *err)
{
    for (size_t i = 0;; i++) {
        long id = 0;
        enum status rc = cli_number(call, "--product", i, 1, INT32_MAX, &id, err);
        if (rc != STATUS_OK) {
            return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
        }
        id_list_add(ids, (int32_t)id);
    }
}

enum status cmd_products_check(const struct cli_call *call, struct err *err)
{
    struct id_list ids = {0};
    enum status rc = read_ids(call, &ids, err);
    id_list_release(&ids);
    return rc;
}

static enum status
check_ids(struct pg_conn *odoo, struct pg_args *args, const struct id_list *ids, struct err *err)
{
    struct pg_rows rows = {0};
    pg_args_reset(args);
    pg_args_i32_array(args, ids->ids, ids->count);
    enum status rc = pg_query(odoo, UNKNOWN, args, "i", &rows, err);
    if (rc == STATUS_OK && rows.count > 0) {
        rc = err_set(err, STATUS_USAGE,
                     "Odoo has no product %d; --product takes ids of product.product, not of "
                     "product.template, and --sku takes internal references",
                     pg_i32(&rows, 0, 0));
    }
    pg_rows_release(&rows);
    return rc;
}

/* The rows of one SKU begin at *row. */
static enum status take_sku(
    const struct pg_rows *rows, int *row, const char *sku, struct id_list *ids, struct err *err)
{
    struct strbuf named;
    int place = pg_i32(rows, *row, 0);
    int count = 0;
    if (pg_is_null(rows, *row, 1)) {
        return err_set(err, STATUS_USAGE,
                       "Odoo has no product with the SKU '%s' (internal reference, compared byte "
                       "by byte); name it with --product ID",
                       sku);
    }
    strbuf_init(&named, NAMED_MAX_BYTES);
    for (; *row < rows->count && pg_i32(rows, *row, 0) == place; *row += 1) {
        id_list_add(ids, pg_i32(rows, *row, 1));
        strbuf_appendf(&named, "%s%d", count++ > 0 ? ", " : "", pg_i32(rows, *row, 1));
    }
    if (count > 1) {
        (void)fprintf(stderr, "SKU %s: products %s\n", sku, named.ptr);
    }
    strbuf_release(&named);
    return STATUS_OK;
}

static enum status find_skus(const struct cli_call *call,
                             struct pg_conn *odoo,
                             struct pg_args *args,
                             struct id_list *ids,
                             struct err *err)
{
    const char *skus[CLI_MAX_VALUES];
    size_t count = 0;
    struct pg_rows rows = {0};
    for (const char *sku = cli_value(call, "--sku", 0); sku != NULL;
         sku = cli_value(call, "--sku", count)) {
        skus[count++] = sku;
    }
    pg_args_reset(args);
    pg_args_text_array(args, skus, count);
    enum status rc = pg_query(odoo, BY_SKU, args, "ii", &rows, err);
    for (int row = 0; rc == STATUS_OK && row < rows.count;) {
        rc = take_sku(&rows, &row, skus[pg_i32(&rows, row, 0)], ids, err);
    }
    pg_rows_release(&rows);
    return rc;
}

enum status cmd_products_find(const struct cli_call *call,
                              struct pg_conn *odoo,
                              struct id_list *ids,
                              struct err *err)
{
    struct pg_args args;
    pg_args_init(&args, ARGS_MAX_BYTES);
    enum status rc = read_ids(call, ids, err);
    if (rc == STATUS_OK && ids->count > 0) {
        rc = check_ids(odoo, &args, ids, err);
    }
    if (rc == STATUS_OK && cli_has(call, "--sku")) {
        rc = find_skus(call, odoo, &args, ids, err);
    }
    id_list_sort(ids);
    pg_args_release(&args);
    return rc;
}

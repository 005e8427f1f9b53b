/*
 * stock: prints the stock that the producer computes, to compare it with Odoo and to see where the
 * number of a kit comes from. Reads only.
 */
#include <stdio.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/pg/pg_query.h"
#include "producer/commands/cmd_products.h"
#include "producer/commands/commands.h"
#include "producer/commands/databases.h"
#include "producer/odoo/id_list.h"
#include "producer/odoo/install.h"
#include "producer/odoo/kit_table.h"
#include "producer/odoo/source_snapshot.h"
#include "producer/odoo/stock_reader.h"

#define PAGE_PRODUCTS  5000
#define LINE_MAX_BYTES ((size_t)16 * 1024 * 1024)

static const char ALL_PRODUCTS[] =
    "SELECT id FROM public.product_product WHERE id > $1 ORDER BY id LIMIT $2";
static const char KIT[] = "SELECT k.kind, COALESCE(k.bom_id, 0), k.problem FROM stocksync.kit k"
                          " WHERE k.kit_id = $1";
static const char PARTS[] =
    "SELECT component_id, need, yield FROM stocksync.kit_component WHERE kit_id = $1"
    " ORDER BY need IS NULL, need = 0, component_id";

struct output {
    struct pg_conn *conn;
    const struct id_list *ids; /* empty: all */
    struct stock_reader *reader;
    struct pg_args args;
    struct strbuf line;
    size_t unreadable;
};

static void append_parts(struct strbuf *line, const struct pg_rows *parts)
{
    strbuf_append_text(line, ",\"parts\":[");
    for (int i = 0; i < parts->count; i++) {
        strbuf_appendf(line, "%s{\"product_id\":%d", i > 0 ? "," : "", pg_i32(parts, i, 0));
        if (pg_is_null(parts, i, 1)) {
            strbuf_append_text(line, ",\"counts\":\"no\"}");
        } else if (pg_f64(parts, i, 1) == 0) {
            strbuf_append_text(line, ",\"counts\":\"through another part\"}");
        } else {
            strbuf_appendf(line, ",\"counts\":\"yes\",\"need\":%.17g}", pg_f64(parts, i, 1));
        }
    }
    strbuf_append_text(line, "]");
}

/* What the number of a kit comes from. */
static enum status append_kit(struct output *o, int32_t product_id, struct err *err)
{
    struct pg_rows kit = {0};
    struct pg_rows parts = {0};
    pg_args_reset(&o->args);
    pg_args_i32(&o->args, product_id);
    enum status rc = pg_query(o->conn, KIT, &o->args, "hit", &kit, err);
    if (rc == STATUS_OK && kit.count == 1) {
        rc = pg_query(o->conn, PARTS, &o->args, "idd", &parts, err);
    }
    if (rc == STATUS_OK && kit.count == 1) {
        strbuf_appendf(&o->line, ",\"made_of\":{\"kind\":\"%s\",\"bom_id\":%d",
                       pg_i32(&kit, 0, 0) == KIT_COMMINGLED ? "commingled" : "kit",
                       pg_i32(&kit, 0, 1));
        if (!pg_is_null(&kit, 0, 2)) {
            strbuf_append_text(&o->line, ",\"problem\":");
            strbuf_append_json(&o->line, pg_text(&kit, 0, 2));
        }
        if (parts.count > 0) {
            strbuf_appendf(&o->line, ",\"yield\":%.17g", pg_f64(&parts, 0, 2));
        }
        append_parts(&o->line, &parts);
        strbuf_append_text(&o->line, "}");
    }
    pg_rows_release(&parts);
    pg_rows_release(&kit);
    return rc;
}

static enum status
print_product(struct output *o, const struct product_stock *stock, struct err *err)
{
    strbuf_reset(&o->line);
    strbuf_append_text(&o->line, "{\"record\":");
    product_stock_append_json(stock, &o->line);
    enum status rc = append_kit(o, stock->product_id, err);
    strbuf_append_text(&o->line, "}\n");
    if (rc == STATUS_OK) {
        rc = strbuf_check(&o->line, "product", err);
    }
    if (rc == STATUS_OK) {
        (void)fwrite(o->line.ptr, 1, o->line.len, stdout);
    }
    return rc;
}

static enum status print_page(struct output *o, const struct id_list *ids, struct err *err)
{
    struct stock_batch batch = {0};
    enum status rc = stock_reader_read(o->reader, ids->ids, ids->count, &batch, err);
    for (size_t i = 0; rc == STATUS_OK && i < batch.count; i++) {
        rc = print_product(o, &batch.list[i], err);
    }
    for (size_t i = 0; rc == STATUS_OK && i < batch.gone_count; i++) {
        (void)fprintf(stderr, "product %d: no such product\n", batch.gone[i]);
    }
    for (size_t i = 0; rc == STATUS_OK && i < batch.unreadable_count; i++) {
        (void)fprintf(stderr, "product %d cannot be read: %s\n", batch.unreadable[i].product_id,
                      batch.unreadable[i].why);
        o->unreadable++;
    }
    return rc;
}

static enum status next_page(struct output *o, int32_t after, struct id_list *ids, struct err *err)
{
    struct pg_rows rows = {0};
    id_list_reset(ids);
    pg_args_reset(&o->args);
    pg_args_i32(&o->args, after);
    pg_args_i64(&o->args, PAGE_PRODUCTS);
    enum status rc = pg_query(o->conn, ALL_PRODUCTS, &o->args, "i", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count; i++) {
        id_list_add(ids, pg_i32(&rows, i, 0));
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status print_all(struct output *o, struct err *err)
{
    struct id_list ids = {0};
    enum status rc = next_page(o, 0, &ids, err);
    while (rc == STATUS_OK && ids.count > 0) {
        int32_t last = ids.ids[ids.count - 1];
        rc = print_page(o, &ids, err);
        if (rc == STATUS_OK) {
            rc = next_page(o, last, &ids, err);
        }
    }
    id_list_release(&ids);
    return rc;
}

/* The index of a flag's word; the fallback without the flag. */
static enum status choose(const struct cli_call *call,
                          const char *flag,
                          const char *const *words,
                          int *choice,
                          struct err *err)
{
    const char *value = cli_value(call, flag, 0);
    if (value == NULL) {
        return STATUS_OK;
    }
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], value) == 0) {
            *choice = i;
            return STATUS_OK;
        }
    }
    return err_set(err, STATUS_USAGE, "%s %s: say %s, %s%s%s", flag, value, words[0], words[1],
                   words[2] != NULL ? " or " : "", words[2] != NULL ? words[2] : "");
}

static enum status print_products(void *arg, struct err *err)
{
    struct output *o = arg;
    return o->ids->count > 0 ? print_page(o, o->ids, err) : print_all(o, err);
}

static enum status print_stock(struct output *o,
                               const struct odoo_shape *shape,
                               const struct stock_reader_options *options,
                               struct err *err)
{
    o->reader = stock_reader_new(o->conn, shape, options);
    pg_args_init(&o->args, 64);
    strbuf_init(&o->line, LINE_MAX_BYTES);
    enum status rc = source_snapshot(o->conn, print_products, o, err);
    stock_reader_free(o->reader);
    pg_args_release(&o->args);
    strbuf_release(&o->line);
    return rc;
}

/* Kits that no producer has read yet would be printed as plain products. */
static enum status
check_filled(struct pg_conn *conn, const struct odoo_shape *shape, struct err *err)
{
    struct kit_table *kits = kit_table_new(conn, shape);
    bool filled = false;
    enum status rc = kit_table_is_filled(kits, &filled, err);
    if (rc == STATUS_OK && !filled) {
        rc = err_set(err, STATUS_DATABASE_UNFIT,
                     "no producer has read the bills of materials yet: start it once");
    }
    kit_table_free(kits);
    return rc;
}

enum status cmd_stock(const struct cli_call *call, const void *root, struct err *err)
{
    static const char *const GROUPS[] = {"warehouse", "company", "all", NULL};
    static const char *const SCOPES[] = {"view", "lot_stock", NULL};
    const struct producer_conf *conf = root;
    struct databases dbs = {0};
    struct odoo_shape shape;
    struct id_list ids = {0};
    int group = STOCK_BY_WAREHOUSE;
    int scope = conf->shared.odoo.scope;
    if (cli_has(call, "--all") == cmd_products_any(call)) {
        return err_set(err, STATUS_USAGE,
                       "say --all, or name products with --product ID or --sku TEXT");
    }
    enum status rc = cmd_products_check(call, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = choose(call, "--group", GROUPS, &group, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = choose(call, "--scope", SCOPES, &scope, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = databases_open(conf, "stocksync-producer stock", 60000, &dbs, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = odoo_version_read(dbs.odoo, conf->shared.odoo.forecast, &shape, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = install_verify(dbs.odoo, INSTALL_ODOO, conf->shared.odoo.forecast, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = check_filled(dbs.odoo, &shape, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    rc = cmd_products_find(call, dbs.odoo, &ids, err);
    if (rc != STATUS_OK) {
        goto out;
    }
    struct output output = {.conn = dbs.odoo, .ids = &ids};
    struct stock_reader_options options = {.forecast = conf->shared.odoo.forecast,
                                           .scope = (enum stock_scope)scope,
                                           .group = (enum stock_group)group};
    rc = print_stock(&output, &shape, &options, err);
    if (rc == STATUS_OK && output.unreadable > 0) {
        rc = err_set(err, STATUS_RECORD_INVALID, "%zu products cannot be read, the others can",
                     output.unreadable);
    }
out:
    databases_close(&dbs);
    id_list_release(&ids);
    return rc;
}

#include <string.h>

#include "common/core/mem.h"
#include "producer/odoo/leader_private.h"
#include "producer/odoo/stock_reader.h"

/* One row when the epoch is ours; none, and no change, when a successor took over. */
#define MINE "mine AS (SELECT FROM stocksync.owner WHERE epoch = $1)"

static const char SYNC_WAREHOUSES[] =
    "WITH " MINE ", now_is AS (SELECT w.* FROM mine, jsonb_to_recordset($2::text::jsonb)"
    " AS w(id integer, code text, company text, active boolean, company_id integer)),"
    " gone AS (DELETE FROM stocksync.warehouse s USING mine"
    " WHERE NOT EXISTS (SELECT FROM now_is n WHERE n.id = s.id)),"
    " put AS (INSERT INTO stocksync.warehouse (id, code, company, active, company_id)"
    " SELECT id, code, company, active, company_id FROM now_is ON CONFLICT (id) DO UPDATE"
    " SET code = EXCLUDED.code, company = EXCLUDED.company, active = EXCLUDED.active,"
    " company_id = EXCLUDED.company_id)"
    " SELECT true FROM mine";

static const char PARK[] =
    "WITH " MINE ", put AS (INSERT INTO stocksync.parked_product (product_id, reason, detail)"
    " SELECT p.id, p.reason, p.detail FROM mine,"
    " unnest($2::integer[], $3::text[], $4::text[]) AS p(id, reason, detail)"
    " ON CONFLICT (product_id) DO UPDATE SET reason = EXCLUDED.reason, detail = EXCLUDED.detail,"
    " last_at = now(), attempts = stocksync.parked_product.attempts + 1)"
    " SELECT true FROM mine";

static const char UNPARK[] =
    "WITH " MINE ", gone AS (DELETE FROM stocksync.parked_product p USING mine"
    " WHERE p.product_id = ANY ($2::integer[]))"
    " SELECT true FROM mine";

static void describe(const struct stock_warehouse_row *list, size_t count, struct strbuf *out)
{
    strbuf_reset(out);
    strbuf_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        const struct stock_warehouse_row *w = &list[i];
        strbuf_appendf(out,
                       "%s{\"id\":%d,\"active\":%s,\"company_id\":%d,\"code\":", i > 0 ? "," : "",
                       w->id, w->active ? "true" : "false", w->company_id);
        strbuf_append_json(out, w->code);
        strbuf_append_text(out, ",\"company\":");
        strbuf_append_json(out, w->company);
        strbuf_append_char(out, '}');
    }
    strbuf_append_char(out, ']');
}

bool leader_knows_warehouses(struct leader *leader,
                             const struct stock_warehouse_row *list,
                             size_t count)
{
    describe(list, count, &leader->scratch);
    return leader->scratch.len == leader->warehouses.len &&
           memcmp(leader->scratch.ptr, leader->warehouses.ptr, leader->scratch.len) == 0;
}

enum status leader_sync_warehouses(struct leader *leader,
                                   const struct stock_warehouse_row *list,
                                   size_t count,
                                   struct err *err)
{
    if (leader_knows_warehouses(leader, list, count)) {
        return STATUS_OK;
    }
    enum status rc = strbuf_check(&leader->scratch, "list of warehouses", err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct pg_args args;
    pg_args_init(&args, LEADER_WAREHOUSES_MAX_BYTES);
    pg_args_i64(&args, leader->epoch);
    pg_args_text(&args, leader->scratch.ptr);
    rc = leader_query(leader, SYNC_WAREHOUSES, &args, err);
    if (rc == STATUS_OK) {
        describe(list, count, &leader->warehouses);
    }
    pg_args_release(&args);
    return rc;
}

enum status leader_follow_warehouses(struct leader *leader, struct err *err)
{
    struct pg_rows rows = {0};
    struct stock_warehouse_row *list = NULL;
    enum status rc = stock_warehouses_read(leader->lock, &rows, &list, err);
    if (rc == STATUS_OK) {
        rc = leader_sync_warehouses(leader, list, (size_t)rows.count, err);
    }
    mem_free(list);
    pg_rows_release(&rows);
    return rc;
}

enum status
leader_park(struct leader *leader, const struct leader_parked *list, size_t count, struct err *err)
{
    int32_t *ids = mem_calloc(count, sizeof *ids);
    const char **reasons = mem_calloc(count, sizeof *reasons);
    const char **details = mem_calloc(count, sizeof *details);
    size_t size = 256;
    for (size_t i = 0; i < count; i++) {
        ids[i] = list[i].product_id;
        reasons[i] = list[i].reason;
        details[i] = list[i].detail;
        size += 32 + strlen(list[i].reason) + strlen(list[i].detail);
    }
    struct pg_args args;
    pg_args_init(&args, size);
    pg_args_i64(&args, leader->epoch);
    pg_args_i32_array(&args, ids, count);
    pg_args_text_array(&args, reasons, count);
    pg_args_text_array(&args, details, count);
    enum status rc = leader_query(leader, PARK, &args, err);
    if (rc == STATUS_OK) {
        id_list_add_all(&leader->parked, ids, count);
        id_list_sort(&leader->parked);
    }
    pg_args_release(&args);
    mem_free(details);
    mem_free(reasons);
    mem_free(ids);
    return rc;
}

static enum status unpark(struct leader *leader, const struct id_list *gone, struct err *err)
{
    struct pg_args args;
    pg_args_init(&args, 64 + gone->count * 8);
    pg_args_i64(&args, leader->epoch);
    pg_args_i32_array(&args, gone->ids, gone->count);
    enum status rc = leader_query(leader, UNPARK, &args, err);
    if (rc == STATUS_OK) {
        id_list_subtract(&leader->parked, gone);
    }
    pg_args_release(&args);
    return rc;
}

enum status
leader_unpark(struct leader *leader, const int32_t *product_ids, size_t count, struct err *err)
{
    struct id_list gone = {0};
    for (size_t i = 0; i < count && leader->parked.count > 0; i++) {
        if (leader_is_parked(leader, product_ids[i])) {
            id_list_add(&gone, product_ids[i]);
        }
    }
    enum status rc = gone.count > 0 ? unpark(leader, &gone, err) : STATUS_OK;
    id_list_release(&gone);
    return rc;
}

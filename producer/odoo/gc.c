#include "producer/odoo/gc.h"

#include "common/core/mem.h"
#include "common/pg/pg_query.h"
#include "producer/odoo/id_list.h"
#include "producer/odoo/odoo_version.h"

#define MARKS  "public." ODOO_MARKS_TABLE
#define QUANTS "public." ODOO_QUANT_MARKS_TABLE
/* Products looked up in one statement. */
#define SLICE         20000
#define PG_VERSION_12 120000

static const char OLD_ATTEMPTS[] = "DELETE FROM stocksync.attempt WHERE outcome IS NOT NULL"
                                   " AND sent_at < now() - $1 * interval '1 millisecond'";

/*
 * Untouched for 7 days. By default Kafka forgets a group's offsets after that time, so a store that
 * was away longer starts from scratch anyway. Revisions are microseconds since the epoch.
 */
#define OLD_REVISION "revision < (extract(epoch FROM now() - interval '7 days') * 1000000)::bigint"

static const char CANDIDATES[] =
    "SELECT DISTINCT product_id FROM ("
    " SELECT product_id FROM stocksync.product WHERE " OLD_REVISION
    " UNION ALL SELECT product_id FROM stocksync.level WHERE " OLD_REVISION
    " UNION ALL SELECT product_id FROM stocksync.parked_product"
    " WHERE last_at < now() - interval '7 days') c ORDER BY product_id";

/* No row and no mark: the tombstone is published, because a mark is deleted only after its record
 * is committed. */
static const char GONE[] =
    "SELECT a.id FROM unnest($1::integer[]) AS a(id)"
    " WHERE NOT EXISTS (SELECT FROM public.product_product p WHERE p.id = a.id)"
    " AND NOT EXISTS (SELECT FROM " MARKS " m WHERE m.product_id = a.id)"
    " AND NOT EXISTS (SELECT FROM " QUANTS " m WHERE m.product_id = a.id)";

static const char DELETE_PARKED[] =
    "DELETE FROM stocksync.parked_product WHERE product_id = ANY ($1::integer[])"
    " AND last_at < now() - interval '7 days'";
static const char DELETE_PRODUCTS[] =
    "DELETE FROM stocksync.product WHERE product_id = ANY ($1::integer[]) AND " OLD_REVISION;
static const char DELETE_LEVELS[] =
    "DELETE FROM stocksync.level WHERE product_id = ANY ($1::integer[]) AND " OLD_REVISION;
/* By then the grace of every unimported sale in it is over, and Shopify is read before a write. */
static const char OLD_KEPT[] =
    "DELETE FROM stocksync.level_kept WHERE kept_at < now() - interval '7 days'";

/* The size a backlog leaves behind. Reading quant marks walks over the whole file. */
#define LARGE_FILE "8388608"

static const char MAY_VACUUM[] =
    "SELECT bool_and(pg_has_role(c.relowner, 'USAGE')),"
    " max(pg_relation_size(c.oid)) FILTER (WHERE c.relname = '" ODOO_QUANT_MARKS_TABLE "')"
    " > " LARGE_FILE " FROM pg_class c"
    " WHERE c.relname IN ('" ODOO_MARKS_TABLE "', '" ODOO_QUANT_MARKS_TABLE "')"
    " AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'public')";

/* INDEX_CLEANUP ON: AUTO may skip the index when few pages are dead, and the next scan walks the
 * index. */
#define VACUUM_MARKS "VACUUM (SKIP_LOCKED, INDEX_CLEANUP ON, TRUNCATE OFF) " MARKS

static enum status delete_counted(struct pg_conn *conn,
                                  const char *sql,
                                  const struct pg_args *args,
                                  int64_t *count,
                                  struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, sql, args, "", &rows, err);
    *count += rows.affected;
    pg_rows_release(&rows);
    return rc;
}

static enum status delete_products(struct pg_conn *state,
                                   const struct pg_args *gone,
                                   struct gc_counts *counts,
                                   struct err *err)
{
    enum status rc = delete_counted(state, DELETE_PARKED, gone, &counts->parked_products, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = delete_counted(state, DELETE_PRODUCTS, gone, &counts->products, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    return delete_counted(state, DELETE_LEVELS, gone, &counts->levels, err);
}

/* Asks Odoo's database which of these products are gone, and deletes their rows of the state. */
static enum status clean_slice(struct pg_conn *odoo,
                               struct pg_conn *state,
                               const struct pg_args *asked,
                               struct gc_counts *counts,
                               struct err *err)
{
    struct pg_rows rows = {0};
    struct pg_args gone;
    struct id_list ids = {0};
    pg_args_init(&gone, 64 + SLICE * 8);
    enum status rc = pg_query(odoo, GONE, asked, "i", &rows, err);
    if (rc != STATUS_OK || rows.count == 0) {
        goto out;
    }
    for (int i = 0; i < rows.count; i++) {
        id_list_add(&ids, pg_i32(&rows, i, 0));
    }
    pg_args_i32_array(&gone, ids.ids, ids.count);
    rc = delete_products(state, &gone, counts, err);
out:
    id_list_release(&ids);
    pg_args_release(&gone);
    pg_rows_release(&rows);
    return rc;
}

static enum status
clean_gone(struct pg_conn *odoo, struct pg_conn *state, struct gc_counts *counts, struct err *err)
{
    struct pg_rows rows = {0};
    struct pg_args args;
    int32_t *ids = mem_calloc(SLICE, sizeof *ids);
    pg_args_init(&args, 64 + SLICE * 8);
    enum status rc = pg_query(state, CANDIDATES, NULL, "i", &rows, err);
    for (int i = 0; rc == STATUS_OK && i < rows.count;) {
        size_t count = 0;
        while (i < rows.count && count < SLICE) {
            ids[count++] = pg_i32(&rows, i++, 0);
        }
        pg_args_reset(&args);
        pg_args_i32_array(&args, ids, count);
        rc = clean_slice(odoo, state, &args, counts, err);
    }
    pg_args_release(&args);
    mem_free(ids);
    pg_rows_release(&rows);
    return rc;
}

/* Truncates only a large file. Truncating takes a lock for some milliseconds, and Odoo's next mark
 * waits for it; PostgreSQL gives it up as soon as another session waits. */
static enum status vacuum_both(struct pg_conn *odoo, bool large, struct err *err)
{
    bool old = pg_conn_server_version(odoo) < PG_VERSION_12;
    const char *quants = old     ? "VACUUM " QUANTS
                         : large ? "VACUUM (SKIP_LOCKED, TRUNCATE ON) " QUANTS
                                 : "VACUUM (SKIP_LOCKED, TRUNCATE OFF) " QUANTS;
    enum status rc = pg_exec(odoo, old ? "VACUUM " MARKS : VACUUM_MARKS, err);
    return rc == STATUS_OK ? pg_exec(odoo, quants, err) : rc;
}

static enum status vacuum(struct pg_conn *odoo, struct gc_counts *counts, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(odoo, MAY_VACUUM, NULL, "bb", &rows, err);
    if (rc == STATUS_OK && rows.count == 1 && pg_bool(&rows, 0, 0)) {
        rc = vacuum_both(odoo, pg_bool(&rows, 0, 1), err);
        counts->vacuumed = rc == STATUS_OK;
    }
    pg_rows_release(&rows);
    return rc;
}

static enum status delete_attempts(struct pg_conn *state,
                                   int64_t keep_attempts_ms,
                                   struct gc_counts *counts,
                                   struct err *err)
{
    struct pg_args args;
    pg_args_init(&args, 16);
    pg_args_f64(&args, (double)keep_attempts_ms);
    enum status rc = delete_counted(state, OLD_ATTEMPTS, &args, &counts->attempts, err);
    pg_args_release(&args);
    return rc;
}

enum status gc_run(struct pg_conn *odoo,
                   struct pg_conn *state,
                   int64_t keep_attempts_ms,
                   struct gc_counts *counts,
                   struct err *err)
{
    *counts = (struct gc_counts){0};
    enum status rc = delete_attempts(state, keep_attempts_ms, counts, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = delete_counted(state, OLD_KEPT, NULL, &counts->levels, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = clean_gone(odoo, state, counts, err);
    return rc == STATUS_OK ? vacuum(odoo, counts, err) : rc;
}

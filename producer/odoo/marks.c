#include "producer/odoo/marks.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/pg/pg_query.h"
#include "producer/odoo/odoo_version.h"

#define MARKS "public." ODOO_MARKS_TABLE

/* Runs of one DELETE; keeps its arguments below a megabyte. */
#define DELETE_CHUNK 50000
/* A page also walks over marks that are skipped; more than this many are taken in several pages. */
#define SKIP_PAGE_MAX 20000

static const char READ[] = "SELECT id::bigint, product_id, cause::smallint,"
                           " COALESCE(date_added::timestamptz, now())"
                           " FROM " MARKS " m WHERE m.id > $1 ORDER BY m.id LIMIT $2";

/* By runs of ids without a gap: exactly these ids, and one walk along the index instead of a search
 * for each. */
static const char DELETE_RUNS[] =
    "DELETE FROM " MARKS " m USING unnest($1::bigint[], $2::bigint[]) AS run(low, high)"
    " WHERE m.id BETWEEN run.low AND run.high";

static const char INSERT_LIST[] =
    "INSERT INTO " MARKS " (product_id, cause) SELECT p, $2::smallint FROM unnest($1::integer[]) p";

static const char INSERT_SLICE[] =
    "WITH slice AS (SELECT id FROM public.product_product WHERE id > $1 ORDER BY id LIMIT $2),"
    " mark AS (INSERT INTO " MARKS " (product_id, cause) SELECT id, $3::smallint FROM slice)"
    " SELECT COALESCE(max(id), $1), count(*) FROM slice";

static const char SUMMARY[] = "SELECT count(*), COALESCE(min(id), 0)::bigint,"
                              " COALESCE(max(id), 0)::bigint, min(date_added)::timestamptz"
                              " FROM " MARKS;

static const char OLDEST[] =
    "SELECT m.date_added::timestamptz FROM " MARKS " m ORDER BY m.id LIMIT 1";

void mark_list_release(struct mark_list *marks)
{
    mem_free(marks->list);
    *marks = (struct mark_list){0};
}

void mark_list_add(struct mark_list *marks, const struct mark *mark)
{
    if (marks->count == marks->capacity) {
        marks->capacity = mem_grow_capacity(marks->capacity, marks->count + 1);
        marks->list = mem_realloc(marks->list, marks->capacity, sizeof *marks->list);
    }
    marks->list[marks->count++] = *mark;
}

enum status marks_snapshot_begin(struct pg_conn *conn, struct err *err)
{
    static const char BEGIN[] = "BEGIN ISOLATION LEVEL REPEATABLE READ";
    return pg_begin(conn, BEGIN, err);
}

enum status marks_snapshot_end(struct pg_conn *conn, struct err *err)
{
    return pg_exec(conn, "COMMIT", err);
}

static enum cause cause_of(int32_t value)
{
    if (value == MARK_PART) {
        return CAUSE_PARENT;
    }
    return value >= 0 && value < CAUSE_COUNT ? (enum cause)value : CAUSE_STOCK;
}

static enum mark_look look_of(int32_t value)
{
    switch (value) {
    case CAUSE_BOM:
        return MARK_LOOK_ALL;
    case CAUSE_PRODUCT:
    case CAUSE_BACKFILL:
    case MARK_PART:
        return MARK_LOOK_SELF;
    default:
        return MARK_LOOK_STOCK;
    }
}

/* Adds the page's marks that are not skipped, at most up to limit. Returns the last id looked at.
 */
static int64_t take_page(const struct pg_rows *rows,
                         size_t limit,
                         const struct mark_skip *skip,
                         struct mark_list *marks)
{
    int64_t last = 0;
    for (int i = 0; i < rows->count && marks->count < limit; i++) {
        last = pg_i64(rows, i, 0);
        if (skip != NULL && skip->has(skip->arg, last)) {
            continue;
        }
        struct mark mark = {.id = last,
                            .product_id = pg_i32(rows, i, 1),
                            .cause = cause_of(pg_i32(rows, i, 2)),
                            .date_added_us = pg_time_us(rows, i, 3),
                            .look = look_of(pg_i32(rows, i, 2))};
        mark_list_add(marks, &mark);
    }
    return last;
}

enum status marks_read(struct pg_conn *conn,
                       int64_t after_id,
                       size_t limit,
                       const struct mark_skip *skip,
                       struct mark_list *marks,
                       int64_t *last_id,
                       struct err *err)
{
    struct pg_args args;
    struct pg_rows rows = {0};
    size_t extra = skip == NULL ? 0 : skip->count;
    size_t page = limit + (extra < SKIP_PAGE_MAX ? extra : SKIP_PAGE_MAX);
    enum status status = STATUS_OK;
    pg_args_init(&args, 64);
    marks->count = 0;
    *last_id = after_id;
    do {
        pg_args_reset(&args);
        pg_args_i64(&args, *last_id);
        pg_args_i64(&args, (int64_t)page);
        status = pg_query(conn, READ, &args, "lihz", &rows, err);
        if (status == STATUS_OK && rows.count > 0) {
            *last_id = take_page(&rows, limit, skip, marks);
        }
    } while (status == STATUS_OK && marks->count < limit && (size_t)rows.count == page);
    pg_rows_release(&rows);
    pg_args_release(&args);
    return status;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Folds ascending ids into runs, low[i] to high[i]; high may be the ids themselves. Returns how
 * many. */
static size_t fold_runs(const int64_t *ids, size_t count, int64_t *low, int64_t *high)
{
    size_t runs = 0;
    for (size_t i = 0; i < count; i++) {
        if (runs > 0 && ids[i] - high[runs - 1] <= 1) {
            high[runs - 1] = ids[i];
        } else {
            low[runs] = ids[i];
            high[runs++] = ids[i];
        }
    }
    return runs;
}

/* One transaction, in one trip. */
static enum status delete_runs(
    struct pg_conn *conn, const int64_t *low, const int64_t *high, size_t runs, struct err *err)
{
    static const char BEGIN[] = "BEGIN";
    static const char UNFLUSHED[] = "SET LOCAL synchronous_commit = off";
    static const char COMMIT[] = "COMMIT";
    struct pg_args args;
    struct pg_call calls[] = {
        {UNFLUSHED, NULL, "", NULL}, {DELETE_RUNS, &args, "", NULL}, {COMMIT, NULL, "", NULL}};
    pg_args_init(&args, 128 + runs * 24);
    pg_args_i64_array(&args, low, runs);
    pg_args_i64_array(&args, high, runs);
    enum status status = pg_begin(conn, BEGIN, err);
    if (status == STATUS_OK) {
        status = pg_query_all(conn, calls, 3, err);
    }
    if (status != STATUS_OK) {
        pg_rollback(conn);
    }
    pg_args_release(&args);
    return status;
}

enum status marks_delete(struct pg_conn *conn, const int64_t *ids, size_t count, struct err *err)
{
    if (count == 0) {
        return STATUS_OK;
    }
    int64_t *high = mem_alloc(count * sizeof *high);
    int64_t *low = mem_alloc(count * sizeof *low);
    memcpy(high, ids, count * sizeof *high);
    qsort(high, count, sizeof *high, compare_ids);
    size_t runs = fold_runs(high, count, low, high);
    enum status status = STATUS_OK;
    for (size_t done = 0; status == STATUS_OK && done < runs; done += DELETE_CHUNK) {
        size_t left = runs - done;
        size_t chunk = left < DELETE_CHUNK ? left : DELETE_CHUNK;
        status = delete_runs(conn, low + done, high + done, chunk, err);
    }
    mem_free(low);
    mem_free(high);
    return status;
}

enum status marks_insert(struct pg_conn *conn,
                         const int32_t *product_ids,
                         size_t count,
                         enum cause cause,
                         struct err *err)
{
    struct pg_args args;
    pg_args_init(&args, 64 + count * 8);
    pg_args_i32_array(&args, product_ids, count);
    pg_args_i32(&args, (int32_t)cause);
    enum status status = pg_query(conn, INSERT_LIST, &args, "", NULL, err);
    pg_args_release(&args);
    return status;
}

enum status marks_insert_slice(struct pg_conn *conn,
                               int32_t after_product,
                               size_t limit,
                               int32_t *last_product,
                               size_t *inserted,
                               struct err *err)
{
    struct pg_args args;
    struct pg_rows rows = {0};
    pg_args_init(&args, 64);
    pg_args_i32(&args, after_product);
    pg_args_i64(&args, (int64_t)limit);
    pg_args_i32(&args, CAUSE_BACKFILL);
    enum status status = pg_query(conn, INSERT_SLICE, &args, "il", &rows, err);
    if (status == STATUS_OK) {
        *last_product = pg_i32(&rows, 0, 0);
        *inserted = (size_t)pg_i64(&rows, 0, 1);
    }
    pg_rows_release(&rows);
    pg_args_release(&args);
    return status;
}

enum status marks_summary_read(struct pg_conn *conn, struct marks_summary *summary, struct err *err)
{
    struct pg_rows rows = {0};
    enum status status = pg_query(conn, SUMMARY, NULL, "lllz", &rows, err);
    if (status == STATUS_OK) {
        *summary = (struct marks_summary){.count = pg_i64(&rows, 0, 0),
                                          .min_id = pg_i64(&rows, 0, 1),
                                          .max_id = pg_i64(&rows, 0, 2),
                                          .oldest_us = pg_time_us(&rows, 0, 3)};
    }
    pg_rows_release(&rows);
    return status;
}

enum status marks_oldest(struct pg_conn *conn, int64_t *added_us, struct err *err)
{
    struct pg_rows rows = {0};
    enum status status = pg_query(conn, OLDEST, NULL, "z", &rows, err);
    if (status == STATUS_OK) {
        *added_us = rows.count > 0 ? pg_time_us(&rows, 0, 0) : 0;
    }
    pg_rows_release(&rows);
    return status;
}

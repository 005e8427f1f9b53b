#include "producer/odoo/marks.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/pg/pg_query.h"
#include "producer/odoo/odoo_version.h"

#define MARKS  "public." ODOO_MARKS_TABLE
#define QUANTS "public." ODOO_QUANT_MARKS_TABLE

/* Marks of one DELETE; keeps its arguments below a megabyte. */
#define DELETE_CHUNK 50000
/* MARK_ID_XID_MASK and MARK_ID_FILE_MASK in SQL. */
#define XID_MASK  "524287"
#define FILE_MASK "255"
_Static_assert(MARK_ID_XID_MASK == 524287 && MARK_ID_FILE_MASK == 255, "XID_MASK, FILE_MASK");
/* The file of the quant marks table: call with a lock on the table, which keeps it. */
#define QUANT_FILE "pg_relation_filenode('" QUANTS "'::regclass)::bigint"
/* The first id of quant marks in SQL. */
#define STRAY_LIMIT "4611686018427387904"
_Static_assert(MARK_ID_LISTED_MAX == 4611686018427387903, "STRAY_LIMIT");
/* A page also reads marks that are skipped; more than this many are read in several pages. */
#define SKIP_PAGE_MAX 20000

static const char READ[] =
    "SELECT id::bigint, product_id, cause::smallint,"
    " COALESCE(date_added::timestamptz, now())"
    " FROM " MARKS " m WHERE m.id > $1 AND m.id < " STRAY_LIMIT " ORDER BY m.id LIMIT $2";

/* Rows come in the order of their places. The age of transaction 0 is infinite. */
#define SELECT_QUANTS                                                                              \
    "SELECT m.ctid, m.xmin, m.product_id, m.date_added FROM " QUANTS " m"                          \
    " WHERE m.ctid > $1 AND age(m.xmin) <= age($2)"
static const char READ_QUANTS[] = SELECT_QUANTS " LIMIT $3";

/* It ends with the snapshot's transaction. */
static const char OPEN_CURSOR[] =
    "DECLARE stocksync_quant_marks NO SCROLL CURSOR FOR " SELECT_QUANTS;
#define FETCH(count) "FETCH FORWARD " #count " FROM stocksync_quant_marks"
/* FETCH takes no argument. A page is put together from these: what a cursor gave it does not give
 * again, so it must not give more than the page takes. */
static const struct {
    size_t count;
    const char *sql;
} FETCHES[] = {{8192, FETCH(8192)}, {1024, FETCH(1024)}, {128, FETCH(128)},
               {16, FETCH(16)},     {4, FETCH(4)},       {1, FETCH(1)}};

/* Ids that no sequence produced: a reader that counts up from 0 never meets the first, and the others
 * are those of quant marks (mark_id.h). */
static const char HAS_STRAYS[] =
    "SELECT EXISTS (SELECT FROM " MARKS " m WHERE m.id <= 0)"
    " OR EXISTS (SELECT FROM " MARKS " m WHERE m.id >= " STRAY_LIMIT ")";
static const char RENUMBER_STRAYS[] =
    "WITH stray AS (DELETE FROM " MARKS " WHERE id IN (SELECT id FROM " MARKS " WHERE id <= 0"
    " UNION ALL SELECT id FROM " MARKS " WHERE id >= " STRAY_LIMIT ")"
    " RETURNING product_id, cause, date_added)"
    " INSERT INTO " MARKS " (product_id, cause, date_added)"
    " SELECT product_id, cause, date_added FROM stray";

static const char HORIZON[] = "SELECT txid_snapshot_xmin(txid_current_snapshot()), " QUANT_FILE;

/* The hash join is for servers before 12, which would search the whole table for each place. */
static const char DELETE_SETTINGS[] = "SELECT set_config('synchronous_commit', 'off', true),"
                                      " set_config('enable_hashjoin', 'on', true)";

/* Marks of another file stay: VACUUM FULL moved them, and they are read again. */
static const char DELETE_QUANTS[] =
    "DELETE FROM " QUANTS " m USING (SELECT g.place, g.xid"
    " FROM unnest($1::tid[], $2::integer[], $3::integer[]) AS g(place, xid, file)"
    " WHERE g.file = (SELECT " QUANT_FILE " & " FILE_MASK ")) gone"
    " WHERE m.ctid = gone.place AND m.xmin::text::bigint & " XID_MASK " = gone.xid";

/* By runs of ids without a gap: one walk along the index instead of a search for each id. */
static const char DELETE_RUNS[] =
    "DELETE FROM " MARKS " m USING unnest($1::bigint[], $2::bigint[]) AS run(low, high)"
    " WHERE m.id BETWEEN run.low AND run.high";

static const char INSERT_LIST[] =
    "INSERT INTO " MARKS " (product_id, cause) SELECT p, $2::smallint FROM unnest($1::integer[]) p";

static const char INSERT_GONE[] =
    "WITH mark AS (INSERT INTO " MARKS " (product_id, cause) SELECT p, $2::smallint"
    " FROM unnest($1::integer[]) p"
    " WHERE NOT EXISTS (SELECT FROM public.product_product o WHERE o.id = p) RETURNING 1)"
    " SELECT count(*) FROM mark";

static const char INSERT_SLICE[] =
    "WITH slice AS (SELECT id FROM public.product_product WHERE id > $1 ORDER BY id LIMIT $2),"
    " mark AS (INSERT INTO " MARKS " (product_id, cause) SELECT id, $3::smallint FROM slice)"
    " SELECT COALESCE(max(id), $1), count(*) FROM slice";

static const char SUMMARY[] =
    "SELECT m.marks + q.marks, LEAST(m.oldest, q.oldest) FROM"
    " (SELECT count(*) AS marks, min(date_added)::timestamptz AS oldest FROM " MARKS ") m,"
    " (SELECT count(*) AS marks, min(date_added) AS oldest FROM " QUANTS ") q";

static const char OLDEST[] =
    "SELECT LEAST((SELECT m.date_added::timestamptz FROM " MARKS " m ORDER BY m.id LIMIT 1),"
    " (SELECT q.date_added FROM " QUANTS " q LIMIT 1))";

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

struct reading;

/* One of the two marks tables while a page is read. */
struct source {
    struct pg_call call;
    struct pg_args args;
    struct pg_rows rows;
    struct mark (*mark_at)(const struct reading *r, int row);
    size_t taken; /* marks that were not skipped */
    bool more;    /* there are rows that were not read yet */
};

struct reading {
    size_t limit; /* marks per table */
    size_t rows;  /* rows per statement and table: some of them are skipped */
    const struct mark_skip *skip;
    struct marks_page *page;
    struct mark_list *marks;
    struct source listed, quants;
    bool by_cursor; /* quant marks */
    uint32_t file;  /* of the quant marks table */
};

static struct mark listed_at(const struct reading *r, int row)
{
    const struct pg_rows *rows = &r->listed.rows;
    return (struct mark){.id = pg_i64(rows, row, 0),
                         .product_id = pg_i32(rows, row, 1),
                         .cause = cause_of(pg_i32(rows, row, 2)),
                         .date_added_us = pg_time_us(rows, row, 3),
                         .look = look_of(pg_i32(rows, row, 2))};
}

static struct mark quant_at(const struct reading *r, int row)
{
    const struct pg_rows *rows = &r->quants.rows;
    return (struct mark){.id =
                             mark_id_of_quant(pg_tid(rows, row, 0), pg_xid(rows, row, 1), r->file),
                         .product_id = pg_i32(rows, row, 2),
                         .cause = CAUSE_STOCK,
                         .date_added_us = pg_time_us(rows, row, 3),
                         .look = MARK_LOOK_STOCK};
}

static void ask(struct reading *r)
{
    struct pg_args *listed = &r->listed.args;
    struct pg_args *quants = &r->quants.args;
    pg_args_reset(listed);
    pg_args_i64(listed, r->page->last_id);
    pg_args_i64(listed, (int64_t)r->rows);
    pg_args_reset(quants);
    pg_args_tid(quants, r->page->quant);
    pg_args_xid(quants, r->page->from.xid);
    pg_args_i64(quants, (int64_t)r->rows);
}

/* Adds the marks that are not skipped, up to the limit, and notes how far it came. */
static void take(struct reading *r, struct source *source)
{
    for (int i = 0; i < source->rows.count && source->taken < r->limit; i++) {
        struct mark mark = source->mark_at(r, i);
        if (mark_id_is_quant(mark.id)) {
            r->page->quant = mark_id_place(mark.id);
        } else {
            r->page->last_id = mark.id;
        }
        if (r->skip == NULL || !r->skip->has(r->skip->arg, mark.id)) {
            mark_list_add(r->marks, &mark);
            source->taken++;
        }
    }
    source->more = source->taken < r->limit && (size_t)source->rows.count == r->rows;
}

/* Reads on in the tables whose rows were partly skipped. */
static enum status read_rest(struct pg_conn *conn, struct reading *r, struct err *err)
{
    while (r->quants.more || r->listed.more) {
        struct source *source = r->quants.more ? &r->quants : &r->listed;
        ask(r);
        enum status rc = pg_query_all(conn, &source->call, 1, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        take(r, source);
    }
    return STATUS_OK;
}

/* Gives stray marks a number of the sequence; this page or the next one has them. */
static enum status adopt_strays(struct pg_conn *conn, const struct pg_rows *strays, struct err *err)
{
    if (strays->count == 0 || !pg_bool(strays, 0, 0)) {
        return STATUS_OK;
    }
    return pg_query(conn, RENUMBER_STRAYS, NULL, "", NULL, err);
}

enum marks_path marks_path_of(int server_version)
{
    return server_version < 140000 ? MARKS_BY_CURSOR : MARKS_BY_PLACES;
}

/* The greatest of FETCHES that gives no more than wanted. */
static size_t fetch_for(size_t wanted)
{
    size_t i = 0;
    while (FETCHES[i].count > wanted) {
        i++;
    }
    return i;
}

/* Fills the page from the cursor: skipped rows do not count, and a short answer is the last. */
static enum status fetch_quants(struct pg_conn *conn, struct reading *r, struct err *err)
{
    struct source *source = &r->quants;
    while (source->taken < r->limit) {
        size_t fetch = fetch_for(r->limit - source->taken);
        enum status rc = pg_query(conn, FETCHES[fetch].sql, NULL, "cxiz", &source->rows, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        take(r, source);
        if ((size_t)source->rows.count < FETCHES[fetch].count) {
            break;
        }
    }
    source->more = false;
    return STATUS_OK;
}

static enum status open_cursor(struct pg_conn *conn, struct reading *r, struct err *err)
{
    struct pg_args args;
    if (r->page->has_cursor) {
        return STATUS_OK;
    }
    pg_args_init(&args, 64);
    pg_args_tid(&args, r->page->quant);
    pg_args_xid(&args, r->page->from.xid);
    enum status rc = pg_query(conn, OPEN_CURSOR, &args, "", NULL, err);
    pg_args_release(&args);
    r->page->has_cursor = rc == STATUS_OK;
    return rc;
}

static enum status read_quants(struct pg_conn *conn, struct reading *r, struct err *err)
{
    if (!r->by_cursor) {
        take(r, &r->quants);
        return STATUS_OK;
    }
    enum status rc = open_cursor(conn, r, err);
    return rc == STATUS_OK ? fetch_quants(conn, r, err) : rc;
}

static enum status read_page(struct pg_conn *conn, struct reading *r, struct err *err)
{
    struct pg_rows horizon = {0};
    struct pg_rows strays = {0};
    ask(r);
    const struct pg_call calls[] = {r->quants.call,
                                    r->listed.call,
                                    {HORIZON, NULL, "ll", &horizon},
                                    {HAS_STRAYS, NULL, "b", &strays}};
    const size_t skipped = r->by_cursor ? 1 : 0;
    const size_t count = (r->page->from.id == 0 ? 4 : 3) - skipped;
    enum status rc = pg_query_all(conn, calls + skipped, count, err);
    if (rc == STATUS_OK) {
        r->page->horizon = (uint32_t)pg_i64(&horizon, 0, 0);
        r->file = (uint32_t)pg_i64(&horizon, 0, 1);
        rc = read_quants(conn, r, err);
    }
    if (rc == STATUS_OK) {
        take(r, &r->listed);
        rc = adopt_strays(conn, &strays, err);
    }
    pg_rows_release(&strays);
    pg_rows_release(&horizon);
    return rc == STATUS_OK ? read_rest(conn, r, err) : rc;
}

static bool is_first(struct pg_tid place)
{
    return place.block == 0 && place.offset == 0;
}

struct mark_place marks_page_end(const struct marks_page *page)
{
    struct mark_place end = {.id = page->last_id};
    if (!page->full && is_first(page->from.quant)) {
        end.xid = page->horizon;
    } else {
        end.xid = page->from.xid;
        end.quant = page->quant;
    }
    return end;
}

static void release_source(struct source *source)
{
    pg_rows_release(&source->rows);
    pg_args_release(&source->args);
}

enum status marks_read(struct pg_conn *conn,
                       size_t limit,
                       const struct mark_skip *skip,
                       struct marks_page *page,
                       struct mark_list *marks,
                       struct err *err)
{
    size_t extra = skip == NULL ? 0 : skip->count;
    struct reading r = {.limit = limit,
                        .rows = limit + (extra < SKIP_PAGE_MAX ? extra : SKIP_PAGE_MAX),
                        .skip = skip,
                        .page = page,
                        .marks = marks,
                        .listed.mark_at = listed_at,
                        .quants.mark_at = quant_at};
    enum marks_path path =
        page->path != MARKS_BY_VERSION ? page->path : marks_path_of(pg_conn_server_version(conn));
    r.by_cursor = path == MARKS_BY_CURSOR;
    r.listed.call = (struct pg_call){READ, &r.listed.args, "lihz", &r.listed.rows};
    r.quants.call = (struct pg_call){READ_QUANTS, &r.quants.args, "cxiz", &r.quants.rows};
    pg_args_init(&r.listed.args, 64);
    pg_args_init(&r.quants.args, 64);
    marks->count = 0;
    page->last_id = page->from.id;
    page->quant = is_first(page->quant) ? page->from.quant : page->quant;
    enum status rc = read_page(conn, &r, err);
    page->full = r.listed.taken == limit || r.quants.taken == limit;
    release_source(&r.listed);
    release_source(&r.quants);
    return rc;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Folds ascending ids into runs, low[i] to high[i], and returns how many. high may be ids. */
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

/* The marks that one transaction deletes. */
struct deletion {
    const int64_t *low, *high; /* runs of the marks table's ids */
    size_t runs;
    const int64_t *quants; /* ids of quant marks */
    size_t quant_count;
};

static void put_quants(struct pg_args *args, const int64_t *ids, size_t count)
{
    struct pg_tid *places = mem_alloc(count * sizeof *places);
    int32_t *xids = mem_alloc(count * sizeof *xids);
    int32_t *files = mem_alloc(count * sizeof *files);
    for (size_t i = 0; i < count; i++) {
        places[i] = mark_id_place(ids[i]);
        xids[i] = mark_id_xid(ids[i]);
        files[i] = mark_id_file(ids[i]);
    }
    pg_args_tid_array(args, places, count);
    pg_args_i32_array(args, xids, count);
    pg_args_i32_array(args, files, count);
    mem_free(files);
    mem_free(places);
    mem_free(xids);
}

static enum status
run_deletion(struct pg_conn *conn, const struct pg_call *calls, size_t count, struct err *err)
{
    static const char BEGIN[] = "BEGIN";
    enum status rc = pg_begin(conn, BEGIN, err);
    if (rc == STATUS_OK) {
        rc = pg_query_all(conn, calls, count, err);
    }
    if (rc != STATUS_OK) {
        pg_rollback(conn);
    }
    return rc;
}

/* One transaction in one round trip. */
static enum status delete_now(struct pg_conn *conn, const struct deletion *what, struct err *err)
{
    static const char COMMIT[] = "COMMIT";
    struct pg_rows set = {0};
    struct pg_args runs;
    struct pg_args quants;
    struct pg_call calls[4] = {{DELETE_SETTINGS, NULL, "tt", &set}};
    size_t count = 1;
    pg_args_init(&runs, 128 + what->runs * 24);
    pg_args_init(&quants, 192 + what->quant_count * 26);
    if (what->runs > 0) {
        pg_args_i64_array(&runs, what->low, what->runs);
        pg_args_i64_array(&runs, what->high, what->runs);
        calls[count++] = (struct pg_call){DELETE_RUNS, &runs, "", NULL};
    }
    if (what->quant_count > 0) {
        put_quants(&quants, what->quants, what->quant_count);
        calls[count++] = (struct pg_call){DELETE_QUANTS, &quants, "", NULL};
    }
    calls[count++] = (struct pg_call){COMMIT, NULL, "", NULL};
    enum status rc = run_deletion(conn, calls, count, err);
    pg_rows_release(&set);
    pg_args_release(&runs);
    pg_args_release(&quants);
    return rc;
}

static size_t chunk_of(size_t left)
{
    return left < DELETE_CHUNK ? left : DELETE_CHUNK;
}

/* How many of the ascending ids belong to the marks table: they come first. */
static size_t count_listed(const int64_t *ids, size_t count)
{
    size_t listed = 0;
    while (listed < count && !mark_id_is_quant(ids[listed])) {
        listed++;
    }
    return listed;
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
    size_t listed = count_listed(high, count);
    size_t runs = fold_runs(high, listed, low, high);
    struct deletion all = {low, high, runs, high + listed, count - listed};
    enum status rc = STATUS_OK;
    while (rc == STATUS_OK && all.runs + all.quant_count > 0) {
        struct deletion next = all;
        next.runs = chunk_of(all.runs);
        next.quant_count = chunk_of(all.quant_count);
        rc = delete_now(conn, &next, err);
        all.low += next.runs;
        all.high += next.runs;
        all.runs -= next.runs;
        all.quants += next.quant_count;
        all.quant_count -= next.quant_count;
    }
    mem_free(low);
    mem_free(high);
    return rc;
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
    enum status rc = pg_query(conn, INSERT_LIST, &args, "", NULL, err);
    pg_args_release(&args);
    return rc;
}

enum status marks_insert_gone(
    struct pg_conn *conn, const int32_t *product_ids, size_t count, size_t *marked, struct err *err)
{
    struct pg_args args;
    struct pg_rows rows = {0};
    pg_args_init(&args, 64 + count * 8);
    pg_args_i32_array(&args, product_ids, count);
    pg_args_i32(&args, CAUSE_BACKFILL);
    enum status rc = pg_query(conn, INSERT_GONE, &args, "l", &rows, err);
    *marked = rc == STATUS_OK ? (size_t)pg_i64(&rows, 0, 0) : 0;
    pg_rows_release(&rows);
    pg_args_release(&args);
    return rc;
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
    enum status rc = pg_query(conn, INSERT_SLICE, &args, "il", &rows, err);
    if (rc == STATUS_OK) {
        *last_product = pg_i32(&rows, 0, 0);
        *inserted = (size_t)pg_i64(&rows, 0, 1);
    }
    pg_rows_release(&rows);
    pg_args_release(&args);
    return rc;
}

enum status marks_summary_read(struct pg_conn *conn, struct marks_summary *summary, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, SUMMARY, NULL, "lz", &rows, err);
    if (rc == STATUS_OK) {
        *summary = (struct marks_summary){.count = pg_i64(&rows, 0, 0),
                                          .oldest_us = pg_time_us(&rows, 0, 1)};
    }
    pg_rows_release(&rows);
    return rc;
}

enum status marks_oldest(struct pg_conn *conn, int64_t *added_us, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, OLDEST, NULL, "z", &rows, err);
    if (rc == STATUS_OK) {
        *added_us = rows.count > 0 ? pg_time_us(&rows, 0, 0) : 0;
    }
    pg_rows_release(&rows);
    return rc;
}

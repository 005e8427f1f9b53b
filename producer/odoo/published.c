#include "producer/odoo/published.h"

#include <string.h>

#include "common/core/mem.h"
#include "common/pg/pg_query.h"

/* Products of one statement. */
#define STORE_CHUNK 20000

/* The deletion of the marks follows in the log, so it is never durable without the digests. */
#define WITHOUT_FLUSH "(SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL"

static const char STORE[] =
    "INSERT INTO stocksync.published AS p (product_id, digest)"
    " SELECT n.id, n.digest FROM unnest($1::integer[], $2::bigint[]) AS n(id, digest)"
    " WHERE " WITHOUT_FLUSH " ON CONFLICT (product_id) DO UPDATE SET digest = EXCLUDED.digest"
    " WHERE p.digest <> EXCLUDED.digest";
static const char FORGET_LIST[] =
    "DELETE FROM stocksync.published WHERE product_id = ANY ($1::integer[]) AND " WITHOUT_FLUSH;
static const char ANY_STORED[] = "SELECT EXISTS (SELECT FROM stocksync.published)";

static const char SLICE[] =
    "SELECT p.id, COALESCE(d.digest, 0) FROM (SELECT id FROM public.product_product"
    " WHERE id > $1 ORDER BY id LIMIT $2) p LEFT JOIN stocksync.published d ON d.product_id = p.id";
static const char GONE[] =
    "SELECT d.product_id, d.digest FROM stocksync.published d"
    " WHERE d.product_id > $1 AND d.product_id <= $2"
    " AND NOT EXISTS (SELECT FROM public.product_product p WHERE p.id = d.product_id)";

static const char READ_PASS[] =
    "SELECT started_at, finished_at, last_product, compared, republished, total, wanted_at"
    " FROM stocksync.full_pass";
static const char BEGIN_PASS[] =
    "UPDATE stocksync.full_pass SET started_at = clock_timestamp(), last_product = 0, compared = 0,"
    " republished = 0, total = (SELECT count(*) FROM public.product_product)";
static const char NOTE_PASS[] =
    "UPDATE stocksync.full_pass SET last_product = $1, compared = $2, republished = $3,"
    " finished_at = CASE WHEN $4 THEN clock_timestamp() ELSE finished_at END,"
    " wanted_at = CASE WHEN $4 AND wanted_at <= started_at THEN NULL ELSE wanted_at END";
static const char WANT_PASS[] = "UPDATE stocksync.full_pass SET wanted_at = clock_timestamp()";

void published_list_add(struct published_list *list, int32_t product_id, int64_t digest)
{
    if (list->count == list->room) {
        list->room = mem_grow_capacity(list->room, list->count + 1);
        list->ids = mem_realloc(list->ids, list->room, sizeof *list->ids);
        list->digests = mem_realloc(list->digests, list->room, sizeof *list->digests);
    }
    list->ids[list->count] = product_id;
    list->digests[list->count++] = digest;
}

void published_list_release(struct published_list *list)
{
    mem_free(list->ids);
    mem_free(list->digests);
    *list = (struct published_list){0};
}

/* Keeps the last entry of each product, and separates tombstones (gone). */
static void
fold(const struct published_list *list, struct published_list *stored, struct id_list *gone)
{
    struct id_list ids = {0};
    id_list_add_all(&ids, list->ids, list->count);
    id_list_sort(&ids);
    int64_t *digests = mem_calloc(ids.count, sizeof *digests);
    for (size_t i = 0; i < list->count; i++) {
        digests[id_list_index(ids.ids, ids.count, list->ids[i])] = list->digests[i];
    }
    for (size_t i = 0; i < ids.count; i++) {
        if (digests[i] == 0) {
            id_list_add(gone, ids.ids[i]);
        } else {
            published_list_add(stored, ids.ids[i], digests[i]);
        }
    }
    mem_free(digests);
    id_list_release(&ids);
}

static enum status store_digests(struct pg_conn *conn,
                                 const struct published_list *stored,
                                 struct pg_args *args,
                                 struct err *err)
{
    for (size_t done = 0; done < stored->count; done += STORE_CHUNK) {
        size_t left = stored->count - done;
        size_t count = left < STORE_CHUNK ? left : STORE_CHUNK;
        pg_args_reset(args);
        pg_args_i32_array(args, stored->ids + done, count);
        pg_args_i64_array(args, stored->digests + done, count);
        enum status rc = pg_query(conn, STORE, args, "", NULL, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

enum status
published_store(struct pg_conn *conn, const struct published_list *list, struct err *err)
{
    struct published_list stored = {0};
    struct id_list gone = {0};
    struct pg_args args;
    fold(list, &stored, &gone);
    pg_args_init(&args, 256 + (list->count + STORE_CHUNK) * 20);
    enum status rc = store_digests(conn, &stored, &args, err);
    if (rc != STATUS_OK || gone.count == 0) {
        goto out;
    }
    pg_args_reset(&args);
    pg_args_i32_array(&args, gone.ids, gone.count);
    rc = pg_query(conn, FORGET_LIST, &args, "", NULL, err);
out:
    pg_args_release(&args);
    published_list_release(&stored);
    id_list_release(&gone);
    return rc;
}

enum status published_forget(struct pg_conn *conn, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = pg_query(conn, ANY_STORED, NULL, "b", &rows, err);
    if (rc == STATUS_OK && pg_bool(&rows, 0, 0)) {
        rc = pg_exec(conn, "DELETE FROM stocksync.published", err);
    }
    pg_rows_release(&rows);
    return rc;
}

static void take_rows(const struct pg_rows *rows, struct published_list *list)
{
    for (int i = 0; i < rows->count; i++) {
        published_list_add(list, pg_i32(rows, i, 0), pg_i64(rows, i, 1));
    }
}

/* Both lists by id: rows come in any order. */
static void sort_slice(struct id_list *ids, struct published_list *list)
{
    int64_t *digests = mem_calloc(list->count, sizeof *digests);
    id_list_reset(ids);
    id_list_add_all(ids, list->ids, list->count);
    id_list_sort(ids);
    for (size_t i = 0; i < list->count; i++) {
        digests[id_list_index(ids->ids, ids->count, list->ids[i])] = list->digests[i];
    }
    if (list->count > 0) {
        memcpy(list->ids, ids->ids, list->count * sizeof *list->ids);
        memcpy(list->digests, digests, list->count * sizeof *digests);
    }
    mem_free(digests);
}

/* The next products. last: the greatest of them, or INT32_MAX after the last slice. */
static enum status read_slice(struct pg_conn *conn,
                              int32_t after,
                              size_t limit,
                              struct published_list *digests,
                              int32_t *last,
                              struct err *err)
{
    struct pg_args args;
    struct pg_rows rows = {0};
    pg_args_init(&args, 64);
    pg_args_i32(&args, after);
    pg_args_i64(&args, (int64_t)limit);
    enum status rc = pg_query(conn, SLICE, &args, "il", &rows, err);
    *last = INT32_MAX;
    if (rc == STATUS_OK) {
        take_rows(&rows, digests);
    }
    if (rc == STATUS_OK && (size_t)rows.count == limit) {
        *last = after;
        for (size_t i = 0; i < digests->count; i++) {
            *last = digests->ids[i] > *last ? digests->ids[i] : *last;
        }
    }
    pg_rows_release(&rows);
    pg_args_release(&args);
    return rc;
}

/* Deleted products of the slice that still have a record. */
static enum status read_gone(struct pg_conn *conn,
                             int32_t after,
                             int32_t last,
                             struct published_list *digests,
                             struct err *err)
{
    struct pg_args args;
    struct pg_rows rows = {0};
    pg_args_init(&args, 64);
    pg_args_i32(&args, after);
    pg_args_i32(&args, last);
    enum status rc = pg_query(conn, GONE, &args, "il", &rows, err);
    if (rc == STATUS_OK) {
        take_rows(&rows, digests);
    }
    pg_rows_release(&rows);
    pg_args_release(&args);
    return rc;
}

enum status published_slice(struct pg_conn *conn,
                            int32_t after,
                            size_t limit,
                            struct id_list *ids,
                            struct published_list *digests,
                            int32_t *last,
                            struct err *err)
{
    digests->count = 0;
    enum status rc = read_slice(conn, after, limit, digests, last, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = read_gone(conn, after, *last, digests, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    sort_slice(ids, digests);
    return STATUS_OK;
}

bool full_pass_is_running(const struct full_pass_state *state)
{
    return state->started_us > state->finished_us;
}

bool full_pass_is_wanted(const struct full_pass_state *state)
{
    return state->wanted_us > state->started_us;
}

enum status full_pass_read(struct pg_conn *conn, struct full_pass_state *state, struct err *err)
{
    struct pg_rows rows = {0};
    *state = (struct full_pass_state){0};
    enum status rc = pg_query(conn, READ_PASS, NULL, "zzilllz", &rows, err);
    if (rc == STATUS_OK && rows.count == 1) {
        *state = (struct full_pass_state){.started_us = pg_time_us(&rows, 0, 0),
                                          .finished_us = pg_time_us(&rows, 0, 1),
                                          .last_product = pg_i32(&rows, 0, 2),
                                          .compared = pg_i64(&rows, 0, 3),
                                          .republished = pg_i64(&rows, 0, 4),
                                          .total = pg_i64(&rows, 0, 5),
                                          .wanted_us = pg_time_us(&rows, 0, 6)};
    }
    pg_rows_release(&rows);
    return rc;
}

enum status full_pass_begin(struct pg_conn *conn, struct err *err)
{
    return pg_query(conn, BEGIN_PASS, NULL, "", NULL, err);
}

enum status full_pass_want(struct pg_conn *conn, struct err *err)
{
    return pg_query(conn, WANT_PASS, NULL, "", NULL, err);
}

enum status full_pass_note(struct pg_conn *conn,
                           const struct full_pass_state *state,
                           bool finished,
                           struct err *err)
{
    struct pg_args args;
    pg_args_init(&args, 64);
    pg_args_i32(&args, state->last_product);
    pg_args_i64(&args, state->compared);
    pg_args_i64(&args, state->republished);
    pg_args_bool(&args, finished);
    enum status rc = pg_query(conn, NOTE_PASS, &args, "", NULL, err);
    pg_args_release(&args);
    return rc;
}

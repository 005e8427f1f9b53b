#include "consumer/state/parked_store.h"

#include <stdio.h>

#include "common/core/mem.h"
#include "consumer/state/parked_memory.h"
#include "consumer/state/state_private.h"
#include "embedded/sql.h"

/* Keys and values of one statement: well below the limit of its arguments. */
#define PARK_MAX_BYTES ((size_t)16 << 20)
#define PARK_MAX_ROWS  1000

/* --- parking --- */

typedef const char *(*text_fn)(const struct state_parked *row);

static const char *subject_of(const struct state_parked *row)
{
    return row->subject;
}

static const char *topic_of(const struct state_parked *row)
{
    return row->topic;
}

static const char *reason_of(const struct state_parked *row)
{
    return row->reason;
}

static const char *code_of(const struct state_parked *row)
{
    return row->code;
}

static const char *detail_of(const struct state_parked *row)
{
    return row->detail;
}

static const char *request_id_of(const struct state_parked *row)
{
    return row->request_id;
}

static void push_texts(struct state *s, const struct state_parked *list, size_t count, text_fn text)
{
    const char **texts = mem_calloc(count, sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        texts[i] = state_clean(s, text(&list[i]));
    }
    pg_args_text_array(&s->args, texts, count);
    mem_free(texts);
}

enum parked_number {
    PARKED_PRODUCT,
    PARKED_ITEM,
    PARKED_LOCATION,
    PARKED_PARTITION,
    PARKED_OFFSET,
    PARKED_REVISION,
    PARKED_QUANTITY,
    PARKED_WAIT
};

static int64_t number_of(const struct state_parked *row, enum parked_number which)
{
    switch (which) {
    case PARKED_PRODUCT:
        return row->product_id;
    case PARKED_ITEM:
        return row->key.item;
    case PARKED_LOCATION:
        return row->key.location;
    case PARKED_PARTITION:
        return row->partition;
    case PARKED_OFFSET:
        return row->offset;
    case PARKED_REVISION:
        return row->revision;
    case PARKED_QUANTITY:
        return row->quantity;
    case PARKED_WAIT:
        break;
    }
    return row->wait_s;
}

static void
push_i64(struct state *s, const struct state_parked *list, size_t count, enum parked_number which)
{
    int64_t *numbers = mem_calloc(count, sizeof *numbers);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = number_of(&list[i], which);
    }
    pg_args_i64_array(&s->args, numbers, count);
    mem_free(numbers);
}

static void
push_i32(struct state *s, const struct state_parked *list, size_t count, enum parked_number which)
{
    int32_t *numbers = mem_calloc(count, sizeof *numbers);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (int32_t)number_of(&list[i], which);
    }
    pg_args_i32_array(&s->args, numbers, count);
    mem_free(numbers);
}

/* Notes the place of a key or value in the piece that holds them all, from 1. */
static void place(struct strbuf *piece, struct bytes bytes, int32_t *start, int32_t *length)
{
    *start = (int32_t)piece->len + 1;
    *length = bytes.ptr != NULL ? (int32_t)bytes.len : -1;
    if (bytes.ptr != NULL) {
        strbuf_append(piece, bytes.ptr, bytes.len);
    }
}

/* One argument with all keys and values, and four arrays with the place of each in it. */
static enum status
push_records(struct state *s, const struct state_parked *list, size_t count, struct err *err)
{
    struct strbuf piece;
    int32_t *places = mem_calloc(count * 4, sizeof *places);
    strbuf_init(&piece, s->args.data.max);
    for (size_t i = 0; i < count; i++) {
        place(&piece, list[i].record_key, &places[i], &places[count + i]);
        place(&piece, list[i].record_value, &places[2 * count + i], &places[3 * count + i]);
    }
    pg_args_bytea(&s->args, strbuf_bytes(&piece));
    for (size_t i = 0; i < 4; i++) {
        pg_args_i32_array(&s->args, &places[i * count], count);
    }
    enum status rc = strbuf_check(&piece, "records to park", err);
    strbuf_release(&piece);
    mem_free(places);
    return rc;
}

static enum status
park_some(struct state *s, struct state_parked *list, size_t count, struct err *err)
{
    struct pg_rows rows = {0};
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    push_texts(s, list, count, subject_of);
    push_i32(s, list, count, PARKED_PRODUCT);
    push_i64(s, list, count, PARKED_ITEM);
    push_i64(s, list, count, PARKED_LOCATION);
    push_texts(s, list, count, topic_of);
    push_i32(s, list, count, PARKED_PARTITION);
    push_i64(s, list, count, PARKED_OFFSET);
    push_i64(s, list, count, PARKED_REVISION);
    push_i32(s, list, count, PARKED_QUANTITY);
    push_texts(s, list, count, reason_of);
    push_texts(s, list, count, code_of);
    push_texts(s, list, count, detail_of);
    push_texts(s, list, count, request_id_of);
    rc = push_records(s, list, count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    push_i32(s, list, count, PARKED_WAIT);
    rc = pg_query(s->conn, sql_consumer_park, &s->args, "i", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        list[pg_i32(&rows, i, 0)].first = true;
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

/* How many of the list fit into one statement: at least one. */
static size_t chunk_of(const struct state_parked *list, size_t count)
{
    size_t n = 0;
    size_t bytes = 0;
    while (n < count && n < PARK_MAX_ROWS && (n == 0 || bytes < PARK_MAX_BYTES)) {
        bytes += list[n].record_key.len + list[n].record_value.len;
        n++;
    }
    return n;
}

enum status state_park(struct state *s, struct state_parked *list, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        list[i].first = false;
    }
    if (s->read_only) {
        parked_memory_park(s->parked, list, count);
        return STATUS_OK;
    }
    for (size_t at = 0; at < count;) {
        size_t n = chunk_of(list + at, count - at);
        enum status rc = park_some(s, list + at, n, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        at += n;
    }
    return STATUS_OK;
}

enum status
state_unpark(struct state *s, const char *const *subjects, size_t count, struct err *err)
{
    if (s->read_only) {
        parked_memory_unpark(s->parked, subjects, count);
        return STATUS_OK;
    }
    if (count == 0) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_text_array(&s->args, subjects, count);
    return pg_query(s->conn, sql_consumer_unpark, &s->args, "", NULL, err);
}

/* --- reading --- */

/* With the record. */
enum { COLUMN_KEY = PARKED_COLUMN_COUNT, COLUMN_VALUE };
#define ROW_SHAPE PARKED_ROW_SHAPE "yy"

static struct state_parked row_of(const struct pg_rows *rows, int row)
{
    struct state_parked p = parked_row_read(rows, row);
    p.record_key = pg_bytea(rows, row, COLUMN_KEY);
    p.record_value = pg_bytea(rows, row, COLUMN_VALUE);
    return p;
}

enum status state_parked_products(struct state *s,
                                  void (*each)(void *arg, int32_t product_id),
                                  void *arg,
                                  struct err *err)
{
    struct pg_rows rows = {0};
    int32_t last = 0;
    enum status rc = STATUS_OK;
    if (s->read_only) {
        return STATUS_OK; /* a dry run judges every record for itself */
    }
    do {
        rc = state_begin(s, err);
        if (rc != STATUS_OK) {
            break;
        }
        pg_args_i32(&s->args, last);
        rc = pg_query(s->conn, sql_consumer_parked_products, &s->args, "i", &rows, err);
        if (rc != STATUS_OK) {
            break;
        }
        for (int i = 0; i < rows.count; i++) {
            last = pg_i32(&rows, i, 0);
            each(arg, last);
        }
    } while (rows.count > 0);
    pg_rows_release(&rows);
    return rc;
}

/* --- retries --- */

static enum status begin_share(struct state *s, const struct state_share *share, struct err *err)
{
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_i32_array(&s->args, share->partitions, share->partition_count);
    pg_args_i64(&s->args, (int64_t)share->max);
    return STATUS_OK;
}

static void give_out(const struct pg_rows *rows, state_parked_fn each, void *arg, size_t *count)
{
    *count = (size_t)rows->count;
    for (int i = 0; i < rows->count; i++) {
        struct state_parked row = row_of(rows, i);
        each(arg, &row);
    }
}

static enum status store_places(struct state *s,
                                const int32_t *products,
                                const int32_t *partitions,
                                size_t count,
                                struct err *err)
{
    enum status rc = count > 0 ? state_begin(s, err) : STATUS_OK;
    if (rc != STATUS_OK || count == 0) {
        return rc;
    }
    pg_args_i32_array(&s->args, products, count);
    pg_args_i32_array(&s->args, partitions, count);
    return pg_query(s->conn, sql_consumer_parked_place, &s->args, "", NULL, err);
}

enum status state_parked_place(struct state *s,
                               int32_t (*place_of)(void *arg, int32_t product_id),
                               void *arg,
                               struct err *err)
{
    struct pg_rows rows = {0};
    size_t count = 0;
    if (s->read_only) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_parked_unplaced, &s->args, "i", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    int32_t *products = mem_calloc((size_t)rows.count, sizeof *products);
    int32_t *partitions = mem_calloc((size_t)rows.count, sizeof *partitions);
    for (int i = 0; i < rows.count; i++) {
        products[count] = pg_i32(&rows, i, 0);
        partitions[count] = place_of(arg, products[count]);
        count += partitions[count] >= 0;
    }
    pg_rows_release(&rows);
    rc = store_places(s, products, partitions, count, err);
    mem_free(partitions);
    mem_free(products);
    return rc;
}

enum status state_parked_due(struct state *s,
                             const struct state_share *share,
                             state_parked_fn each,
                             void *arg,
                             size_t *count,
                             struct err *err)
{
    struct pg_rows rows = {0};
    *count = 0;
    if (s->read_only) {
        return STATUS_OK;
    }
    enum status rc = begin_share(s, share, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = pg_query(s->conn, sql_consumer_parked_due, &s->args, ROW_SHAPE, &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    give_out(&rows, each, arg, count);
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status state_parked_rescan(struct state *s,
                                const struct state_share *share,
                                struct state_rescan *rescan,
                                state_parked_fn each,
                                void *arg,
                                size_t *count,
                                struct err *err)
{
    struct pg_rows rows = {0};
    size_t reasons = 0;
    *count = 0;
    if (s->read_only) {
        parked_memory_rescan(s->parked, share, rescan, each, arg, count);
        return STATUS_OK;
    }
    while (rescan->reasons != NULL && rescan->reasons[reasons] != NULL) {
        reasons++;
    }
    enum status rc = begin_share(s, share, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pg_args_text(&s->args, rescan->after);
    pg_args_text_array(&s->args, rescan->reasons, reasons);
    pg_args_i64(&s->args, rescan->rested_ms);
    rc = pg_query(s->conn, sql_consumer_parked_rescan, &s->args, ROW_SHAPE, &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (rows.count > 0) {
        (void)snprintf(rescan->after, sizeof rescan->after, "%s",
                       pg_text(&rows, rows.count - 1, PARKED_COLUMN_SUBJECT));
        give_out(&rows, each, arg, count);
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

enum status
state_parked_settle(struct state *s, struct state_tried *list, size_t count, struct err *err)
{
    struct pg_rows rows = {0};
    if (s->read_only) {
        parked_memory_settle(s->parked, list, count);
        return STATUS_OK;
    }
    if (count == 0) {
        return STATUS_OK;
    }
    enum status rc = state_begin(s, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    const char **subjects = mem_calloc(count, sizeof *subjects);
    int64_t *revisions = mem_calloc(count, sizeof *revisions);
    int32_t *attempts = mem_calloc(count, sizeof *attempts);
    for (size_t i = 0; i < count; i++) {
        subjects[i] = list[i].subject;
        revisions[i] = list[i].revision;
        attempts[i] = list[i].attempts;
        list[i].fixed = false;
    }
    pg_args_text_array(&s->args, subjects, count);
    pg_args_i64_array(&s->args, revisions, count);
    pg_args_i32_array(&s->args, attempts, count);
    mem_free(subjects);
    mem_free(revisions);
    mem_free(attempts);
    rc = pg_query(s->conn, sql_consumer_parked_settle, &s->args, "i", &rows, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (int i = 0; i < rows.count; i++) {
        list[pg_i32(&rows, i, 0)].fixed = true;
    }
    pg_rows_release(&rows);
    return STATUS_OK;
}

void state_parked_each_in_memory(const struct state *s,
                                 void (*each)(void *arg, const char *reason),
                                 void *arg)
{
    if (s->read_only) {
        parked_memory_each(s->parked, each, arg);
    }
}

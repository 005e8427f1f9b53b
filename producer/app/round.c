#include "producer/app/round.h"

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/signals.h"
#include "producer/odoo/read_cursor.h"

#define MOD "tail"

/* No new mark for this long: idle. Shorter gaps happen under load, and a commit in each would cost
 * the next records their latency. */
#define SETTLE_IDLE_US INT64_C(50000)
#define BACKFILL_PIECE 5000
/* Marks folded in one batch: a backlog that names a product again and again makes one record of it.
 */
#define BATCH_MAX_MARKS 1000000

struct round {
    struct round_parts parts;
    struct round_port port;
    size_t page_marks;
    struct read_cursor cursor;
    struct mark_list marks; /* of the last page */
    struct batch batch;
    struct batch_products immediate, deferred; /* of the batch: see batch_may_defer */
    struct mark_place newest;                  /* where the reads of this batch ended */
    int64_t published_us;                      /* monotonic: when a batch was published last */
    bool backfilling;
    int32_t backfill_after; /* products up to this one are marked */
};

/* The first read of a round, as an argument of the port's snapshot. */
struct reading {
    struct round *round;
    struct read_cursor_read *read;
    struct stock_batch *stock; /* of the first immediate chunk */
};

struct round *
round_new(const struct round_parts *parts, const struct round_port *port, size_t page_marks)
{
    struct round *r = mem_calloc(1, sizeof *r);
    r->parts = *parts;
    r->port = *port;
    r->page_marks = page_marks;
    read_cursor_init(&r->cursor);
    return r;
}

void round_free(struct round *round)
{
    if (round == NULL) {
        return;
    }
    mark_list_release(&round->marks);
    batch_release(&round->batch);
    batch_products_release(&round->immediate);
    batch_products_release(&round->deferred);
    mem_free(round);
}

void round_begin(struct round *round)
{
    read_cursor_init(&round->cursor);
}

void round_read_again(struct round *round)
{
    read_cursor_fail(&round->cursor);
}

void round_begin_backfill(struct round *round)
{
    round->backfilling = true;
    round->backfill_after = 0;
}

int64_t round_pace_ms(const struct round *round, int64_t idle_ms)
{
    return read_cursor_pace_us(&round->cursor, idle_ms * 1000) / 1000;
}

/* --- reading --- */

static bool is_unsettled(const void *outbox, int64_t id)
{
    return outbox_has_mark(outbox, id);
}

/* Marks of one read of both tables. A poison record is searched for in batches of one page that is
 * one chunk. */
static size_t page_size(const struct round *r)
{
    size_t page = r->page_marks;
    return outbox_is_bisecting(r->parts.outbox) && page > CHUNK_PRODUCTS ? CHUNK_PRODUCTS : page;
}

/* Page after page of marks, until there are no more or the batch is full. */
static enum status read_marks(struct round *r, struct read_cursor_read *read, struct err *err)
{
    const struct chunk_port *port = r->parts.chunks;
    int64_t begun = clock_monotonic_us();
    struct mark_skip skip = {
        .has = is_unsettled, .arg = r->parts.outbox, .count = outbox_unsettled(r->parts.outbox)};
    struct marks_page page = {.from = read->from};
    size_t size = page_size(r);
    size_t limit = outbox_is_bisecting(r->parts.outbox) ? size : BATCH_MAX_MARKS;
    batch_reset(&r->batch);
    do {
        enum status rc = port->read_marks(port->conn, (size + 1) / 2, &skip, &page, &r->marks, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        batch_add(&r->batch, &r->marks);
        page.from.id = page.last_id;
    } while (page.full && r->batch.mark_count + size <= limit);
    read->end = marks_page_end(&page);
    read->full = page.full;
    read->count = r->batch.mark_count;
    read->look_us = clock_monotonic_us() - begun;
    r->newest = read->end;
    return STATUS_OK;
}

/* While a poison record is searched for, a batch is one page, one chunk, one list. */
static void split(struct round *r)
{
    if (outbox_is_bisecting(r->parts.outbox)) {
        batch_copy(&r->batch, &r->immediate);
        r->deferred.count = 0;
    } else {
        batch_split(&r->batch, &r->immediate, &r->deferred);
    }
}

static enum status read_batch(void *arg, struct err *err)
{
    struct reading *reading = arg;
    struct round *r = reading->round;
    enum status rc = read_marks(r, reading->read, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    split(r);
    if (r->immediate.count == 0) {
        return STATUS_OK;
    }
    struct chunk chunk = chunk_at(&r->immediate, 0, CHUNK_PRODUCTS);
    return chunk_read_here(r->parts.chunks, &chunk, reading->stock, err);
}

/* Marks, and the state of the first immediate products in the same snapshot, which ends before
 * anything is produced. */
static enum status begin_batch(struct round *r, struct stock_batch *stock, struct err *err)
{
    const struct chunk_port *port = r->parts.chunks;
    int64_t begun = clock_monotonic_us();
    struct read_cursor_read read = {
        .from = read_cursor_start(&r->cursor, begun, outbox_unsettled(r->parts.outbox))};
    struct reading reading = {.round = r, .read = &read, .stock = stock};
    enum status rc = port->snapshot(port->conn, read_batch, &reading, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    int64_t now = clock_monotonic_us();
    read.took_us = now - begun;
    read_cursor_note(&r->cursor, &read, now);
    return STATUS_OK;
}

/* --- publishing --- */

/* Reads the chunk while the one before it is in flight. */
static enum status publish_next(struct round *r, const struct chunk *chunk, struct err *err)
{
    struct stock_batch stock = {0};
    enum status rc = chunk_read(r->parts.chunks, chunk, &stock, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = outbox_flush(r->parts.outbox, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = signals_stop_requested() ? STATUS_STOPPING : upkeep_run(r->parts.upkeep, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    return outbox_submit(r->parts.outbox, chunk, &stock, NULL, err);
}

/*
 * All immediate chunks.
 * @param stock  of the first one, read already
 * @return STATUS_STOPPING: the batch is given up; its marks stay, its records come again
 */
static enum status publish_immediate(struct round *r, struct stock_batch *stock, struct err *err)
{
    struct chunk chunk = chunk_at(&r->immediate, 0, CHUNK_PRODUCTS);
    enum status rc = outbox_submit(r->parts.outbox, &chunk, stock, NULL, err);
    deferred_note_fresh(r->parts.deferred);
    while (rc == STATUS_OK && chunk.first + chunk.count < r->immediate.count) {
        chunk = chunk_at(&r->immediate, chunk.first + chunk.count, CHUNK_PRODUCTS);
        rc = publish_next(r, &chunk, err);
    }
    return rc == STATUS_OK ? outbox_finish(r->parts.outbox, err) : rc;
}

static enum status publish_batch(struct round *r, struct stock_batch *stock, struct err *err)
{
    enum status rc = STATUS_OK;
    outbox_begin_batch(r->parts.outbox);
    if (r->immediate.count > 0) {
        rc = publish_immediate(r, stock, err);
    }
    if (rc == STATUS_OK) {
        rc = deferred_publish(r->parts.deferred, &r->batch, &r->deferred, r->newest, err);
    }
    if (rc != STATUS_OK) {
        return rc == STATUS_STOPPING ? STATUS_OK : rc;
    }
    r->published_us = clock_monotonic_us();
    metric_add(r->parts.metrics->batches, 1);
    metric_add(r->parts.metrics->marks, r->batch.mark_count);
    return outbox_end_batch(r->parts.outbox, &r->batch, &r->marks, err);
}

static enum status settle_if_due(struct round *r, struct err *err)
{
    bool bisecting = outbox_is_bisecting(r->parts.outbox);
    bool idle = bisecting || clock_monotonic_us() - r->published_us >= SETTLE_IDLE_US;
    enum status rc = outbox_settle_if_due(r->parts.outbox, idle, err);
    if (rc == STATUS_OK && bisecting) {
        round_read_again(r); /* products held back are found from the start */
    }
    return rc;
}

/* --- when little waits --- */

static enum status feed_backfill(struct round *r, struct err *err)
{
    if (!r->backfilling || r->batch.mark_count >= BACKFILL_PIECE) {
        return STATUS_OK;
    }
    size_t inserted = 0;
    enum status rc = r->port.mark_more(r->port.conn, r->backfill_after, BACKFILL_PIECE,
                                       &r->backfill_after, &inserted, err);
    if (rc == STATUS_OK && inserted < BACKFILL_PIECE) {
        r->backfilling = false;
        rc = streams_marked(r->parts.streams, err);
        log_info(MOD, "backfill_marked",
                 LF_MSG("every product is marked: published as the marks are read"));
    }
    if (rc == STATUS_OK) {
        read_cursor_wake(&r->cursor);
    }
    return rc;
}

/* The next piece, and marks of this one, do not wait for an idle poll. */
static enum status feed_pass(struct round *r, struct err *err)
{
    bool moved = false;
    if (outbox_unsettled(r->parts.outbox) > 0) {
        return STATUS_OK;
    }
    if (upkeep_lacks_triggers(r->parts.upkeep)) {
        return full_pass_await_triggers(r->parts.pass, err);
    }
    enum status rc = full_pass_step(r->parts.pass, &moved, err);
    if (moved) {
        read_cursor_wake(&r->cursor);
    }
    return rc;
}

enum status round_run(struct round *round, struct err *err)
{
    struct stock_batch stock = {0};
    enum status rc = begin_batch(round, &stock, err);
    FAULT_POINT("tail.after_read");
    if (rc != STATUS_OK) {
        return rc;
    }
    if (round->batch.mark_count > 0) {
        rc = publish_batch(round, &stock, err);
    } else {
        producer_status_note_empty(round->parts.status);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = settle_if_due(round, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = feed_backfill(round, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = feed_pass(round, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    return upkeep_run(round->parts.upkeep, err);
}

#include "producer/app/deferred.h"

#include "common/core/clock.h"
#include "common/core/mem.h"
#include "common/core/signals.h"

/* Deferred chunks have this many products while other changes come. */
#define CHUNK_MIN 250
/* Fresh batches in flight, and one more that is read. */
#define FRESH_BATCHES (OUTBOX_CHUNKS + 1)
/* No fresh change for this long: deferred chunks may grow, and marks are read less often. */
#define CALM_US      INT64_C(200000)
#define PACE_BUSY_MS 2
#define PACE_CALM_MS 10
/* Ids become visible out of order: rescan this many ids at this interval. The next batch finds the
 * marks that come later still. */
#define RESCAN_US  INT64_C(25000)
#define RESCAN_IDS 2000

struct deferred {
    struct deferred_parts parts;
    struct mark_list fresh;
    struct mark_list postponed;                /* fresh, but held by the reader */
    struct batch fresh_batches[FRESH_BATCHES]; /* a ring */
    size_t chunk_size;                         /* of the last deferred chunk */
    int64_t fresh_us;                          /* monotonic: when fresh changes came last */
    /* of the present call of deferred_publish */
    const struct batch *batch;
    const struct batch_products *products;
    size_t next;        /* first product that is in no deferred chunk yet */
    size_t fresh_count; /* fresh batches submitted */
    int64_t rescan_us;  /* monotonic: when the next rescan is due */
    struct mark_place newest;
};

struct deferred *deferred_new(const struct deferred_parts *parts)
{
    struct deferred *d = mem_calloc(1, sizeof *d);
    d->parts = *parts;
    d->chunk_size = CHUNK_MIN;
    return d;
}

void deferred_free(struct deferred *deferred)
{
    if (deferred == NULL) {
        return;
    }
    mark_list_release(&deferred->fresh);
    mark_list_release(&deferred->postponed);
    for (size_t i = 0; i < FRESH_BATCHES; i++) {
        batch_release(&deferred->fresh_batches[i]);
    }
    mem_free(deferred);
}

void deferred_note_fresh(struct deferred *deferred)
{
    deferred->fresh_us = clock_monotonic_us();
}

static bool is_calm(const struct deferred *d)
{
    return clock_monotonic_us() - d->fresh_us >= CALM_US;
}

/* --- deferred chunks --- */

/* Small while other changes come, twice as large each time in a calm. */
static size_t next_size(struct deferred *d)
{
    if (!is_calm(d)) {
        d->chunk_size = CHUNK_MIN;
    } else if (d->chunk_size * 2 <= CHUNK_PRODUCTS) {
        d->chunk_size *= 2;
    } else {
        d->chunk_size = CHUNK_PRODUCTS;
    }
    return d->chunk_size;
}

static void start_chunk(struct deferred *d)
{
    if (deferred_reader_is_idle(d->parts.reader) && d->next < d->products->count) {
        struct chunk chunk = chunk_at(d->products, d->next, next_size(d));
        deferred_reader_start(d->parts.reader, &chunk);
        d->next += chunk.count;
    }
}

static enum status publish_chunk(struct deferred *d, struct err *err)
{
    struct chunk chunk;
    struct stock_batch stock = {0};
    struct kit_table_changes changes;
    enum status rc = deferred_reader_take(d->parts.reader, &chunk, &stock, &changes, err);
    if (rc == STATUS_OK) {
        rc = chunk_share(d->parts.chunks, &changes, &stock, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    return outbox_submit(d->parts.outbox, &chunk, &stock, NULL, err);
}

/* --- fresh changes --- */

static bool is_postponed(const struct deferred *d, int64_t id)
{
    for (size_t i = 0; i < d->postponed.count; i++) {
        if (d->postponed.list[i].id == id) {
            return true;
        }
    }
    return false;
}

/* Marks of fresh batches, of this batch and postponed ones; only few are ever postponed. */
static bool is_known(const void *arg, int64_t id)
{
    const struct deferred *d = arg;
    return outbox_has_mark(d->parts.outbox, id) || batch_has_mark(d->batch, id) ||
           is_postponed(d, id);
}

/* Marks that are new since the last read; a rescan finds those with lower ids too. */
static enum status read_marks(struct deferred *d, bool rescan, struct err *err)
{
    const struct chunk_port *port = d->parts.chunks;
    /* all that are not held make one chunk */
    size_t room = OUTBOX_PRODUCTS - d->postponed.count;
    size_t limit = (room < CHUNK_PRODUCTS ? room : CHUNK_PRODUCTS) / 2;
    struct marks_page page = {.from = d->newest};
    const struct mark_skip skip = {.has = is_known, .arg = d, .count = RESCAN_IDS};
    d->fresh.count = 0;
    if (limit == 0) {
        return STATUS_OK;
    }
    page.from.id -= rescan && d->newest.id > RESCAN_IDS ? RESCAN_IDS : 0;
    enum status rc = port->read_marks(port->conn, limit, &skip, &page, &d->fresh, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    struct mark_place end = marks_page_end(&page);
    end.id = end.id > d->newest.id ? end.id : d->newest.id;
    d->newest = end;
    return STATUS_OK;
}

/* Leaves the fresh marks that can be published now. Marks whose products may wait are left to the
 * next batch. */
static void pick(struct deferred *d)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->postponed.count; i++) {
        mark_list_add(&d->fresh, &d->postponed.list[i]);
    }
    d->postponed.count = 0;
    for (size_t i = 0; i < d->fresh.count; i++) {
        const struct mark *mark = &d->fresh.list[i];
        if (batch_may_defer(mark->cause)) {
            continue;
        }
        if (deferred_reader_holds(d->parts.reader, mark)) {
            mark_list_add(&d->postponed, mark);
        } else {
            d->fresh.list[kept++] = *mark;
        }
    }
    d->fresh.count = kept;
}

/* A read of fresh changes, as an argument of the port's snapshot. */
struct reading {
    struct deferred *d;
    struct batch *batch;
    struct stock_batch *stock;
    bool rescan;
};

static enum status read_fresh(void *arg, struct err *err)
{
    struct reading *r = arg;
    enum status rc = read_marks(r->d, r->rescan, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    pick(r->d);
    batch_add(r->batch, &r->d->fresh);
    if (r->batch->mark_count == 0) {
        return STATUS_OK;
    }
    struct chunk chunk = chunk_at(&r->batch->products, 0, OUTBOX_PRODUCTS);
    return chunk_read_here(r->d->parts.chunks, &chunk, r->stock, err);
}

/* A rescan would find postponed marks once more. */
static bool is_rescan_due(struct deferred *d)
{
    int64_t now = clock_monotonic_us();
    bool due = now >= d->rescan_us && d->postponed.count == 0;
    d->rescan_us = due ? now + RESCAN_US : d->rescan_us;
    return due;
}

static enum status publish_fresh(struct deferred *d, struct err *err)
{
    const struct chunk_port *port = d->parts.chunks;
    struct batch *batch = &d->fresh_batches[d->fresh_count % FRESH_BATCHES];
    struct stock_batch stock = {0};
    if (d->postponed.count >= CHUNK_PRODUCTS && !deferred_reader_is_idle(d->parts.reader)) {
        return STATUS_OK; /* no room before the deferred chunk is submitted */
    }
    batch_reset(batch);
    struct reading r = {.d = d, .batch = batch, .stock = &stock, .rescan = is_rescan_due(d)};
    enum status rc = port->snapshot(port->conn, read_fresh, &r, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (batch->mark_count == 0) {
        producer_status_note_empty(d->parts.status);
        return STATUS_OK;
    }
    batch_sort_marks(batch);
    deferred_note_fresh(d);
    d->fresh_count++;
    struct chunk chunk = chunk_at(&batch->products, 0, OUTBOX_PRODUCTS);
    return outbox_submit(d->parts.outbox, &chunk, &stock, batch, err);
}

/* --- in turns --- */

/* A deferred chunk that is ready goes first. The next one is read while fresh changes have their
 * turn, unless marks are postponed: then fresh changes are read in between, with all of them. */
static enum status take_turn(struct deferred *d, struct err *err)
{
    enum status rc = STATUS_OK;
    if (deferred_reader_wait(d->parts.reader, is_calm(d) ? PACE_CALM_MS : PACE_BUSY_MS)) {
        rc = publish_chunk(d, err);
        if (rc == STATUS_OK && d->postponed.count == 0) {
            start_chunk(d);
        }
    }
    if (rc == STATUS_OK) {
        rc = publish_fresh(d, err);
    }
    if (rc == STATUS_OK &&
        (outbox_is_acknowledged(d->parts.outbox) || outbox_is_overdue(d->parts.outbox))) {
        rc = outbox_flush(d->parts.outbox, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    start_chunk(d);
    return signals_stop_requested() ? STATUS_STOPPING : upkeep_run(d->parts.upkeep, err);
}

enum status deferred_publish(struct deferred *deferred,
                             struct batch *batch,
                             const struct batch_products *products,
                             struct mark_place newest,
                             struct err *err)
{
    struct deferred *d = deferred;
    enum status rc = STATUS_OK;
    if (products->count == 0) {
        return STATUS_OK;
    }
    d->batch = batch;
    d->products = products;
    d->newest = newest;
    d->next = 0;
    d->fresh_count = 0;
    d->rescan_us = clock_monotonic_us() + RESCAN_US;
    d->postponed.count = 0;
    batch_sort_marks(batch);
    start_chunk(d);
    while (rc == STATUS_OK && !deferred_reader_is_idle(d->parts.reader)) {
        rc = take_turn(d, err);
    }
    deferred_reader_drop(d->parts.reader);
    return rc == STATUS_OK ? outbox_flush(d->parts.outbox, err) : rc;
}

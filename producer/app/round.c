#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/service.h"
#include "common/core/signals.h"
#include "common/pg/pg_query.h"
#include "producer/app/producer_internal.h"

#define MOD "tail"

#define TICK_US INT64_C(1000000)
/* No new mark for so long: idle. Shorter gaps happen under load, and a commit in each would cost
 * the next records their latency. */
#define SETTLE_IDLE_US       INT64_C(50000)
#define PROGRESS_US          INT64_C(30000000)
#define ACKNOWLEDGE_LIMIT_MS 10000
#define BACKFILL_SLICE       5000
/* Marks folded in one round: a backlog that names a product again and again makes one record of it.
 */
#define ROUND_MAX_MARKS 1000000

/* --- reading --- */

static bool is_unsettled(const void *settlement, int64_t id)
{
    return settlement_covers(settlement, id);
}

/* Marks of one read. A suspect record is searched for in rounds of one page that is one chunk. */
static size_t page_size(const struct producer *p)
{
    size_t page = (size_t)p->conf->producer.batch_marks;
    return publisher_is_isolating(p->publisher) && page > CHUNK_PRODUCTS ? CHUNK_PRODUCTS : page;
}

/* Page after page of marks, until there are no more or the round is full. */
static enum status read_marks(struct producer *p, struct hint_read *read, struct err *err)
{
    struct mark_skip skip = {
        .has = is_unsettled, .arg = &p->settlement, .count = p->settlement.count};
    size_t page = page_size(p);
    size_t limit = publisher_is_isolating(p->publisher) ? page : ROUND_MAX_MARKS;
    enum status rc = STATUS_OK;
    read->last_id = read->started_after;
    read->full = true;
    cycle_reset(&p->cycle);
    while (rc == STATUS_OK && read->full && p->cycle.mark_count + page <= limit) {
        rc = marks_read(p->tail, read->last_id, page, &skip, &p->marks, &read->last_id, err);
        if (rc == STATUS_OK) {
            cycle_add(&p->cycle, &p->marks);
            read->full = p->marks.count == page;
        }
    }
    read->count = p->cycle.mark_count;
    return rc;
}

/* Products of the round from `first` on that are read and published together. */
static size_t chunk_size(const struct producer *p, size_t first)
{
    size_t left = p->cycle.products.count - first;
    return left < CHUNK_PRODUCTS ? left : CHUNK_PRODUCTS;
}

static enum status
read_state(struct producer *p, size_t first, struct stock_batch *batch, struct err *err)
{
    return stock_reader_read(p->reader, p->cycle.products.ids + first, chunk_size(p, first), batch,
                             err);
}

/* Marks and the state of the first products in one snapshot, which ends before anything is
 * produced. */
static enum status begin_round(struct producer *p, struct stock_batch *batch, struct err *err)
{
    int64_t begun = clock_monotonic_us();
    struct hint_read read = {.started_after = hint_start(&p->hint, begun, p->settlement.count)};
    enum status rc = marks_snapshot_begin(p->tail, err);
    if (rc == STATUS_OK) {
        rc = read_marks(p, &read, err);
    }
    if (rc == STATUS_OK && p->cycle.products.count > 0) {
        rc = read_state(p, 0, batch, err);
    }
    if (rc == STATUS_OK) {
        rc = marks_snapshot_end(p->tail, err);
    }
    if (rc != STATUS_OK) {
        pg_rollback(p->tail);
        return rc;
    }
    int64_t now = clock_monotonic_us();
    read.took_us = now - begun;
    hint_note(&p->hint, &read, now);
    return STATUS_OK;
}

/* State of further products, in a snapshot of its own: later than the marks, so it holds their
 * changes too. */
static enum status
read_chunk(struct producer *p, size_t first, struct stock_batch *batch, struct err *err)
{
    enum status rc = marks_snapshot_begin(p->tail, err);
    if (rc == STATUS_OK) {
        rc = read_state(p, first, batch, err);
    }
    if (rc == STATUS_OK) {
        rc = marks_snapshot_end(p->tail, err);
    }
    if (rc != STATUS_OK) {
        pg_rollback(p->tail);
    }
    return rc;
}

/* One item for each product of the chunk, by the same index: its record, or a tombstone. */
static void list_items(
    struct producer *p, size_t first, size_t count, struct stock_batch *batch, int64_t revision)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t product_id = p->cycle.products.ids[first + i];
        const struct cycle_product *c = &p->cycle.products.list[first + i];
        struct publish_item *item = &p->items[i];
        *item = (struct publish_item){
            .product_id = product_id, .revision = revision, .cause = c->cause};
        if (at < batch->count && batch->list[at].product_id == product_id) {
            struct product_stock *stock = &batch->list[at++];
            stock->revision = revision;
            stock->cause = c->cause;
            stock->changed_at_us = c->changed_at_us;
            item->stock = stock;
        }
    }
    INVARIANT(at == batch->count, "%zu of %zu records belong to no mark", batch->count - at,
              batch->count);
}

/* Products whose record was refused get a row that says why, before their marks may go. */
static enum status park(struct producer *p, size_t count, struct err *err)
{
    enum status rc = STATUS_OK;
    for (size_t i = 0; i < count && rc == STATUS_OK; i++) {
        const struct publish_item *item = &p->items[i];
        if (item->end != PUBLISH_PARKED) {
            continue;
        }
        struct owner_parked row = {
            .product_id = item->product_id, .reason = "refused", .detail = item->reason};
        log_error(MOD, "parked", LF_INT("product", item->product_id), LF_TEXT("reason", row.reason),
                  LF_MSG(row.detail));
        metric_add(p->m.parked, 1);
        rc = owner_park(p->owner, &row, 1, err);
    }
    return rc;
}

static void observe(struct producer *p, size_t first, size_t count)
{
    int64_t now = clock_wall_us();
    size_t records = 0;
    size_t tombstones = 0;
    for (size_t i = 0; i < count; i++) {
        const struct publish_item *item = &p->items[i];
        p->held += item->end == PUBLISH_HELD;
        if (item->end == PUBLISH_DONE) {
            records += item->stock != NULL;
            tombstones += item->stock == NULL;
            metric_observe_us(p->m.commit_to_acknowledged,
                              now - p->cycle.products.list[first + i].changed_at_us);
        }
    }
    metric_add(p->m.records, records);
    metric_add(p->m.tombstones, tombstones);
}

/* Queues a chunk: its records are on their way while the next one is read. */
static enum status
submit_chunk(struct producer *p, size_t first, struct stock_batch *batch, struct err *err)
{
    size_t count = chunk_size(p, first);
    int64_t revision = 0;
    enum status rc =
        owner_sync_warehouses(p->owner, batch->warehouses, batch->warehouse_count, err);
    if (rc == STATUS_OK) {
        rc = owner_next_revision(p->owner, &revision, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    list_items(p, first, count, batch, revision);
    p->revision = revision;
    FAULT_POINT("tail.before_produce");
    return publisher_submit(p->publisher, p->sink, p->items, count, ACKNOWLEDGE_LIMIT_MS, err);
}

/* The chunk that was queued is acknowledged. */
static enum status finish_chunk(struct producer *p, size_t first, struct err *err)
{
    size_t count = chunk_size(p, first);
    enum status rc = publisher_wait(p->publisher, p->sink, ACKNOWLEDGE_LIMIT_MS, err);
    FAULT_POINT("tail.published");
    if (rc == STATUS_OK) {
        rc = park(p, count, err);
    }
    if (rc == STATUS_OK) {
        rc = owner_unpark(p->owner, p->cycle.products.ids + first, count, err);
    }
    if (rc == STATUS_OK) {
        observe(p, first, count);
    }
    return rc;
}

/* --- settling --- */

/* Marks whose products are published or parked wait for the settlement; those that are held back
 * are read again. */
static void cover_marks(struct producer *p)
{
    int64_t now = clock_monotonic_us();
    if (p->held == 0) {
        settlement_add(&p->settlement, p->cycle.mark_ids, p->cycle.mark_count, now);
        return;
    }
    /* holding back happens in rounds of one page and one chunk only: marks and items are all there
     */
    for (size_t i = 0; i < p->marks.count; i++) {
        const struct mark *m = &p->marks.list[i];
        if (p->items[cycle_index(&p->cycle, m->product_id)].end != PUBLISH_HELD) {
            settlement_add(&p->settlement, &m->id, 1, now);
        }
    }
}

/* Commits the Kafka transaction, then deletes exactly the marks that it covers. */
enum status round_settle(struct producer *p, struct err *err)
{
    size_t count = 0;
    const int64_t *ids = settlement_ids(&p->settlement, &count);
    FAULT_POINT("tail.before_commit");
    enum status rc = record_sink_commit(p->sink, err);
    FAULT_POINT("tail.before_delete");
    if (rc == STATUS_OK) {
        rc = marks_delete(p->tail, ids, count, err);
    }
    FAULT_POINT("tail.after_delete");
    if (rc == STATUS_OK) {
        metric_add(p->m.settled, count);
        settlement_clear(&p->settlement);
    }
    return rc;
}

/* A long round: the marks of all its records are deleted at its end, without being remembered one
 * by one. */
static enum status settle_long_round(struct producer *p, struct err *err)
{
    enum status rc = round_settle(p, err);
    for (size_t first = 0; first < p->cycle.mark_count && rc == STATUS_OK;
         first += SETTLEMENT_MAX_MARKS) {
        size_t left = p->cycle.mark_count - first;
        size_t count = left < SETTLEMENT_MAX_MARKS ? left : SETTLEMENT_MAX_MARKS;
        rc = marks_delete(p->tail, p->cycle.mark_ids + first, count, err);
        metric_add(p->m.settled, rc == STATUS_OK ? count : 0);
    }
    return rc;
}

/* Everything again, by slices, while few marks wait. */
static enum status feed_backfill(struct producer *p, struct err *err)
{
    if (!p->backfilling || p->cycle.mark_count >= BACKFILL_SLICE) {
        return STATUS_OK;
    }
    size_t inserted = 0;
    enum status rc = marks_insert_slice(p->tail, p->backfill_after, BACKFILL_SLICE,
                                        &p->backfill_after, &inserted, err);
    if (rc == STATUS_OK && inserted < BACKFILL_SLICE) {
        p->backfilling = false;
        rc = owner_backfill_done(p->owner, err);
        log_info(MOD, "backfill_marked",
                 LF_MSG("every product is marked: published as the marks are read"));
    }
    if (rc == STATUS_OK) {
        hint_wake(&p->hint);
    }
    return rc;
}

static void show_progress(struct producer *p, int64_t now)
{
    uint64_t records = (uint64_t)metric_value(p->m.records);
    if (now - p->progress_us < PROGRESS_US) {
        return;
    }
    if (records != p->progress_records) {
        log_info(MOD, "progress", LF_INT("count", records - p->progress_records),
                 LF_INT("marks", metric_value(p->m.marks)),
                 LF_REAL("age_s", metric_value(p->m.oldest)));
    }
    p->progress_us = now;
    p->progress_records = records;
}

/* Once a second: does the lock still hold, how old is the oldest mark. */
static enum status tick(struct producer *p, struct err *err)
{
    int64_t now = clock_monotonic_us();
    int64_t oldest_us = 0;
    if (now - p->tick_us < TICK_US) {
        return STATUS_OK;
    }
    p->tick_us = now;
    enum status rc = owner_check(p->owner, err);
    if (rc == STATUS_OK) {
        rc = marks_oldest(p->tail, &oldest_us, err);
    }
    if (rc == STATUS_OK) {
        rc = record_sink_poll(p->sink, err);
    }
    producer_publish_view(p, oldest_us);
    show_progress(p, now);
    service_alive();
    return rc;
}

/*
 * All chunks of a round: each is read while the one before it is on its way. Kafka's transaction
 * does not stay open for the whole of a long round (its time-out would end it): it is committed in
 * between, and only the marks wait for the end.
 * @return STATUS_STOPPING: the round is given up; its marks stay, its records come again
 */
static enum status publish_chunks(struct producer *p, struct stock_batch *batch, struct err *err)
{
    int64_t begun = clock_monotonic_us();
    enum status rc = submit_chunk(p, 0, batch, err);
    size_t first = 0;
    for (; rc == STATUS_OK && first + CHUNK_PRODUCTS < p->cycle.products.count;
         first += CHUNK_PRODUCTS) {
        size_t next = first + CHUNK_PRODUCTS;
        rc = read_chunk(p, next, batch, err);
        if (rc == STATUS_OK) {
            rc = finish_chunk(p, first, err);
        }
        if (rc == STATUS_OK && clock_monotonic_us() - begun > p->conf->producer.settle_ms * 1000) {
            rc = record_sink_commit(p->sink, err);
            begun = clock_monotonic_us();
        }
        if (rc == STATUS_OK) {
            rc = signals_stop_requested() ? STATUS_STOPPING : tick(p, err);
        }
        if (rc == STATUS_OK) {
            rc = submit_chunk(p, next, batch, err);
        }
    }
    return rc == STATUS_OK ? finish_chunk(p, first, err) : rc;
}

static enum status publish_round(struct producer *p, struct stock_batch *batch, struct err *err)
{
    p->held = 0;
    enum status rc = publish_chunks(p, batch, err);
    if (rc != STATUS_OK) {
        return rc == STATUS_STOPPING ? STATUS_OK : rc;
    }
    p->published_us = clock_monotonic_us();
    metric_add(p->m.rounds, 1);
    metric_add(p->m.marks, p->cycle.mark_count);
    if (p->cycle.mark_count > SETTLEMENT_MAX_MARKS) {
        return settle_long_round(p, err);
    }
    cover_marks(p);
    return STATUS_OK;
}

enum status round_run(struct producer *p, struct err *err)
{
    struct stock_batch batch = {0};
    enum status rc = begin_round(p, &batch, err);
    FAULT_POINT("tail.after_read");
    if (rc == STATUS_OK && p->cycle.products.count > 0) {
        rc = publish_round(p, &batch, err);
    }
    int64_t now = clock_monotonic_us();
    bool isolating = rc == STATUS_OK && publisher_is_isolating(p->publisher);
    bool idle = isolating || now - p->published_us >= SETTLE_IDLE_US;
    if (rc == STATUS_OK && settlement_is_due(&p->settlement, now, idle)) {
        rc = round_settle(p, err);
    }
    if (rc == STATUS_OK && isolating) {
        hint_fail(&p->hint); /* products held back are found from the start */
    }
    if (rc == STATUS_OK) {
        rc = feed_backfill(p, err);
    }
    return rc == STATUS_OK ? tick(p, err) : rc;
}

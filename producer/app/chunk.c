#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "producer/app/producer_internal.h"

#define MOD "tail"

#define ACKNOWLEDGE_LIMIT_MS 10000

/* --- reading --- */

/* What consumers must know before the records come. */
static enum status share(struct producer *p,
                         const struct kit_table_changes *changes,
                         const struct stock_batch *batch,
                         struct err *err)
{
    producer_log_kits(p, changes);
    return leader_sync_warehouses(p->owner, batch->warehouses, batch->warehouse_count, err);
}

enum status chunk_read_here(struct producer *p,
                            const struct chunk *chunk,
                            struct stock_batch *batch,
                            struct err *err)
{
    struct kit_table_changes changes;
    enum status rc = chunk_reader_read(&p->state, chunk, batch, &changes, err);
    return rc == STATUS_OK ? share(p, &changes, batch, err) : rc;
}

enum status chunk_read(struct producer *p,
                       const struct chunk *chunk,
                       struct stock_batch *batch,
                       struct err *err)
{
    struct kit_table_changes changes;
    enum status rc = chunk_reader_read_alone(&p->state, chunk, batch, &changes, err);
    return rc == STATUS_OK ? share(p, &changes, batch, err) : rc;
}

/* --- publishing --- */

/* One item for each product of the chunk, in the same order: its record, or a tombstone. */
static void list_items(struct publish_item *items,
                       const struct chunk *chunk,
                       struct stock_batch *batch,
                       int64_t revision)
{
    size_t at = 0;
    for (size_t i = 0; i < chunk->count; i++) {
        int32_t product_id = chunk->products->ids[chunk->first + i];
        const struct cycle_product *c = &chunk->products->list[chunk->first + i];
        struct publish_item *item = &items[i];
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

/* What the records say, for the full pass; only while they are there. */
static void note_digests(struct producer *p, const struct publish_item *items, size_t count)
{
    for (size_t i = 0; p->conf->producer.full_pass_ms > 0 && i < count; i++) {
        const struct publish_item *item = &items[i];
        published_list_add(&p->digests, item->product_id,
                           item->stock != NULL ? product_stock_digest(item->stock) : 0);
    }
}

enum status chunk_submit(struct producer *p,
                         const struct chunk *chunk,
                         struct stock_batch *batch,
                         struct err *err)
{
    int64_t revision = 0;
    size_t before = publisher_count(p->publisher);
    struct publish_item *items = p->items + before;
    enum status rc = leader_next_revision(p->owner, &revision, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    INVARIANT(before + chunk->count <= WAVE_PRODUCTS, "%zu items behind %zu", chunk->count, before);
    list_items(items, chunk, batch, revision);
    note_digests(p, items, chunk->count);
    p->revision = revision;
    FAULT_POINT("tail.before_produce");
    return publisher_submit(p->publisher, p->sink, items, chunk->count, ACKNOWLEDGE_LIMIT_MS, err);
}

/* Products whose record was refused get a row that says why, before their marks may go. */
static enum status
park(struct producer *p, const struct publish_item *items, size_t count, struct err *err)
{
    enum status rc = STATUS_OK;
    for (size_t i = 0; i < count && rc == STATUS_OK; i++) {
        const struct publish_item *item = &items[i];
        if (item->end != PUBLISH_PARKED) {
            continue;
        }
        struct leader_parked row = {
            .product_id = item->product_id, .reason = "refused", .detail = item->reason};
        log_error(MOD, "parked", LF_INT("product", item->product_id), LF_TEXT("reason", row.reason),
                  LF_MSG(row.detail));
        metric_add(p->m.parked, 1);
        rc = leader_park(p->owner, &row, 1, err);
    }
    return rc;
}

static void observe(struct producer *p, const struct chunk *chunk, const struct publish_item *items)
{
    int64_t now = clock_wall_us();
    size_t records = 0;
    size_t tombstones = 0;
    for (size_t i = 0; i < chunk->count; i++) {
        const struct publish_item *item = &items[i];
        p->held += item->end == PUBLISH_HELD;
        if (item->end == PUBLISH_DONE) {
            records += item->stock != NULL;
            tombstones += item->stock == NULL;
            metric_observe_us(p->m.commit_to_acknowledged,
                              now - chunk->products->list[chunk->first + i].changed_at_us);
        }
    }
    metric_add(p->m.records, records);
    metric_add(p->m.tombstones, tombstones);
}

static enum status end_chunk(struct producer *p,
                             const struct chunk *chunk,
                             const struct publish_item *items,
                             struct err *err)
{
    enum status rc = park(p, items, chunk->count, err);
    if (rc == STATUS_OK) {
        rc = leader_unpark(p->owner, chunk->products->ids + chunk->first, chunk->count, err);
    }
    if (rc == STATUS_OK) {
        observe(p, chunk, items);
    }
    return rc;
}

void chunks_drop(struct producer *p)
{
    p->digests.count = 0;
    if (p->publisher != NULL) {
        publisher_drop(p->publisher);
    }
}

bool chunks_are_acknowledged(struct producer *p)
{
    return record_sink_is_idle(p->sink);
}

enum status
chunks_finish(struct producer *p, const struct chunk *list, size_t count, struct err *err)
{
    const struct publish_item *items = p->items;
    enum status rc = publisher_wait(p->publisher, p->sink, ACKNOWLEDGE_LIMIT_MS, err);
    FAULT_POINT("tail.published");
    for (size_t i = 0; i < count && rc == STATUS_OK; i++) {
        rc = end_chunk(p, &list[i], items, err);
        items += list[i].count;
    }
    return rc;
}

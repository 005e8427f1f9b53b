#include "producer/app/outbox.h"

#include <stdio.h>

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "producer/publish/publisher.h"
#include "producer/publish/record_sink.h"
#include "producer/publish/settlement.h"

#define MOD "tail"

#define TAKE_OVER_LIMIT_MS   10000
#define ACKNOWLEDGE_LIMIT_MS 10000
#define OPEN_US              (OUTBOX_OPEN_MS * INT64_C(1000))

/* Submitted, and not waited for. */
struct in_flight {
    struct chunk chunk;
    const struct batch *fresh; /* NULL: its marks are those of outbox_end_batch */
};

/* Up to where records are acknowledged, or settled. */
struct position {
    int64_t revision;
    int64_t *next_offsets; /* by partition: every record before is that old; -1: not known */
    size_t count;
};

struct outbox {
    struct outbox_options options;
    struct outbox_port port;
    struct producer_status *status;
    const struct producer_metrics *metrics;
    struct record_sink *sink;
    struct publisher *publisher;
    struct publish_item *items; /* of the chunks in flight, one behind the other */
    struct in_flight in_flight[OUTBOX_CHUNKS];
    size_t in_flight_count;
    struct settlement settlement;
    struct published_list digests; /* of records submitted and not settled */
    size_t held;                   /* products of this batch that are held back */
    struct id_list scratch;        /* products of one chunk */
    struct id_list unreadable; /* why products are parked since the last one that could be read */
    int64_t commit_us;         /* monotonic: of the last commit */
    int64_t revision;
    char stream[STREAM_ID_SIZE]; /* of records; "": not known yet */
    struct position acknowledged, settled;
};

static void set_position(struct position *p, int64_t revision, const int64_t *ends, size_t count)
{
    p->next_offsets = mem_realloc(p->next_offsets, count + 1, sizeof *p->next_offsets);
    for (size_t i = 0; i < count; i++) {
        p->next_offsets[i] = ends[i];
    }
    p->count = count;
    p->revision = revision;
}

/* --- life cycle --- */

struct outbox *outbox_new(const struct outbox_options *options,
                          const struct outbox_port *port,
                          struct producer_status *status,
                          const struct producer_metrics *metrics)
{
    struct outbox *o = mem_calloc(1, sizeof *o);
    o->options = *options;
    o->port = *port;
    o->status = status;
    o->metrics = metrics;
    o->items = mem_calloc(OUTBOX_PRODUCTS, sizeof *o->items);
    settlement_init(&o->settlement, SETTLEMENT_MAX_MARKS,
                    options->settle_us < OPEN_US ? options->settle_us : OPEN_US);
    return o;
}

void outbox_free(struct outbox *outbox)
{
    if (outbox == NULL) {
        return;
    }
    outbox_close(outbox);
    settlement_release(&outbox->settlement);
    published_list_release(&outbox->digests);
    mem_free(outbox->acknowledged.next_offsets);
    mem_free(outbox->settled.next_offsets);
    id_list_release(&outbox->scratch);
    id_list_release(&outbox->unreadable);
    mem_free(outbox->items);
    mem_free(outbox);
}

enum status outbox_open(struct outbox *outbox, int64_t epoch, const char *database, struct err *err)
{
    const struct record_sink_options options = {.kafka = outbox->options.kafka,
                                                .topic = outbox->options.topic,
                                                .max_message_bytes =
                                                    outbox->options.max_message_bytes,
                                                .database = database,
                                                .stream = outbox->stream};
    enum status rc = STATUS_OK;
    if (outbox->sink == NULL) {
        rc = record_sink_new(&options, &outbox->sink, err);
    }
    if (rc == STATUS_OK) {
        rc = record_sink_take_over(outbox->sink, TAKE_OVER_LIMIT_MS, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    return publisher_new(epoch, options.max_message_bytes, &outbox->publisher, err);
}

bool outbox_is_open(const struct outbox *outbox)
{
    return outbox->publisher != NULL;
}

void outbox_set_stream(struct outbox *outbox, const char *stream, int64_t settled)
{
    (void)snprintf(outbox->stream, sizeof outbox->stream, "%s", stream);
    set_position(&outbox->acknowledged, settled, NULL, 0);
    set_position(&outbox->settled, settled, NULL, 0);
}

size_t outbox_acknowledged(const struct outbox *outbox, const int64_t **next_offsets)
{
    *next_offsets = outbox->acknowledged.next_offsets;
    return outbox->acknowledged.count;
}

int64_t outbox_settled(const struct outbox *outbox, const int64_t **next_offsets, size_t *count)
{
    *next_offsets = outbox->settled.next_offsets;
    *count = outbox->settled.count;
    return outbox->settled.revision;
}

void outbox_close(struct outbox *outbox)
{
    publisher_free(outbox->publisher);
    outbox->publisher = NULL;
    record_sink_free(outbox->sink);
    outbox->sink = NULL;
    outbox->in_flight_count = 0;
}

/* --- products in --- */

void outbox_begin_batch(struct outbox *outbox)
{
    outbox->held = 0;
    if (outbox->settlement.count == 0) {
        outbox->commit_us = clock_monotonic_us();
    }
}

/* Few products are broken by their own rows, and many by the fault of a table. A component of many
 * kits counts once. */
static enum status
judge_unreadable(struct outbox *o, size_t asked, const struct stock_batch *stock, struct err *err)
{
    struct id_list *here = &o->scratch;
    size_t most = asked / 10 > OUTBOX_UNREADABLE ? asked / 10 : OUTBOX_UNREADABLE;
    if (stock->unreadable_count < asked) {
        id_list_reset(&o->unreadable);
    }
    id_list_reset(here);
    for (size_t i = 0; i < stock->unreadable_count; i++) {
        const struct unreadable *one = &stock->unreadable[i];
        if (!o->port.is_parked(o->port.leader, one->product_id) &&
            !o->port.is_parked(o->port.leader, one->culprit)) {
            id_list_add(here, one->culprit);
        }
    }
    id_list_add_all(&o->unreadable, here->ids, here->count);
    id_list_sort(&o->unreadable);
    if (o->unreadable.count <= most) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_DATABASE_UNFIT,
                   "%zu products cannot be read, so none is parked: look at the server's log and "
                   "at Odoo's tables; product %d: %s",
                   o->unreadable.count, stock->unreadable[0].product_id, stock->unreadable[0].why);
}

/* One item for each product of the chunk, in the same order: its record, a tombstone, or why it
 * cannot be read. */
static void list_items(struct publish_item *items,
                       const struct chunk *chunk,
                       struct stock_batch *stock,
                       int64_t revision)
{
    size_t at = 0;
    size_t unreadable = 0;
    for (size_t i = 0; i < chunk->count; i++) {
        int32_t product_id = chunk->products->ids[chunk->first + i];
        const struct batch_product *product = &chunk->products->list[chunk->first + i];
        struct publish_item *item = &items[i];
        *item = (struct publish_item){
            .product_id = product_id, .revision = revision, .cause = product->cause};
        if (at < stock->count && stock->list[at].product_id == product_id) {
            struct product_stock *record = &stock->list[at++];
            record->revision = revision;
            record->cause = product->cause;
            record->changed_at_us = product->changed_at_us;
            item->stock = record;
        } else if (unreadable < stock->unreadable_count &&
                   stock->unreadable[unreadable].product_id == product_id) {
            item->unreadable = stock->unreadable[unreadable++].why;
        }
    }
    INVARIANT(at == stock->count, "%zu of %zu records belong to no mark", stock->count - at,
              stock->count);
}

/* Digests can be made only while the records are there. */
static void note_digests(struct outbox *o, const struct publish_item *items, size_t count)
{
    for (size_t i = 0; o->options.stores_digests && i < count; i++) {
        const struct publish_item *item = &items[i];
        if (item->unreadable != NULL) {
            continue;
        }
        published_list_add(&o->digests, item->product_id,
                           item->stock != NULL ? product_stock_digest(item->stock) : 0);
    }
}

static bool has_room(const struct outbox *o, size_t products)
{
    return o->in_flight_count < OUTBOX_CHUNKS &&
           publisher_count(o->publisher) + products <= OUTBOX_PRODUCTS;
}

enum status outbox_submit(struct outbox *outbox,
                          const struct chunk *chunk,
                          struct stock_batch *stock,
                          const struct batch *fresh,
                          struct err *err)
{
    struct outbox *o = outbox;
    int64_t revision = 0;
    enum status rc = judge_unreadable(o, chunk->count, stock, err);
    if (rc == STATUS_OK && !has_room(o, chunk->count)) {
        rc = outbox_flush(o, err);
    }
    if (rc == STATUS_OK) {
        rc = o->port.next_revision(o->port.leader, &revision, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    size_t before = publisher_count(o->publisher);
    struct publish_item *items = o->items + before;
    INVARIANT(has_room(o, chunk->count), "%zu items behind %zu", chunk->count, before);
    list_items(items, chunk, stock, revision);
    note_digests(o, items, chunk->count);
    o->revision = revision;
    FAULT_POINT("tail.before_produce");
    rc = publisher_submit(o->publisher, o->sink, items, chunk->count, ACKNOWLEDGE_LIMIT_MS, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    o->in_flight[o->in_flight_count++] = (struct in_flight){.chunk = *chunk, .fresh = fresh};
    return STATUS_OK;
}

/* --- acknowledged --- */

size_t outbox_in_flight(const struct outbox *outbox)
{
    return outbox->in_flight_count;
}

bool outbox_is_acknowledged(struct outbox *outbox)
{
    return outbox->in_flight_count > 0 && record_sink_is_idle(outbox->sink);
}

/* Products that cannot be published get a row that says why, before their marks may go. */
static enum status
park(struct outbox *o, const struct publish_item *items, size_t count, struct err *err)
{
    struct leader_parked *rows = NULL;
    size_t parked = 0;
    size_t room = 0;
    for (size_t i = 0; i < count; i++) {
        const struct publish_item *item = &items[i];
        if (item->end != PUBLISH_PARKED) {
            continue;
        }
        if (parked == room) {
            room = mem_grow_capacity(room, parked + 1);
            rows = mem_realloc(rows, room, sizeof *rows);
        }
        rows[parked++] = (struct leader_parked){
            .product_id = item->product_id, .reason = item->kind, .detail = item->reason};
        log_error(MOD, "parked", LF_INT("product", item->product_id), LF_TEXT("reason", item->kind),
                  LF_MSG(item->reason));
    }
    metric_add(o->metrics->parked[PARKED_TIMES], parked);
    enum status rc = parked > 0 ? o->port.park(o->port.leader, rows, parked, err) : STATUS_OK;
    mem_free(rows);
    return rc;
}

/* Exactly the products whose record or tombstone was acknowledged. */
static enum status
unpark(struct outbox *o, const struct publish_item *items, size_t count, struct err *err)
{
    id_list_reset(&o->scratch);
    for (size_t i = 0; i < count; i++) {
        if (items[i].end == PUBLISH_DONE) {
            id_list_add(&o->scratch, items[i].product_id);
        }
    }
    return o->port.unpark(o->port.leader, o->scratch.ids, o->scratch.count, err);
}

static void observe(struct outbox *o, const struct chunk *chunk, const struct publish_item *items)
{
    int64_t now = clock_wall_us();
    size_t records = 0;
    size_t tombstones = 0;
    for (size_t i = 0; i < chunk->count; i++) {
        const struct publish_item *item = &items[i];
        o->held += item->end == PUBLISH_HELD;
        if (item->end == PUBLISH_DONE) {
            records += item->stock != NULL;
            tombstones += item->stock == NULL;
            metric_observe_us(o->metrics->commit_to_acknowledged,
                              now - chunk->products->list[chunk->first + i].changed_at_us);
        }
    }
    metric_add(o->metrics->records, records);
    metric_add(o->metrics->tombstones, tombstones);
}

static enum status end_chunk(struct outbox *o,
                             const struct chunk *chunk,
                             const struct publish_item *items,
                             struct err *err)
{
    enum status rc = park(o, items, chunk->count, err);
    if (rc == STATUS_OK) {
        rc = unpark(o, items, chunk->count, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    observe(o, chunk, items);
    return STATUS_OK;
}

static void note_acknowledged(struct outbox *o)
{
    const int64_t *ends = NULL;
    size_t count = record_sink_ends(o->sink, &ends);
    if (count > 0) { /* else all were parked */
        set_position(&o->acknowledged, o->revision, ends, count);
    }
}

enum status outbox_finish(struct outbox *outbox, struct err *err)
{
    struct outbox *o = outbox;
    const struct publish_item *items = o->items;
    enum status rc = publisher_wait(o->publisher, o->sink, ACKNOWLEDGE_LIMIT_MS, err);
    FAULT_POINT("tail.published");
    for (size_t i = 0; i < o->in_flight_count && rc == STATUS_OK; i++) {
        rc = end_chunk(o, &o->in_flight[i].chunk, items, err);
        items += o->in_flight[i].chunk.count;
    }
    for (size_t i = 0; i < o->in_flight_count && rc == STATUS_OK; i++) {
        const struct batch *fresh = o->in_flight[i].fresh;
        if (fresh != NULL) {
            settlement_add(&o->settlement, fresh->mark_ids, fresh->mark_count,
                           clock_monotonic_us());
            metric_add(o->metrics->marks, fresh->mark_count);
        }
    }
    if (rc == STATUS_OK && o->in_flight_count > 0) {
        producer_status_note_acknowledged(o->status);
        note_acknowledged(o);
    }
    o->in_flight_count = 0;
    return rc;
}

bool outbox_is_overdue(const struct outbox *outbox)
{
    return record_sink_is_open(outbox->sink) && clock_monotonic_us() - outbox->commit_us > OPEN_US;
}

enum status outbox_flush(struct outbox *outbox, struct err *err)
{
    if (outbox->in_flight_count > 0) {
        enum status rc = outbox_finish(outbox, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    /* A commit costs the changes that wait for it tens of milliseconds: not as often as between
     * batches. */
    return outbox_is_overdue(outbox) ? outbox_settle(outbox, err) : STATUS_OK;
}

/* --- settled marks out --- */

/* What was acknowledged by the last outbox_finish is settled now. */
static enum status write_settled(struct outbox *o, struct err *err)
{
    if (o->acknowledged.revision <= o->settled.revision) {
        return STATUS_OK;
    }
    enum status rc = o->port.write_settled(o->port.conn, o->acknowledged.revision, false, err);
    if (rc == STATUS_OK) {
        set_position(&o->settled, o->acknowledged.revision, o->acknowledged.next_offsets,
                     o->acknowledged.count);
    }
    return rc;
}

enum status outbox_settle(struct outbox *outbox, struct err *err)
{
    struct outbox *o = outbox;
    size_t count = 0;
    const int64_t *ids = settlement_ids(&o->settlement, &count);
    FAULT_POINT("tail.before_commit");
    enum status rc = record_sink_commit(o->sink, err);
    o->commit_us = clock_monotonic_us();
    FAULT_POINT("tail.before_delete");
    if (rc == STATUS_OK && o->digests.count > 0) {
        rc = o->port.store_digests(o->port.conn, &o->digests, err);
        o->digests.count = 0;
    }
    if (rc == STATUS_OK) {
        rc = o->port.delete_marks(o->port.conn, ids, count, err);
    }
    FAULT_POINT("tail.after_delete");
    if (rc == STATUS_OK) {
        rc = write_settled(o, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    metric_add(o->metrics->settled, count);
    producer_status_note_acknowledged(o->status);
    settlement_clear(&o->settlement);
    return STATUS_OK;
}

enum status outbox_settle_if_due(struct outbox *outbox, bool idle, struct err *err)
{
    bool due = settlement_is_due(&outbox->settlement, clock_monotonic_us(), idle);
    return due ? outbox_settle(outbox, err) : STATUS_OK;
}

/* The marks of a long batch are deleted at its end, without being remembered one by one. */
static enum status settle_long_batch(struct outbox *o, const struct batch *batch, struct err *err)
{
    enum status rc = outbox_settle(o, err);
    for (size_t first = 0; first < batch->mark_count && rc == STATUS_OK;
         first += SETTLEMENT_MAX_MARKS) {
        size_t left = batch->mark_count - first;
        size_t count = left < SETTLEMENT_MAX_MARKS ? left : SETTLEMENT_MAX_MARKS;
        rc = o->port.delete_marks(o->port.conn, batch->mark_ids + first, count, err);
        if (rc == STATUS_OK) {
            metric_add(o->metrics->settled, count);
            producer_status_note_acknowledged(o->status);
        }
    }
    return rc;
}

enum status outbox_end_batch(struct outbox *outbox,
                             const struct batch *batch,
                             const struct mark_list *last,
                             struct err *err)
{
    int64_t now = clock_monotonic_us();
    if (batch->mark_count > SETTLEMENT_MAX_MARKS) {
        return settle_long_batch(outbox, batch, err);
    }
    if (outbox->held == 0) {
        settlement_add(&outbox->settlement, batch->mark_ids, batch->mark_count, now);
        return STATUS_OK;
    }
    for (size_t i = 0; i < last->count; i++) {
        const struct mark *m = &last->list[i];
        if (outbox->items[batch_index(batch, m->product_id)].end != PUBLISH_HELD) {
            settlement_add(&outbox->settlement, &m->id, 1, now);
        }
    }
    return STATUS_OK;
}

size_t outbox_unsettled(const struct outbox *outbox)
{
    return outbox->settlement.count;
}

bool outbox_has_mark(const struct outbox *outbox, int64_t mark_id)
{
    if (settlement_covers(&outbox->settlement, mark_id)) {
        return true;
    }
    for (size_t i = 0; i < outbox->in_flight_count; i++) {
        const struct batch *fresh = outbox->in_flight[i].fresh;
        if (fresh != NULL && batch_has_mark(fresh, mark_id)) {
            return true;
        }
    }
    return false;
}

bool outbox_is_bisecting(const struct outbox *outbox)
{
    return publisher_is_bisecting(outbox->publisher);
}

int64_t outbox_revision(const struct outbox *outbox)
{
    return outbox->revision;
}

/* --- upkeep and recovery --- */

enum status outbox_poll(struct outbox *outbox, struct err *err)
{
    return record_sink_poll(outbox->sink, err);
}

void outbox_uncover(struct outbox *outbox)
{
    settlement_clear(&outbox->settlement);
}

enum status outbox_abort(struct outbox *outbox, struct err *err)
{
    outbox_uncover(outbox);
    outbox->digests.count = 0;
    outbox->in_flight_count = 0;
    if (outbox->publisher != NULL) {
        publisher_drop(outbox->publisher);
    }
    return outbox->sink != NULL ? record_sink_abort(outbox->sink, err) : STATUS_OK;
}

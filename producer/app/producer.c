#include "producer/app/producer.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "common/core/backoff.h"
#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "common/core/metric.h"
#include "common/core/service.h"
#include "common/core/signals.h"
#include "common/kafka/kafka_topic.h"
#include "common/pg/pg_query.h"
#include "producer/app/cycle.h"
#include "producer/odoo/hint.h"
#include "producer/odoo/install.h"
#include "producer/odoo/marks.h"
#include "producer/odoo/odoo_version.h"
#include "producer/odoo/owner.h"
#include "producer/odoo/stock_reader.h"
#include "producer/publish/publisher.h"
#include "producer/publish/record_sink.h"
#include "producer/publish/settlement.h"

#define MOD "tail"

#define STANDBY_POLL_MS 1000
#define TICK_US         INT64_C(1000000)
/* No new mark for so long: idle. Shorter gaps happen under load, and a commit in each would cost
 * the next records their latency. */
#define SETTLE_IDLE_US       INT64_C(50000)
#define PROGRESS_US          INT64_C(30000000)
#define TAKE_OVER_LIMIT_MS   10000
#define ACKNOWLEDGE_LIMIT_MS 10000
#define TOPIC_LIMIT_MS       10000
#define STATEMENT_LIMIT_MS   30000
#define BACKFILL_SLICE       5000
/* Marks folded in one round: a backlog that names a product again and again makes one record of it.
 */
#define ROUND_MAX_MARKS 1000000
/* Products whose state is in memory at a time. */
#define CHUNK_PRODUCTS  5000
#define NOTES_MAX_BYTES ((size_t)16 * 1024)

enum producer_state { PRODUCER_STARTING, PRODUCER_STANDBY, PRODUCER_OWNER, PRODUCER_STOPPING };

static const char *const STATE_NAMES[] = {"starting", "standby", "owner", "stopping"};

struct producer_metrics {
    struct metric *marks, *records, *tombstones, *parked, *rounds, *settled, *failures, *unsettled,
        *oldest, *owner, *commit_to_acknowledged;
};

/* What other threads may see; copied out under the mutex. */
struct producer_view {
    enum producer_state state;
    bool publishing;
    char why[320];
    int64_t epoch, revision, oldest_us, failed_us;
    uint64_t marks, records, tombstones, parked;
    size_t unsettled;
};

struct producer {
    const struct producer_conf *conf;
    struct owner *owner;
    struct pg_conn *tail;
    struct stock_reader *reader;
    struct record_sink *sink;
    struct publisher *publisher;
    struct settlement settlement;
    struct hint hint;
    struct mark_list marks;
    struct cycle cycle;
    struct publish_item *items; /* of the chunk on its way, by the index of its products */
    size_t held;                /* products held back in this round */
    struct backoff backoff;
    struct producer_metrics m;
    int64_t tick_us, progress_us, published_us;
    uint64_t progress_records;
    bool topic_seen;
    int32_t backfill_after; /* a whole backfill is under way: products up to this one are marked */
    bool backfilling;
    pthread_mutex_t mutex;
    struct producer_view view;
};

/* --- states and what others see --- */

static void set_state(struct producer *p, enum producer_state state, const char *why)
{
    enum producer_state old = p->view.state;
    if (old == state) {
        return;
    }
    char change[32];
    (void)snprintf(change, sizeof change, "%s->%s", STATE_NAMES[old], STATE_NAMES[state]);
    (void)pthread_mutex_lock(&p->mutex);
    p->view.state = state;
    (void)snprintf(p->view.why, sizeof p->view.why, "%s", why);
    (void)pthread_mutex_unlock(&p->mutex);
    metric_set(p->m.owner, state == PRODUCER_OWNER ? 1 : 0);
    log_info(MOD, "state", LF_TEXT("state", change), LF_TEXT("why", why));
}

static void set_publishing(struct producer *p, bool publishing, const char *why)
{
    (void)pthread_mutex_lock(&p->mutex);
    p->view.publishing = publishing;
    (void)snprintf(p->view.why, sizeof p->view.why, "%s", why);
    if (!publishing) {
        p->view.failed_us = clock_wall_us();
    }
    (void)pthread_mutex_unlock(&p->mutex);
}

static void publish_view(struct producer *p, int64_t oldest_us)
{
    (void)pthread_mutex_lock(&p->mutex);
    struct producer_view *v = &p->view;
    v->epoch = owner_epoch(p->owner);
    v->oldest_us = oldest_us;
    v->marks = (uint64_t)metric_value(p->m.marks);
    v->records = (uint64_t)metric_value(p->m.records);
    v->tombstones = (uint64_t)metric_value(p->m.tombstones);
    v->parked = (uint64_t)metric_value(p->m.parked);
    v->unsettled = p->settlement.count;
    (void)pthread_mutex_unlock(&p->mutex);
    metric_set(p->m.unsettled, (double)v->unsettled);
    metric_set(p->m.oldest, oldest_us > 0 ? (double)(clock_wall_us() - oldest_us) / 1e6 : 0);
}

/* --- opening what a tail needs --- */

static enum status ensure_topic(struct producer *p, struct err *err)
{
    const struct topic_conf *t = &p->conf->shared.topic;
    struct kafka_topic_design design = kafka_topic_design_of(t);
    struct strbuf notes;
    strbuf_init(&notes, NOTES_MAX_BYTES);
    enum status rc =
        kafka_topic_ensure(&p->conf->shared.kafka, &design, t->create, TOPIC_LIMIT_MS, &notes, err);
    if (rc == STATUS_OK && notes.len > 0) {
        log_info(MOD, "topic", LF_TEXT("topic", t->name), LF_MSG(notes.ptr));
    }
    strbuf_release(&notes);
    p->topic_seen = rc == STATUS_OK;
    return rc;
}

static enum status open_sink(struct producer *p, struct err *err)
{
    struct record_sink_options options = {.kafka = &p->conf->shared.kafka,
                                          .topic = p->conf->shared.topic.name,
                                          .max_message_bytes =
                                              p->conf->shared.topic.max_message_bytes};
    enum status rc = p->topic_seen ? STATUS_OK : ensure_topic(p, err);
    if (rc == STATUS_OK && p->sink == NULL) {
        rc = record_sink_new(&options, &p->sink, err);
    }
    if (rc == STATUS_OK) {
        rc = record_sink_take_over(p->sink, TAKE_OVER_LIMIT_MS, err);
    }
    if (rc == STATUS_OK) {
        rc = publisher_new(owner_epoch(p->owner), p->conf->shared.topic.max_message_bytes,
                           &p->publisher, err);
    }
    return rc;
}

static void close_sink(struct producer *p)
{
    publisher_free(p->publisher);
    p->publisher = NULL;
    record_sink_free(p->sink);
    p->sink = NULL;
}

/* The consumers need to know the warehouses before the first record comes. */
static enum status share_warehouses(struct producer *p, struct err *err)
{
    struct stock_batch batch = {0};
    enum status rc = marks_snapshot_begin(p->tail, err);
    if (rc == STATUS_OK) {
        rc = stock_reader_read(p->reader, NULL, 0, &batch, err);
    }
    if (rc == STATUS_OK) {
        rc = marks_snapshot_end(p->tail, err);
    }
    return rc == STATUS_OK
               ? owner_sync_warehouses(p->owner, batch.warehouses, batch.warehouse_count, err)
               : rc;
}

static enum status open_tail(struct producer *p, struct err *err)
{
    struct odoo_shape shape;
    bool forecast = p->conf->shared.odoo.forecast;
    enum status rc = pg_conn_open(p->tail, err);
    if (rc == STATUS_OK) {
        rc = odoo_version_read(p->tail, forecast, &shape, err);
    }
    if (rc == STATUS_OK) {
        rc = install_verify(p->tail, INSTALL_ODOO, forecast, err);
    }
    if (rc == STATUS_OK) {
        p->reader = stock_reader_new(p->tail, &shape, forecast);
        log_info(MOD, "odoo", LF_TEXT("version", shape.base_version),
                 LF_TEXT("forecast", forecast ? "on" : "off"),
                 LF_TEXT("mrp", shape.has_mrp ? "installed" : "not installed"));
        rc = share_warehouses(p, err);
    }
    return rc;
}

static void close_tail(struct producer *p)
{
    stock_reader_free(p->reader);
    p->reader = NULL;
    pg_conn_close(p->tail);
}

/* --- one round: marks, state, records --- */

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
    p->view.revision = revision;
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
static enum status settle(struct producer *p, struct err *err)
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
    enum status rc = settle(p, err);
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
    publish_view(p, oldest_us);
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

static enum status run_round(struct producer *p, struct err *err)
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
        rc = settle(p, err);
    }
    if (rc == STATUS_OK && isolating) {
        hint_fail(&p->hint); /* products held back are found from the start */
    }
    if (rc == STATUS_OK) {
        rc = feed_backfill(p, err);
    }
    return rc == STATUS_OK ? tick(p, err) : rc;
}

/* --- ownership and recovery --- */

static enum status become_ready(struct producer *p, struct err *err)
{
    enum status rc = p->publisher != NULL ? STATUS_OK : open_sink(p, err);
    if (rc == STATUS_OK && p->reader == NULL) {
        rc = open_tail(p, err);
    }
    if (rc == STATUS_OK && !p->view.publishing) {
        hint_init(&p->hint);
        set_publishing(p, true, "publishing");
        service_ready();
        log_info(MOD, "publishing", LF_INT("epoch", owner_epoch(p->owner)),
                 LF_TEXT("topic", p->conf->shared.topic.name));
    }
    return rc;
}

static enum status take_ownership(struct producer *p, struct err *err)
{
    enum status rc = owner_take(p->owner, err);
    if (rc == STATUS_AGAIN) {
        set_state(p, PRODUCER_STANDBY, "another producer owns the tail");
        (void)signals_sleep(STANDBY_POLL_MS);
        return STATUS_OK;
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    enum owner_backfill why = owner_backfill(p->owner);
    set_state(p, PRODUCER_OWNER, "took the lock");
    if (why == OWNER_BACKFILL_FIRST) {
        log_info(MOD, "first_start",
                 LF_MSG("nothing was published before: 'stocksync-producer backfill --all' "
                        "publishes every product"));
    } else if (why != OWNER_BACKFILL_NONE) {
        p->backfilling = true;
        p->backfill_after = 0;
        log_warn(MOD, "backfill", LF_TEXT("why", owner_backfill_name(why)),
                 LF_MSG("Kafka may be ahead of this database: every product is published again"));
    }
    return STATUS_OK;
}

/* After any failure: abort what is open, forget what was published and not settled, read from the
 * start. */
static enum status recover(struct producer *p, enum status rc, struct err *err)
{
    struct err second = {0};
    int64_t pause = backoff_next_ms(&p->backoff, 0);
    metric_add(p->m.failures, 1);
    log_failure(LOG_WARN, MOD, "failed", err,
                LOG_FIELDS(LF_INT("backoff_ms", pause), LF_INT("unsettled", p->settlement.count)));
    set_publishing(p, false, err->msg);
    settlement_clear(&p->settlement);
    hint_fail(&p->hint);
    enum status abort_rc = p->sink != NULL ? record_sink_abort(p->sink, &second) : STATUS_OK;
    if (abort_rc == STATUS_FENCED) {
        *err = second;
        return STATUS_FENCED;
    }
    if (abort_rc != STATUS_OK || rc == STATUS_CLIENT_BROKEN) {
        close_sink(p);
    }
    close_tail(p);
    if (owner_is_held(p->owner) && owner_check(p->owner, &second) != STATUS_OK) {
        log_failure(LOG_WARN, MOD, "ownership_lost", &second,
                    LOG_FIELDS(LF_MSG("nothing is published until the lock is ours again")));
        owner_drop(p->owner);
        close_sink(p);
        set_state(p, PRODUCER_STANDBY, "the lock's connection is lost");
    }
    (void)signals_sleep((int)pause);
    return STATUS_OK;
}

static enum status step(struct producer *p, struct err *err)
{
    if (!owner_is_held(p->owner)) {
        return take_ownership(p, err);
    }
    enum status rc = become_ready(p, err);
    if (rc == STATUS_OK) {
        rc = run_round(p, err);
    }
    if (rc == STATUS_OK) {
        backoff_reset(&p->backoff);
        int64_t pace_ms = hint_pace_us(&p->hint) / 1000;
        if (pace_ms > p->conf->producer.idle_poll_ms) {
            pace_ms = p->conf->producer.idle_poll_ms;
        }
        if (pace_ms > 0) {
            (void)signals_sleep((int)pace_ms);
        }
    }
    return rc;
}

static void stop(struct producer *p)
{
    struct err err = {0};
    size_t unsettled = p->settlement.count;
    set_state(p, PRODUCER_STOPPING, "asked to stop");
    if (unsettled > 0 && settle(p, &err) != STATUS_OK) {
        log_failure(
            LOG_WARN, MOD, "not_settled", &err,
            LOG_FIELDS(LF_INT("count", unsettled),
                       LF_MSG("these marks stay and are published again by the next start")));
    }
}

enum status producer_run(struct producer *p, struct err *err)
{
    enum status rc = STATUS_OK;
    while (rc == STATUS_OK && !signals_stop_requested()) {
        rc = step(p, err);
        bool transient = rc != STATUS_OK && status_class(rc) == CLASS_TRANSIENT;
        if (transient && !signals_stop_requested()) {
            rc = recover(p, rc, err);
        } else if (transient) {
            rc = STATUS_OK; /* stopping: the marks stay */
            settlement_clear(&p->settlement);
        }
    }
    if (rc == STATUS_OK) {
        stop(p);
    }
    return rc;
}

/* --- life cycle --- */

static void register_metrics(struct producer_metrics *m)
{
    m->marks =
        metric_counter("stocksync_producer_marks_total", "Marks read and published.", NULL, NULL);
    m->records = metric_counter("stocksync_producer_records_total",
                                "Records acknowledged by Kafka.", NULL, NULL);
    m->tombstones = metric_counter("stocksync_producer_tombstones_total",
                                   "Tombstones acknowledged by Kafka.", NULL, NULL);
    m->parked = metric_counter("stocksync_producer_parked_total",
                               "Products whose record was refused.", NULL, NULL);
    m->rounds =
        metric_counter("stocksync_producer_rounds_total", "Reads that found marks.", NULL, NULL);
    m->settled =
        metric_counter("stocksync_producer_settled_marks_total",
                       "Marks deleted after their Kafka transaction was committed.", NULL, NULL);
    m->failures = metric_counter("stocksync_producer_failures_total",
                                 "Failures that were recovered from.", NULL, NULL);
    m->unsettled = metric_gauge("stocksync_producer_unsettled_marks",
                                "Marks published whose Kafka transaction is open.", NULL, NULL);
    m->oldest = metric_gauge("stocksync_producer_oldest_mark_age_seconds",
                             "Age of the mark with the lowest id.", NULL, NULL);
    m->owner =
        metric_gauge("stocksync_producer_owner", "1 while this process owns the tail.", NULL, NULL);
    m->commit_to_acknowledged =
        metric_histogram("stocksync_producer_commit_to_acknowledged_seconds",
                         "From the mark to Kafka's acknowledgement.", NULL, NULL);
}

struct producer *producer_new(const struct producer_conf *conf)
{
    struct producer *p = mem_calloc(1, sizeof *p);
    struct owner_options owner = {.odoo_dsn = conf->shared.odoo.dsn,
                                  .state_dsn = conf_state_dsn(&conf->shared)};
    struct pg_conn_options tail = {.dsn = conf->shared.odoo.dsn,
                                   .application_name = "stocksync-producer tail",
                                   .statement_timeout_ms = STATEMENT_LIMIT_MS,
                                   .session_sql = MARKS_SESSION_SQL};
    p->conf = conf;
    p->items = mem_calloc(CHUNK_PRODUCTS, sizeof *p->items);
    p->owner = owner_new(&owner);
    p->tail = pg_conn_new(&tail);
    settlement_init(&p->settlement, SETTLEMENT_MAX_MARKS, conf->producer.settle_ms * 1000);
    hint_init(&p->hint);
    backoff_init(&p->backoff, 200, 30000, (uint64_t)clock_wall_us() ^ (uint64_t)getpid());
    (void)pthread_mutex_init(&p->mutex, NULL);
    register_metrics(&p->m);
    return p;
}

bool producer_is_ready(struct producer *producer)
{
    (void)pthread_mutex_lock(&producer->mutex);
    bool ready = producer->view.publishing && producer->view.state == PRODUCER_OWNER;
    (void)pthread_mutex_unlock(&producer->mutex);
    return ready;
}

void producer_append_status(struct producer *producer, struct strbuf *out)
{
    (void)pthread_mutex_lock(&producer->mutex);
    struct producer_view v = producer->view;
    (void)pthread_mutex_unlock(&producer->mutex);
    strbuf_appendf(out,
                   "{\"service\":\"stocksync-producer\",\"version\":\"" STOCKSYNC_VERSION
                   "\",\"state\":\"%s\",\"publishing\":%s,\"why\":",
                   STATE_NAMES[v.state], v.publishing ? "true" : "false");
    strbuf_append_json(out, v.why);
    strbuf_appendf(out,
                   ",\"epoch\":%lld,\"revision\":%lld,\"oldest_mark_age_seconds\":%.3f,\"unsettled_"
                   "marks\":%zu",
                   (long long)v.epoch, (long long)v.revision,
                   v.oldest_us > 0 ? (double)(clock_wall_us() - v.oldest_us) / 1e6 : 0.0,
                   v.unsettled);
    strbuf_appendf(out, ",\"marks\":%llu,\"records\":%llu,\"tombstones\":%llu,\"parked\":%llu}",
                   (unsigned long long)v.marks, (unsigned long long)v.records,
                   (unsigned long long)v.tombstones, (unsigned long long)v.parked);
}

void producer_free(struct producer *producer)
{
    if (producer == NULL) {
        return;
    }
    close_sink(producer);
    close_tail(producer);
    pg_conn_free(producer->tail);
    owner_free(producer->owner);
    settlement_release(&producer->settlement);
    mark_list_release(&producer->marks);
    cycle_release(&producer->cycle);
    mem_free(producer->items);
    (void)pthread_mutex_destroy(&producer->mutex);
    mem_free(producer);
}

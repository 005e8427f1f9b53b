#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/service.h"
#include "common/core/signals.h"
#include "common/pg/pg_query.h"
#include "producer/app/producer_internal.h"
#include "producer/odoo/install.h"

#define MOD "tail"

#define TICK_US INT64_C(1000000)
/* How often the catalogue is asked whether Odoo's modules changed. */
#define SHAPE_US INT64_C(60000000)
/* No new mark for so long: idle. Shorter gaps happen under load, and a commit in each would cost
 * the next records their latency. */
#define SETTLE_IDLE_US   INT64_C(50000)
#define SETTLE_WITHIN_US INT64_C(5000000)
#define PROGRESS_US      INT64_C(30000000)
#define BACKFILL_SLICE   5000
/* Marks folded in one round: a backlog that names a product again and again makes one record of it.
 */
#define ROUND_MAX_MARKS 1000000

/* --- reading --- */

static bool is_unsettled(const void *settlement, int64_t id)
{
    return settlement_covers(settlement, id);
}

/* Marks of one read of both tables. A suspect record is searched for in rounds of one page that is
 * one chunk. */
static size_t page_size(const struct producer *p)
{
    size_t page = (size_t)p->conf->producer.batch_marks;
    return publisher_is_bisecting(p->publisher) && page > CHUNK_PRODUCTS ? CHUNK_PRODUCTS : page;
}

/* Page after page of marks, until there are no more or the round is full. */
static enum status read_marks(struct producer *p, struct read_cursor_read *read, struct err *err)
{
    int64_t begun = clock_monotonic_us();
    struct mark_skip skip = {
        .has = is_unsettled, .arg = &p->settlement, .count = p->settlement.count};
    struct marks_page page = {.from = read->from};
    size_t size = page_size(p);
    size_t limit = publisher_is_bisecting(p->publisher) ? size : ROUND_MAX_MARKS;
    enum status rc = STATUS_OK;
    cycle_reset(&p->cycle);
    do {
        rc = marks_read(p->tail, (size + 1) / 2, &skip, &page, &p->marks, err);
        if (rc == STATUS_OK) {
            cycle_add(&p->cycle, &p->marks);
            page.from.id = page.last_id;
        }
    } while (rc == STATUS_OK && page.full && p->cycle.mark_count + size <= limit);
    read->end = marks_page_end(&page);
    read->full = page.full;
    read->count = p->cycle.mark_count;
    read->look_us = clock_monotonic_us() - begun;
    p->newest = read->end;
    return rc;
}

/* While a suspect record is searched for, a round is one page, one chunk, one list. */
static void split(struct producer *p)
{
    if (publisher_is_bisecting(p->publisher)) {
        cycle_copy(&p->cycle, &p->urgent);
        p->waiting.count = 0;
    } else {
        cycle_split(&p->cycle, &p->urgent, &p->waiting);
    }
}

/* Marks, and the state of the first urgent products in the same snapshot, which ends before
 * anything is produced. */
static enum status begin_round(struct producer *p, struct stock_batch *batch, struct err *err)
{
    int64_t begun = clock_monotonic_us();
    struct read_cursor_read read = {.from =
                                        read_cursor_start(&p->hint, begun, p->settlement.count)};
    enum status rc = marks_snapshot_begin(p->tail, err);
    if (rc == STATUS_OK) {
        rc = read_marks(p, &read, err);
    }
    if (rc == STATUS_OK) {
        split(p);
    }
    if (rc == STATUS_OK && p->urgent.count > 0) {
        struct chunk chunk = chunk_at(&p->urgent, 0, CHUNK_PRODUCTS);
        rc = chunk_read_here(p, &chunk, batch, err);
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
    read_cursor_note(&p->hint, &read, now);
    return STATUS_OK;
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
    p->commit_us = clock_monotonic_us();
    FAULT_POINT("tail.before_delete");
    if (rc == STATUS_OK && p->digests.count > 0) {
        rc = published_store(p->tail, &p->digests, err);
        p->digests.count = 0;
    }
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

/* Kafka's transaction does not stay open for the whole of a long round (its time-out would end it).
 * The round's own marks wait for its end, those of fresh changes are settled. A commit costs the
 * changes that wait for it tens of milliseconds: not as often as between rounds. */
enum status round_settle_within(struct producer *p, struct err *err)
{
    bool due = clock_monotonic_us() - p->commit_us > SETTLE_WITHIN_US;
    return due ? round_settle(p, err) : STATUS_OK;
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
        rc = leader_backfill_done(p->owner, err);
        log_info(MOD, "backfill_marked",
                 LF_MSG("every product is marked: published as the marks are read"));
    }
    if (rc == STATUS_OK) {
        read_cursor_wake(&p->hint);
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

static bool is_same_shape(const struct odoo_shape *a, const struct odoo_shape *b)
{
    return a->has_mrp == b->has_mrp && a->has_commingled == b->has_commingled &&
           a->flag == b->flag && a->dialect == b->dialect;
}

/* Modules come and go while we run, and install may be run: the tail is opened anew then. As long
 * as what they need is not installed, we go on as before and say so. */
static enum status check_shape(struct producer *p, int64_t now, struct err *err)
{
    struct odoo_shape shape;
    bool forecast = p->conf->shared.odoo.forecast;
    bool filled = true;
    if (now - p->shape_us < SHAPE_US) {
        return STATUS_OK;
    }
    p->shape_us = now;
    enum status rc = odoo_version_read(p->tail, forecast, &shape, err);
    if (rc == STATUS_OK) {
        rc = kit_table_is_filled(p->state.kits, &filled, err);
    }
    if (rc != STATUS_OK || (is_same_shape(&shape, &p->shape) && filled)) {
        return rc;
    }
    rc = install_verify(p->tail, INSTALL_ODOO, forecast, err);
    if (rc == STATUS_DATABASE_UNFIT) {
        log_failure(LOG_ERROR, MOD, "odoo_changed", err,
                    LOG_FIELDS(LF_MSG("going on as before; kits may be wrong until then")));
        return STATUS_OK;
    }
    return rc == STATUS_OK
               ? err_set(err, STATUS_SOURCE_BUSY,
                         "Odoo's modules or our triggers changed: looking at them again")
               : rc;
}

enum status round_tick(struct producer *p, struct err *err)
{
    int64_t now = clock_monotonic_us();
    int64_t oldest_us = 0;
    if (now - p->tick_us < TICK_US) {
        return STATUS_OK;
    }
    p->tick_us = now;
    enum status rc = leader_check(p->owner, err);
    if (rc == STATUS_OK) {
        rc = marks_oldest(p->tail, &oldest_us, err);
    }
    if (rc == STATUS_OK) {
        rc = record_sink_poll(p->sink, err);
    }
    if (rc == STATUS_OK) {
        rc = check_shape(p, now, err);
    }
    producer_publish_view(p, oldest_us);
    show_progress(p, now);
    service_alive();
    return rc;
}

/* --- publishing --- */

/*
 * All urgent chunks: each is read while the one before it is on its way.
 * @param batch  of the first chunk, read already
 * @return STATUS_STOPPING: the round is given up; its marks stay, its records come again
 */
static enum status publish_urgent(struct producer *p, struct stock_batch *batch, struct err *err)
{
    struct chunk chunk = chunk_at(&p->urgent, 0, CHUNK_PRODUCTS);
    enum status rc = chunk_submit(p, &chunk, batch, err);
    p->fresh_us = clock_monotonic_us();
    while (rc == STATUS_OK && chunk.first + chunk.count < p->urgent.count) {
        struct chunk next = chunk_at(&p->urgent, chunk.first + chunk.count, CHUNK_PRODUCTS);
        rc = chunk_read(p, &next, batch, err);
        if (rc == STATUS_OK) {
            rc = chunks_finish(p, &chunk, 1, err);
        }
        if (rc == STATUS_OK) {
            rc = round_settle_within(p, err);
        }
        if (rc == STATUS_OK) {
            rc = signals_stop_requested() ? STATUS_STOPPING : round_tick(p, err);
        }
        if (rc == STATUS_OK) {
            rc = chunk_submit(p, &next, batch, err);
        }
        chunk = next;
    }
    return rc == STATUS_OK ? chunks_finish(p, &chunk, 1, err) : rc;
}

static enum status publish_round(struct producer *p, struct stock_batch *batch, struct err *err)
{
    p->held = 0;
    if (p->settlement.count == 0) {
        p->commit_us = clock_monotonic_us();
    }
    enum status rc = p->urgent.count > 0 ? publish_urgent(p, batch, err) : STATUS_OK;
    if (rc == STATUS_OK) {
        rc = waiting_publish(p, err);
    }
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
    if (rc == STATUS_OK && p->cycle.mark_count > 0) {
        rc = publish_round(p, &batch, err);
    }
    int64_t now = clock_monotonic_us();
    bool isolating = rc == STATUS_OK && publisher_is_bisecting(p->publisher);
    bool idle = isolating || now - p->published_us >= SETTLE_IDLE_US;
    if (rc == STATUS_OK && settlement_is_due(&p->settlement, now, idle)) {
        rc = round_settle(p, err);
    }
    if (rc == STATUS_OK && isolating) {
        read_cursor_fail(&p->hint); /* products held back are found from the start */
    }
    if (rc == STATUS_OK) {
        rc = feed_backfill(p, err);
    }
    if (rc == STATUS_OK && p->settlement.count == 0) {
        rc = full_pass_step(p, err);
    }
    return rc == STATUS_OK ? round_tick(p, err) : rc;
}

/*
 * Products that may wait: kits whose components changed, backfill. A component of thousands of kits
 * does not hold up the others: slices of these products are read by slice_reader, and meanwhile
 * fresh changes are read over the tail's connection and published one wave after the other. All of
 * it goes through the one Kafka transaction, from this thread.
 *
 * A product's records come in the order of their snapshots: a slice is started between the reads of
 * two waves, queued before the next of these reads, and what slice_reader_holds meanwhile is set
 * aside until then.
 */
#include <stdlib.h>

#include "common/core/clock.h"
#include "common/core/signals.h"
#include "common/pg/pg_query.h"
#include "producer/app/producer_internal.h"

/* Nothing else came for so long: the slices may grow, and the marks are looked at less often. */
#define CALM_US      INT64_C(200000)
#define PACE_BUSY_MS 2
#define PACE_CALM_MS 10
/* Ids become visible out of order: so often, so many are looked at again. Marks that come later
 * still are found by the next round. */
#define SWEEP_US  INT64_C(25000)
#define SWEEP_IDS 2000

/* Submitted, and not waited for. */
struct shipment {
    struct chunk chunk;
    const struct cycle *wave; /* NULL: a slice, whose marks are the round's */
};

struct turns {
    struct shipment sent[SHIPMENTS_MAX]; /* in order */
    size_t sent_count;
    size_t next;      /* first waiting product that is in no slice yet */
    size_t waves;     /* submitted: which of p->waves is next */
    int64_t sweep_us; /* when the next one is due, monotonic */
};

static bool is_calm(const struct producer *p)
{
    return clock_monotonic_us() - p->fresh_us >= CALM_US;
}

/* --- publishing --- */

/* Waits until all that was sent is acknowledged: then a wave's marks wait for the settlement. */
static enum status finish(struct producer *p, struct turns *t, struct err *err)
{
    struct chunk chunks[SHIPMENTS_MAX];
    size_t count = t->sent_count;
    if (count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        chunks[i] = t->sent[i].chunk;
    }
    enum status rc = chunks_finish(p, chunks, count, err);
    for (size_t i = 0; i < count && rc == STATUS_OK; i++) {
        const struct cycle *wave = t->sent[i].wave;
        if (wave != NULL) {
            settlement_add(&p->settlement, wave->mark_ids, wave->mark_count, clock_monotonic_us());
            metric_add(p->m.marks, wave->mark_count);
        }
    }
    t->sent_count = 0;
    return rc == STATUS_OK ? round_settle_within(p, err) : rc;
}

/* Behind what is on its way: its acknowledgement is not waited for, or a slice's would hold up the
 * wave that follows. */
static enum status send(struct producer *p,
                        struct turns *t,
                        const struct shipment *next,
                        struct stock_batch *batch,
                        struct err *err)
{
    bool full = t->sent_count == SHIPMENTS_MAX ||
                publisher_count(p->publisher) + next->chunk.count > WAVE_PRODUCTS;
    enum status rc = full ? finish(p, t, err) : STATUS_OK;
    if (rc == STATUS_OK) {
        rc = chunk_submit(p, &next->chunk, batch, err);
    }
    t->sent[t->sent_count++] = *next;
    return rc;
}

/* --- slices --- */

/* Small while others change too, larger and larger in a calm. */
static size_t next_size(struct producer *p)
{
    if (!is_calm(p)) {
        p->waiting_slice = WAITING_SLICE_MIN;
    } else if (p->waiting_slice * 2 <= CHUNK_PRODUCTS) {
        p->waiting_slice *= 2;
    } else {
        p->waiting_slice = CHUNK_PRODUCTS;
    }
    return p->waiting_slice;
}

static void start_slice(struct producer *p, struct turns *t)
{
    if (slice_reader_is_idle(p->slices) && t->next < p->waiting.count) {
        struct chunk slice = chunk_at(&p->waiting, t->next, next_size(p));
        slice_reader_start(p->slices, &slice);
        t->next += slice.count;
    }
}

static enum status publish_slice(struct producer *p, struct turns *t, struct err *err)
{
    struct shipment slice = {0};
    struct stock_batch batch = {0};
    struct kit_table_changes changes;
    enum status rc = slice_reader_take(p->slices, &slice.chunk, &batch, &changes, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    producer_log_kits(p, &changes);
    /* the slice may have the older list: the tail, which is asked now, has the newest */
    if (!leader_knows_warehouses(p->owner, batch.warehouses, batch.warehouse_count)) {
        rc = producer_share_warehouses(p, err);
    }
    return rc == STATUS_OK ? send(p, t, &slice, &batch, err) : rc;
}

/* --- fresh changes --- */

static int compare_ids(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void sort_ids(struct cycle *cycle)
{
    if (cycle->mark_count > 0) {
        qsort(cycle->mark_ids, cycle->mark_count, sizeof cycle->mark_ids[0], compare_ids);
    }
}

static bool has_id(const struct cycle *cycle, int64_t id)
{
    return bsearch(&id, cycle->mark_ids, cycle->mark_count, sizeof id, compare_ids) != NULL;
}

struct known {
    const struct producer *p;
    const struct turns *t;
};

static bool is_aside(const struct mark_list *aside, int64_t id)
{
    size_t i = 0;
    while (i < aside->count && aside->list[i].id != id) {
        i++;
    }
    return i < aside->count;
}

/* The ids of the round and of its waves are sorted; only few are ever aside. */
static bool is_known(const void *arg, int64_t id)
{
    const struct known *k = arg;
    bool known = settlement_covers(&k->p->settlement, id) || has_id(&k->p->cycle, id) ||
                 is_aside(&k->p->aside, id);
    for (size_t i = 0; i < k->t->sent_count && !known; i++) {
        known = k->t->sent[i].wave != NULL && has_id(k->t->sent[i].wave, id);
    }
    return known;
}

/* Marks that are new since the last read; a sweep finds those with lower ids too. */
static enum status
read_marks(struct producer *p, const struct turns *t, bool sweep, struct err *err)
{
    int64_t back = sweep && p->newest.id > SWEEP_IDS ? SWEEP_IDS : 0;
    size_t room = WAVE_PRODUCTS - p->aside.count; /* all that are not held make one wave */
    size_t limit = (room < CHUNK_PRODUCTS ? room : CHUNK_PRODUCTS) / 2;
    struct marks_page page = {.from = p->newest};
    const struct known known = {.p = p, .t = t};
    struct mark_skip skip = {.has = is_known, .arg = &known, .count = SWEEP_IDS};
    page.from.id -= back;
    p->fresh.count = 0;
    enum status rc =
        limit > 0 ? marks_read(p->tail, limit, &skip, &page, &p->fresh, err) : STATUS_OK;
    if (rc == STATUS_OK && limit > 0) {
        struct mark_place end = marks_page_end(&page);
        end.id = end.id > p->newest.id ? end.id : p->newest.id;
        p->newest = end;
    }
    return rc;
}

/* Leaves the fresh marks that can be published now. Those that may wait themselves are left to the
 * next round. */
static void pick(struct producer *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->aside.count; i++) {
        mark_list_add(&p->fresh, &p->aside.list[i]);
    }
    p->aside.count = 0;
    for (size_t i = 0; i < p->fresh.count; i++) {
        const struct mark *mark = &p->fresh.list[i];
        if (cycle_may_wait(mark->cause)) {
            continue;
        }
        if (slice_reader_holds(p->slices, mark)) {
            mark_list_add(&p->aside, mark);
        } else {
            p->fresh.list[kept++] = *mark;
        }
    }
    p->fresh.count = kept;
}

static enum status read_wave(struct producer *p,
                             const struct turns *t,
                             struct cycle *wave,
                             bool sweep,
                             struct stock_batch *batch,
                             struct err *err)
{
    enum status rc = marks_snapshot_begin(p->tail, err);
    if (rc == STATUS_OK) {
        rc = read_marks(p, t, sweep, err);
    }
    cycle_reset(wave);
    if (rc == STATUS_OK) {
        pick(p);
        cycle_add(wave, &p->fresh);
    }
    if (rc == STATUS_OK && wave->mark_count > 0) {
        struct chunk chunk = chunk_at(&wave->products, 0, WAVE_PRODUCTS);
        rc = chunk_read_here(p, &chunk, batch, err);
    }
    if (rc == STATUS_OK) {
        rc = marks_snapshot_end(p->tail, err);
    }
    if (rc != STATUS_OK) {
        pg_rollback(p->tail);
        return rc;
    }
    sort_ids(wave);
    return STATUS_OK;
}

/* Whether to sweep now: what is set aside would be found once more. */
static bool is_sweep_due(const struct producer *p, struct turns *t)
{
    int64_t now = clock_monotonic_us();
    bool due = now >= t->sweep_us && p->aside.count == 0;
    t->sweep_us = due ? now + SWEEP_US : t->sweep_us;
    return due;
}

static enum status publish_wave(struct producer *p, struct turns *t, struct err *err)
{
    struct cycle *wave = &p->waves[t->waves % WAVES];
    struct stock_batch batch = {0};
    if (p->aside.count >= CHUNK_PRODUCTS && !slice_reader_is_idle(p->slices)) {
        return STATUS_OK; /* no room before the slice is published */
    }
    enum status rc = read_wave(p, t, wave, is_sweep_due(p, t), &batch, err);
    if (rc != STATUS_OK || wave->mark_count == 0) {
        return rc;
    }
    p->fresh_us = clock_monotonic_us();
    t->waves++;
    struct shipment shipment = {.chunk = chunk_at(&wave->products, 0, WAVE_PRODUCTS), .wave = wave};
    return send(p, t, &shipment, &batch, err);
}

/* --- in turns --- */

/* A slice that is ready goes first, and the next one is read beside the wave's turn, unless marks
 * were set aside: then the wave is read in between, with all of them. */
static enum status turn(struct producer *p, struct turns *t, struct err *err)
{
    enum status rc = STATUS_OK;
    if (slice_reader_wait(p->slices, is_calm(p) ? PACE_CALM_MS : PACE_BUSY_MS)) {
        rc = publish_slice(p, t, err);
        if (rc == STATUS_OK && p->aside.count == 0) {
            start_slice(p, t);
        }
    }
    if (rc == STATUS_OK) {
        rc = publish_wave(p, t, err);
    }
    if (rc == STATUS_OK && t->sent_count > 0 && chunks_are_acknowledged(p)) {
        rc = finish(p, t, err);
    }
    if (rc == STATUS_OK) {
        start_slice(p, t);
        rc = signals_stop_requested() ? STATUS_STOPPING : round_tick(p, err);
    }
    return rc;
}

enum status waiting_publish(struct producer *p, struct err *err)
{
    struct turns t = {.sweep_us = clock_monotonic_us() + SWEEP_US};
    enum status rc = STATUS_OK;
    p->aside.count = 0;
    if (p->waiting.count > 0) {
        sort_ids(&p->cycle);
    }
    start_slice(p, &t);
    while (rc == STATUS_OK && !slice_reader_is_idle(p->slices)) {
        rc = turn(p, &t, err);
    }
    slice_reader_drop(p->slices);
    return rc == STATUS_OK ? finish(p, &t, err) : rc;
}

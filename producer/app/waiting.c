/*
 * Products that may wait: kits whose components changed, backfill. A component of thousands of kits
 * does not hold up the others: slices of these products are read by slice_reader, and meanwhile
 * fresh changes are read over the tail's connection and published one wave after the other. All of
 * it goes through the one Kafka transaction, from this thread.
 *
 * A product's records come in the order of their snapshots: a slice is started between the reads of
 * two waves, published before the next of these reads, and what slice_reader_holds meanwhile is set
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
    struct chunk chunk;       /* count 0: nothing */
    const struct cycle *wave; /* NULL: a slice, whose marks are the round's */
};

struct turns {
    struct shipment sent;
    size_t next;      /* first waiting product that is in no slice yet */
    size_t waves;     /* submitted: which of p->waves is next */
    int64_t sweep_us; /* when the next one is due, monotonic */
};

static bool is_calm(const struct producer *p)
{
    return clock_monotonic_us() - p->fresh_us >= CALM_US;
}

/* --- publishing --- */

/* What was sent is acknowledged: a wave's marks wait for the settlement. */
static enum status finish(struct producer *p, struct turns *t, struct err *err)
{
    struct shipment sent = t->sent;
    t->sent = (struct shipment){0};
    if (sent.chunk.count == 0) {
        return STATUS_OK;
    }
    enum status rc = chunk_finish(p, &sent.chunk, err);
    if (rc == STATUS_OK && sent.wave != NULL) {
        settlement_add(&p->settlement, sent.wave->mark_ids, sent.wave->mark_count,
                       clock_monotonic_us());
        metric_add(p->m.marks, sent.wave->mark_count);
    }
    return rc == STATUS_OK ? round_settle_within(p, err) : rc;
}

static enum status send(struct producer *p,
                        struct turns *t,
                        const struct shipment *next,
                        struct stock_batch *batch,
                        struct err *err)
{
    enum status rc = finish(p, t, err);
    if (rc == STATUS_OK) {
        rc = chunk_submit(p, &next->chunk, batch, err);
    }
    t->sent = *next;
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
    if (!owner_knows_warehouses(p->owner, batch.warehouses, batch.warehouse_count)) {
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

/* The round's own ids are in the order of the reads, which is theirs. */
static bool is_known(const void *arg, int64_t id)
{
    const struct producer *p = arg;
    return settlement_covers(&p->settlement, id) ||
           bsearch(&id, p->cycle.mark_ids, p->cycle.mark_count, sizeof id, compare_ids) != NULL;
}

/* Marks that are new since the last read; a sweep finds those with lower ids too. */
static enum status read_marks(struct producer *p, bool sweep, struct err *err)
{
    int64_t back = sweep && p->newest_id > SWEEP_IDS ? SWEEP_IDS : 0;
    size_t room = WAVE_PRODUCTS - p->aside.count; /* all that are not held make one wave */
    int64_t last_id = 0;
    struct mark_skip skip = {.has = is_known, .arg = p, .count = SWEEP_IDS};
    enum status rc =
        marks_read(p->tail, p->newest_id - back, room < CHUNK_PRODUCTS ? room : CHUNK_PRODUCTS,
                   sweep ? &skip : NULL, &p->fresh, &last_id, err);
    if (rc == STATUS_OK && last_id > p->newest_id) {
        p->newest_id = last_id;
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

static enum status read_wave(
    struct producer *p, struct cycle *wave, bool sweep, struct stock_batch *batch, struct err *err)
{
    enum status rc = marks_snapshot_begin(p->tail, err);
    if (rc == STATUS_OK) {
        rc = read_marks(p, sweep, err);
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
    }
    return rc;
}

/* Whether to sweep now: what is on its way or set aside would be found once more. */
static enum status prepare_sweep(struct producer *p, struct turns *t, bool *sweep, struct err *err)
{
    int64_t now = clock_monotonic_us();
    *sweep = now >= t->sweep_us && p->aside.count == 0;
    if (*sweep) {
        t->sweep_us = now + SWEEP_US;
    }
    return *sweep ? finish(p, t, err) : STATUS_OK;
}

static enum status publish_wave(struct producer *p, struct turns *t, struct err *err)
{
    struct cycle *wave = &p->waves[t->waves % 2];
    struct stock_batch batch = {0};
    bool sweep = false;
    if (p->aside.count >= CHUNK_PRODUCTS && !slice_reader_is_idle(p->slices)) {
        return STATUS_OK; /* no room before the slice is published */
    }
    enum status rc = prepare_sweep(p, t, &sweep, err);
    if (rc == STATUS_OK) {
        rc = read_wave(p, wave, sweep, &batch, err);
    }
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
    start_slice(p, &t);
    while (rc == STATUS_OK && !slice_reader_is_idle(p->slices)) {
        rc = turn(p, &t, err);
    }
    slice_reader_drop(p->slices);
    return rc == STATUS_OK ? finish(p, &t, err) : rc;
}

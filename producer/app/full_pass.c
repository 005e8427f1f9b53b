#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/pg/pg_query.h"
#include "producer/app/producer_internal.h"

#define MOD "full_pass"

/* Products compared together: a fresh change waits for one slice. */
#define SLICE 200
/* The pass takes a fifth of the time at most. */
#define PAUSE_FACTOR 4

enum status full_pass_open(struct producer *p, struct err *err)
{
    if (p->conf->producer.full_pass_ms <= 0) {
        return published_forget(p->tail, err);
    }
    enum status rc = full_pass_read(p->tail, &p->pass, err);
    if (rc == STATUS_OK && full_pass_is_running(&p->pass)) {
        log_info(MOD, "resumed", LF_INT("count", p->pass.compared), LF_INT("of", p->pass.total));
    }
    return rc;
}

static enum status begin_if_due(struct producer *p, struct err *err)
{
    int64_t due_us = p->pass.started_us + p->conf->producer.full_pass_ms * 1000;
    if (p->pass.started_us > 0 && clock_wall_us() < due_us) {
        return STATUS_OK;
    }
    enum status rc = full_pass_begin(p->tail, err);
    if (rc == STATUS_OK) {
        rc = full_pass_read(p->tail, &p->pass, err);
    }
    if (rc == STATUS_OK) {
        log_info(MOD, "begun", LF_INT("of", p->pass.total));
    }
    return rc;
}

/* What the record of a product would say now; 0: it is gone. */
static int64_t digest_of(const struct stock_batch *batch, size_t *at, int32_t product_id)
{
    if (*at < batch->count && batch->list[*at].product_id == product_id) {
        return product_stock_digest(&batch->list[(*at)++]);
    }
    return 0;
}

/* Marks the products of the slice whose state is not what their last record says. */
static enum status compare(struct producer *p, struct full_pass_state *next, struct err *err)
{
    static const struct id_list none = {0};
    struct kit_table_changes changes;
    struct stock_batch batch = {0};
    struct id_list differing = {0};
    size_t at = 0;
    enum status rc =
        kit_table_update(p->state.kits, p->pass_ids.ids, p->pass_ids.count, &none, &changes, err);
    if (rc == STATUS_OK) {
        producer_log_kits(p, &changes);
        rc = stock_reader_read(p->state.stock, p->pass_ids.ids, p->pass_ids.count, &batch, err);
    }
    for (size_t i = 0; rc == STATUS_OK && i < p->pass_ids.count; i++) {
        if (digest_of(&batch, &at, p->pass_ids.ids[i]) != p->pass_digests.digests[i]) {
            id_list_add(&differing, p->pass_ids.ids[i]);
        }
    }
    if (rc == STATUS_OK && differing.count > 0) {
        rc = marks_insert(p->tail, differing.ids, differing.count, CAUSE_BACKFILL, err);
    }
    next->compared += (int64_t)p->pass_ids.count;
    next->republished += (int64_t)differing.count;
    id_list_release(&differing);
    return rc;
}

/* One slice in one transaction: what was compared, the marks and how far the pass is. */
static enum status
run_slice(struct producer *p, struct full_pass_state *next, bool *finished, struct err *err)
{
    enum status rc = marks_snapshot_begin(p->tail, err);
    if (rc == STATUS_OK) {
        rc = published_slice(p->tail, p->pass.last_product, SLICE, &p->pass_ids, &p->pass_digests,
                             &next->last_product, err);
    }
    if (rc == STATUS_OK && p->pass_ids.count > 0) {
        rc = compare(p, next, err);
    }
    *finished = next->last_product == INT32_MAX;
    if (rc == STATUS_OK) {
        rc = full_pass_note(p->tail, next, *finished, err);
    }
    if (rc == STATUS_OK) {
        rc = marks_snapshot_end(p->tail, err);
    }
    if (rc != STATUS_OK) {
        pg_rollback(p->tail);
    }
    return rc;
}

enum status full_pass_step(struct producer *p, struct err *err)
{
    int64_t begun = clock_monotonic_us();
    bool finished = false;
    if (p->conf->producer.full_pass_ms <= 0 || begun < p->pass_after_us) {
        return STATUS_OK;
    }
    if (!full_pass_is_running(&p->pass)) {
        return begin_if_due(p, err);
    }
    struct full_pass_state next = p->pass;
    enum status rc = run_slice(p, &next, &finished, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    metric_add(p->m.compared, (uint64_t)(next.compared - p->pass.compared));
    metric_add(p->m.republished, (uint64_t)(next.republished - p->pass.republished));
    p->pass = next;
    read_cursor_wake(
        &p->hint); /* the next slice, and marks of this one, do not wait for an idle poll */
    int64_t now = clock_monotonic_us();
    p->pass_after_us = now + (now - begun) * PAUSE_FACTOR;
    if (finished) {
        rc = full_pass_read(p->tail, &p->pass, err);
        log_info(MOD, "finished", LF_INT("count", next.compared),
                 LF_INT("republished", next.republished),
                 LF_INT("age_ms", (clock_wall_us() - next.started_us) / 1000));
    }
    return rc;
}

/*
 * Levels that cannot be written as they are: missing or inactive ones are activated, items that the
 * store does not track are tracked, each where an option of the store says so.
 *
 * Neither mutation is stored before it is sent: however often and late they are executed, they
 * overwrite no number (see shopify/levels.h), and a process that takes over reads the level first.
 */
#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/lane_internal.h"
#include "consumer/shopify/levels.h"

#define MOD "lane"

/* While other levels wait for their write, these must not take their points: a mutation for one
 * level costs more than one for 250. */
#define BUSY_PAUSE_US INT64_C(500000)
/* Read and cured so often before a level is parked. */
#define CURE_TRIES          3U
#define VARIABLES_MAX_BYTES ((size_t)4096)

/* --- what is to be done --- */

/* The level's item as the mapping has it. @return false: its text leads elsewhere by now */
static bool mapped_of(const struct lane *l, const struct level *p, struct mapped_item *item)
{
    const char *text = sku_claims_text(l->identity, p->desired.product_id);
    return text != NULL && sku_index_find(l->mapping, text, item) == SKU_INDEX_FOUND &&
           item->item == p->key.item;
}

bool lane_levels_is_untracked(const struct lane *l, const struct level *p)
{
    struct mapped_item item;
    return l->sc->track_items && mapped_of(l, p, &item) && !item.tracked;
}

bool lane_levels_cure(struct lane *l, struct level *p, const struct level_read *read)
{
    if (!read->item_found || p->tries >= CURE_TRIES) {
        return false;
    }
    if (!read->tracked && l->sc->track_items) {
        lane_put_back(l, p, LEVEL_UNTRACKED);
        return true;
    }
    if ((!read->connected || !read->active) && l->sc->activate_levels) {
        lane_put_back(l, p, LEVEL_MISSING);
        return true;
    }
    return false;
}

static size_t waiting(const struct lane *l)
{
    return coalescer_count(l->coalescer, LEVEL_UNTRACKED) +
           coalescer_count(l->coalescer, LEVEL_MISSING);
}

int64_t lane_levels_deadline_us(const struct lane *l)
{
    int64_t now = clock_monotonic_us();
    if (waiting(l) == 0 || !lane_may_write(l)) {
        return INT64_MAX;
    }
    bool busy = coalescer_count(l->coalescer, LEVEL_READY) > 0 ||
                coalescer_count(l->coalescer, LEVEL_UNREAD) > 0;
    int64_t allowed = budget_next_us(&l->budget, l->costs[OP_ITEM_TRACK], now);
    int64_t paced = busy ? l->cured_at_us + BUSY_PAUSE_US : 0;
    return allowed > paced ? allowed : paced;
}

/* --- sending --- */

static void build_track(struct request *r, struct strbuf *variables)
{
    r->op = OP_ITEM_TRACK;
    levels_track_variables(r->list[0].key.item, variables);
}

static void build_activate(const struct lane *l, struct request *r, struct strbuf *variables)
{
    char name[32];
    char key[37];
    (void)snprintf(name, sizeof name, "activate %s", l->store.quantity_name);
    inventory_key(l->store.name, name, r->list, 1, lane_new_generation(), key);
    r->op = OP_LEVEL_ACTIVATE;
    levels_activate_variables(l->store.quantity_name, key, r->list[0].key, r->list[0].quantity,
                              variables);
}

enum status lane_levels_send(struct lane *l, struct request *r, struct err *err)
{
    struct strbuf variables;
    enum status rc = lane_guard_pin(l, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    bool track = coalescer_count(l->coalescer, LEVEL_UNTRACKED) > 0;
    r->count = coalescer_take(l->coalescer, track ? LEVEL_UNTRACKED : LEVEL_MISSING, r->levels, 1);
    rc = lane_stop_shared(l, r->levels, &r->count, err);
    if (rc != STATUS_OK || r->count == 0) {
        return rc;
    }
    r->list[0] = lane_write_of(r->levels[0]);
    strbuf_init(&variables, VARIABLES_MAX_BYTES);
    if (track) {
        build_track(r, &variables);
    } else {
        build_activate(l, r, &variables);
    }
    r->variables = strbuf_take(&variables);
    strbuf_release(&variables);
    backoff_reset(&r->backoff);
    r->cost = l->costs[r->op];
    r->begun_us = l->cured_at_us = clock_monotonic_us();
    return lane_request_send(l, r, err);
}

/* --- answers --- */

/* Read again, at most CURE_TRIES times: the answer may be about a state that is past. */
static enum status look_again(struct lane *l,
                              struct request *r,
                              const struct answer *answer,
                              const char *reason,
                              const char *why,
                              struct err *err)
{
    struct level *p = r->levels[0];
    lane_request_end(r);
    if (++p->tries < CURE_TRIES) {
        lane_put_back(l, p, LEVEL_UNREAD);
        return STATUS_OK;
    }
    struct level_verdict verdict = {.level = p, .reason = reason};
    (void)snprintf(verdict.detail, sizeof verdict.detail, "%.199s", why);
    return lane_park_levels(l, &verdict, 1, answer->request_id, err);
}

static enum status
activated(struct lane *l, struct request *r, const struct answer *answer, struct err *err)
{
    struct level *p = r->levels[0];
    struct level_write write = r->list[0];
    int32_t holds = 0;
    if (answer->class != ANSWER_DONE) {
        return look_again(l, r, answer, "activate_refused", answer->err.msg, err);
    }
    if (levels_activate_answer(answer, l->store.quantity_name, &holds, err) != STATUS_OK) {
        return look_again(l, r, answer, "activate_refused", err->msg, err);
    }
    FAULT_POINT("lane.activated");
    metric_add(l->m.activated, 1);
    log_info(MOD, "level_activated", LF_TEXT("store", l->store.name),
             LF_INT("product", write.product_id), LF_INT("item", write.key.item),
             LF_INT("location", write.key.location), LF_INT("wanted", write.quantity),
             LF_INT("count", holds));
    lane_request_end(r);
    if (!p->memory.written && holds == write.quantity) {
        return lane_note_equal(l, &p, &write, 1, err);
    }
    /* One that was active before comes back with its old number. */
    p->tries++;
    lane_put_back(l, p, LEVEL_UNREAD);
    return STATUS_OK;
}

/* @param tracked  false: the store refused, which is remembered until the next reading */
static enum status
note_tracked(struct lane *l, const struct level *p, bool tracked, struct err *err)
{
    struct mapped_item item;
    const char *text = sku_claims_text(l->identity, p->desired.product_id);
    if (!mapped_of(l, p, &item)) {
        return STATUS_OK;
    }
    item.tracked = tracked;
    item.locked = !tracked;
    sku_index_add(l->mapping, text, &item);
    const struct state_item row = {
        .text = text, .item = item.item, .tracked = tracked, .bundle = item.bundle};
    return tracked ? state_items_store(l->state, &row, 1, err) : STATUS_OK;
}

static enum status park_locked(struct lane *l,
                               struct request *r,
                               const struct answer *answer,
                               const char *why,
                               struct err *err)
{
    struct level_verdict verdict = {.level = r->levels[0], .reason = "tracking_locked"};
    (void)snprintf(verdict.detail, sizeof verdict.detail,
                   "the store does not let it be tracked: %.150s", why);
    enum status rc = note_tracked(l, r->levels[0], false, err);
    lane_request_end(r);
    return rc == STATUS_OK ? lane_park_levels(l, &verdict, 1, answer->request_id, err) : rc;
}

static enum status
track_answered(struct lane *l, struct request *r, const struct answer *answer, struct err *err)
{
    struct err why = answer->err;
    struct level *p = r->levels[0];
    enum status rc =
        answer->class == ANSWER_DONE ? levels_track_answer(answer, &why) : STATUS_ENTRY_REFUSED;
    if (rc == STATUS_ENTRY_REFUSED) {
        return park_locked(l, r, answer, why.msg, err);
    }
    if (rc != STATUS_OK) {
        return look_again(l, r, answer, "tracking_locked", why.msg, err);
    }
    metric_add(l->m.tracked, 1);
    log_info(MOD, "item_tracked", LF_TEXT("store", l->store.name),
             LF_INT("product", p->desired.product_id), LF_INT("item", p->key.item));
    lane_request_end(r);
    rc = note_tracked(l, p, true, err);
    lane_put_back(l, p, LEVEL_UNREAD);
    return rc;
}

enum status lane_levels_answered(struct lane *l,
                                 struct request *r,
                                 const struct answer *answer,
                                 struct err *err)
{
    return r->op == OP_LEVEL_ACTIVATE ? activated(l, r, answer, err)
                                      : track_answered(l, r, answer, err);
}

#include "consumer/lane/level_setup.h"

#include <stdio.h>

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "consumer/lane/resolve.h"
#include "consumer/shopify/levels.h"

#define MOD "lane"

/* While other levels wait for their write, these must not take their points: a mutation for one
 * level costs more than one for 250. */
#define BUSY_PAUSE_US INT64_C(500000)
/* A level is read and set up this many times before it is parked. */
#define SETUP_TRIES 3U
/* A read that was under way when an item was tracked is answered within this time. */
#define TRACKED_LATELY_US   INT64_C(60000000)
#define VARIABLES_MAX_BYTES ((size_t)4096)

/* --- reads --- */

bool level_setup_needs(const struct lane_context *c,
                       struct level *level,
                       const struct level_read *read,
                       struct outcomes *out)
{
    const struct store_conf *conf = c->options->store_conf;
    if (!read->item_found || level->tries >= SETUP_TRIES) {
        return false;
    }
    if (!read->tracked && conf->track_items) {
        outcomes_retry(out, level, LEVEL_UNTRACKED);
        return true;
    }
    if ((!read->connected || !read->active) && conf->activate_levels) {
        outcomes_retry(out, level, LEVEL_MISSING);
        return true;
    }
    return false;
}

bool level_setup_park_unwritable(struct level *level,
                                 const struct level_read *read,
                                 const struct answer *answer,
                                 struct outcomes *out)
{
    struct outcome *parked = NULL;
    long long item = (long long)read->key.item;
    long long location = (long long)read->key.location;
    if (!read->item_found) {
        parked = outcomes_park(out, level, "item_missing",
                               "inventory item %lld does not exist any more", item);
        parked->item = ITEM_IS_GONE;
    } else if (!read->connected) {
        parked = outcomes_park(out, level, "level_missing",
                               "item %lld is not stocked at location %lld: activate it there", item,
                               location);
    } else if (!read->active) {
        parked = outcomes_park(out, level, "level_inactive",
                               "item %lld is deactivated at location %lld: activate it there", item,
                               location);
    } else {
        return false;
    }
    parked->request_id = answer->request_id;
    return true;
}

/* --- sending --- */

int64_t level_setup_deadline_us(const struct level_setup *s)
{
    const struct coalescer *levels = s->c->coalescer;
    size_t waiting =
        coalescer_count(levels, LEVEL_UNTRACKED) + coalescer_count(levels, LEVEL_MISSING);
    if (waiting == 0 || !s->requests->may_mutate) {
        return INT64_MAX;
    }
    bool busy =
        coalescer_count(levels, LEVEL_READY) > 0 || coalescer_count(levels, LEVEL_UNREAD) > 0;
    int64_t allowed = budget_next_us(&s->requests->budget, s->requests->costs[OP_ITEM_TRACK],
                                     clock_monotonic_us());
    int64_t paced = busy ? s->sent_us + BUSY_PAUSE_US : 0;
    return allowed > paced ? allowed : paced;
}

static void append_activate(const struct lane_context *c,
                            const struct level_write *write,
                            struct strbuf *variables)
{
    char name[32];
    char key[37];
    (void)snprintf(name, sizeof name, "activate %s", c->store->quantity_name);
    inventory_key(c->store->name, name, write, 1, requests_new_generation(), key);
    levels_activate_variables(c->store->quantity_name, key, write->key, write->quantity, variables);
}

/* The request that has yet to say whether the item is tracked; NULL: none. */
static struct request *tracking_of(const struct level_setup *s, int64_t item)
{
    for (size_t i = 0; i < s->requests->count; i++) {
        struct request *r = &s->requests->slots[i];
        if (r->phase != REQUEST_FREE && r->op == OP_ITEM_TRACK && r->list[0].key.item == item) {
            return r;
        }
    }
    return NULL;
}

static void join(const struct lane_context *c, struct request *r, struct level *level)
{
    r->levels[r->count] = level;
    r->list[r->count++] = outcomes_write_of(c, level);
}

/* Its tracking was switched on a moment ago: what was read before is out of date. */
static bool was_tracked_lately(const struct level_setup *s, const struct level *level)
{
    struct mapped_item item;
    size_t count = s->item_count < LEVEL_SETUP_ITEMS ? s->item_count : LEVEL_SETUP_ITEMS;
    bool asked = false;
    for (size_t i = 0; i < count; i++) {
        asked = asked || s->items[i] == level->key.item;
    }
    return asked && clock_monotonic_us() - s->sent_us < TRACKED_LATELY_US &&
           resolve_item_of(s->c, level, &item) && item.tracked;
}

/* @return false: the level needs no separate request */
static bool begin_tracking(struct level_setup *s, struct request *r, struct outcomes *out)
{
    struct level *level = r->levels[0];
    struct request *other = tracking_of(s, level->key.item);
    r->count = 0;
    if (other != NULL && other->count < INVENTORY_MAX_ENTRIES) {
        join(s->c, other, level);
        return false;
    }
    if (was_tracked_lately(s, level)) {
        outcomes_retry(out, level, LEVEL_UNREAD)->tried = true;
        return false;
    }
    s->items[s->item_count++ % LEVEL_SETUP_ITEMS] = level->key.item;
    return true;
}

enum status
level_setup_send(struct level_setup *s, struct request *r, struct outcomes *out, struct err *err)
{
    const struct lane_context *c = s->c;
    struct strbuf variables;
    bool track = coalescer_count(c->coalescer, LEVEL_UNTRACKED) > 0;
    r->count = coalescer_take(c->coalescer, track ? LEVEL_UNTRACKED : LEVEL_MISSING, r->levels, 1);
    resolve_drop_unwanted(c, r->levels, &r->count, out);
    if (r->count == 0 || (track && !begin_tracking(s, r, out))) {
        return STATUS_OK;
    }
    r->count = 0;
    join(c, r, r->levels[0]);
    strbuf_init(&variables, VARIABLES_MAX_BYTES);
    if (track) {
        levels_track_variables(r->list[0].key.item, &variables);
    } else {
        append_activate(c, &r->list[0], &variables);
    }
    s->sent_us = clock_monotonic_us();
    enum operation op = track ? OP_ITEM_TRACK : OP_LEVEL_ACTIVATE;
    enum status rc = requests_send(s->requests, r, op, strbuf_take(&variables), err);
    strbuf_release(&variables);
    return rc;
}

/* --- answers --- */

/* Read again, at most SETUP_TRIES times: the answer may describe a state that is past. */
static void look_again(struct level *level,
                       const struct answer *answer,
                       const char *reason,
                       const char *why,
                       struct outcomes *out)
{
    if (level->tries + 1 < SETUP_TRIES) {
        outcomes_retry(out, level, LEVEL_UNREAD)->tried = true;
        return;
    }
    struct outcome *parked = outcomes_park(out, level, reason, "%.199s", why);
    parked->tried = true;
    parked->request_id = answer->request_id;
}

static void judge_activated(const struct lane_context *c,
                            const struct request *r,
                            const struct answer *answer,
                            struct outcomes *out)
{
    struct level *level = r->levels[0];
    const struct level_write *write = &r->list[0];
    struct err why = answer->err;
    int32_t holds = 0;
    if (answer->class != ANSWER_DONE ||
        levels_activate_answer(answer, c->store->quantity_name, &holds, &why) != STATUS_OK) {
        look_again(level, answer, "activate_refused", why.msg, out);
        return;
    }
    FAULT_POINT("lane.activated");
    log_info(MOD, "level_activated", LF_TEXT("store", c->store->name),
             LF_INT("product", write->product_id), LF_INT("item", write->key.item),
             LF_INT("location", write->key.location), LF_INT("desired", write->quantity),
             LF_INT("count", holds));
    struct outcome *one = NULL;
    if (!level->memory.written && holds == write->quantity) {
        one = outcomes_add(out, level, END_CONFIRMED);
        one->write = *write;
    } else { /* one that was active before comes back with its old number */
        one = outcomes_retry(out, level, LEVEL_UNREAD);
        one->tried = true;
    }
    one->counted = c->metrics->level.activated;
}

/* A read finds out whether the item that is missing is really gone. */
static void
judge_tracked_level(struct level *level, const struct answer *answer, struct outcomes *out)
{
    struct err why = answer->err;
    enum status rc =
        answer->class == ANSWER_DONE ? levels_track_answer(answer, &why) : STATUS_ENTRY_REFUSED;
    if (rc == STATUS_ENTRY_REFUSED && !answer->item_missing) {
        struct outcome *parked = outcomes_park(
            out, level, "tracking_locked", "the store does not let it be tracked: %.150s", why.msg);
        parked->item = ITEM_IS_LOCKED;
        parked->request_id = answer->request_id;
        return;
    }
    if (rc != STATUS_OK) {
        look_again(level, answer, "tracking_locked", why.msg, out);
        return;
    }
    outcomes_retry(out, level, LEVEL_UNREAD)->item = ITEM_IS_TRACKED;
}

static void judge_tracked(const struct lane_context *c,
                          const struct request *r,
                          const struct answer *answer,
                          struct outcomes *out)
{
    for (size_t i = 0; i < r->count; i++) {
        judge_tracked_level(r->levels[i], answer, out);
    }
    const struct outcome *last = &out->list[out->count - 1];
    if (last->item == ITEM_IS_TRACKED) {
        metric_add(c->metrics->level.tracked, 1);
        log_info(MOD, "item_tracked", LF_TEXT("store", c->store->name),
                 LF_INT("product", r->list[0].product_id), LF_INT("item", r->list[0].key.item));
    }
}

void level_setup_judge(const struct lane_context *c,
                       const struct request *r,
                       const struct answer *answer,
                       struct outcomes *out)
{
    if (r->op == OP_LEVEL_ACTIVATE) {
        judge_activated(c, r, answer, out);
    } else {
        judge_tracked(c, r, answer, out);
    }
}

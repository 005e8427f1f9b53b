/*
 * A SKU went from one inventory item to another, to several or to none. What was written to the old
 * item, and what waits to be, is the product's and not the item's: the item may carry another
 * product's SKU by now. Nothing is lost meanwhile: it stands as a parked row until the product's
 * number has reached the item that carries its SKU.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/app/lane_internal.h"

#define MOD "lane"

/* --- the list --- */

void lost_list_add(struct lost_list *lost, int64_t item, const char *text)
{
    const struct lost_item one = {.item = item, .text = mem_strdup(text)};
    MEM_ADD(lost, list, count, room, &one);
}

void lost_list_release(struct lost_list *lost)
{
    for (size_t i = 0; i < lost->count; i++) {
        mem_free(lost->list[i].text);
    }
    mem_free(lost->list);
    *lost = (struct lost_list){0};
}

static void describe(char *detail, size_t size, int64_t item, const char *text)
{
    (void)snprintf(detail, size,
                   "inventory item %lld carries '%.80s' no more, or not alone: waits for the one "
                   "that does",
                   (long long)item, text);
}

/* --- what was written --- */

enum status lane_moves_orphan(struct lane *l, const struct lost_list *lost, struct err *err)
{
    if (lost->count == 0) {
        return STATUS_OK;
    }
    struct state_orphan *list = mem_calloc(lost->count, sizeof *list);
    for (size_t i = 0; i < lost->count; i++) {
        list[i].item = lost->list[i].item;
        describe(list[i].detail, sizeof list[i].detail, lost->list[i].item, lost->list[i].text);
    }
    enum status rc = state_levels_orphan(l->state, list, lost->count, err);
    mem_free(list);
    if (rc == STATUS_OK) {
        log_warn(MOD, "items_changed", LF_TEXT("store", l->store.name),
                 LF_INT("count", lost->count), LF_TEXT("sku", lost->list[0].text),
                 LF_INT("item", lost->list[0].item),
                 LF_MSG("in the store these SKUs left their inventory item"));
    }
    return rc;
}

/* --- what waits --- */

struct lost_search {
    const struct lane *lane;
    int64_t *items; /* ascending */
    size_t count;
};

static int compare_items(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* The item that carries a product's text now; 0: none, several, or the product claims it not, or
 * not alone: it is not sold any more, or shares its SKU in Odoo. */
static int64_t item_of(const struct lane *l, int32_t product_id, const char **text)
{
    struct mapped_item item;
    int32_t owner = 0;
    *text = identity_text(l->identity, product_id);
    if (*text == NULL || identity_claims(l->identity, *text) != 1) {
        return 0;
    }
    (void)identity_claimants(l->identity, *text, &owner, 1);
    bool found = owner == product_id && mapping_find(l->mapping, *text, &item) == MAPPING_FOUND &&
                 !item.bundle;
    return found ? item.item : 0;
}

static bool is_lost(void *arg, const struct pair *pair)
{
    const struct lost_search *search = arg;
    const char *text = NULL;
    return bsearch(&pair->key.item, search->items, search->count, sizeof *search->items,
                   compare_items) != NULL &&
           item_of(search->lane, pair->want.product_id, &text) != pair->key.item;
}

static enum status
park_lost(struct lane *l, struct pair *const *pairs, size_t count, struct err *err)
{
    struct state_parked *rows = mem_calloc(count, sizeof *rows);
    char(*details)[200] = mem_calloc(count, sizeof *details);
    for (size_t i = 0; i < count; i++) {
        const struct pair *p = pairs[i];
        const char *text = identity_text(l->identity, p->want.product_id);
        describe(details[i], sizeof details[i], p->key.item, text != NULL ? text : "?");
        rows[i] = (struct state_parked){.product_id = p->want.product_id,
                                        .key = p->key,
                                        .partition = -1,
                                        .offset = -1,
                                        .revision = p->want.revision,
                                        .quantity = p->want.quantity,
                                        .reason = "item_changed",
                                        .detail = details[i]};
        state_subject_level(rows[i].subject, p->key);
    }
    enum status rc = state_park(l->state, rows, count, err);
    mem_free(details);
    mem_free(rows);
    return rc;
}

/* Parked as they are; lane_moves_retry then offers those that have an item. */
enum status lane_moves_pending(struct lane *l, const struct lost_list *lost, struct err *err)
{
    struct lost_search search = {.lane = l, .count = lost->count};
    struct pair **pairs = NULL;
    if (lost->count == 0) {
        return STATUS_OK;
    }
    search.items = mem_calloc(lost->count, sizeof *search.items);
    for (size_t i = 0; i < lost->count; i++) {
        search.items[i] = lost->list[i].item;
    }
    qsort(search.items, search.count, sizeof *search.items, compare_items);
    size_t count = coalescer_pull(l->coalescer, is_lost, &search, &pairs);
    mem_free(search.items);
    enum status rc = count > 0 ? park_lost(l, pairs, count, err) : STATUS_OK;
    for (size_t i = 0; i < count && rc == STATUS_OK; i++) {
        coalescer_finish(l->coalescer, pairs[i], NULL);
    }
    mem_free(pairs);
    return rc;
}

/* --- trying again --- */

struct move {
    struct level_key key;
    struct want want;
};

struct move_list {
    struct lane *lane;
    struct move *list;
    size_t count, room;
};

static bool has_location(const struct lane *l, int64_t location)
{
    for (size_t i = 0; i < l->rules.location_count; i++) {
        if (l->rules.locations[i].location == location) {
            return true;
        }
    }
    return false;
}

/* Whether a level with the item that it always had is worth another try. */
static bool is_cured(const struct lane *l, const char *reason)
{
    static const char *const LEVELS[] = {"level_missing", "level_inactive", "activate_refused"};
    bool level = false;
    for (size_t i = 0; i < sizeof LEVELS / sizeof LEVELS[0]; i++) {
        level = level || strcmp(reason, LEVELS[i]) == 0;
    }
    return strcmp(reason, "item_changed") == 0 || strcmp(reason, "item_missing") == 0 ||
           (level && l->sc->activate) || (strcmp(reason, "tracking_locked") == 0 && l->sc->track);
}

static void collect(void *arg, const struct state_parked *row)
{
    struct move_list *moves = arg;
    struct lane *l = moves->lane;
    const char *text = NULL;
    if (row->key.item == 0 || !has_location(l, row->key.location)) {
        return;
    }
    int64_t item = item_of(l, row->product_id, &text);
    if (item == 0) {
        struct mapped_item ignored;
        if (text != NULL && mapping_find(l->mapping, text, &ignored) == MAPPING_MISSING) {
            lane_search_want(l, text);
        }
        return;
    }
    if (item == row->key.item && !is_cured(l, row->reason)) {
        return;
    }
    const struct move move = {.key = {.item = item, .location = row->key.location},
                              .want = {.product_id = row->product_id,
                                       .quantity = row->quantity,
                                       .revision = row->revision,
                                       .changed_at_us = clock_wall_us(),
                                       .at = {.partition = -1}}};
    MEM_ADD(moves, list, count, room, &move);
}

enum status lane_moves_retry(struct lane *l, struct err *err)
{
    static const char *const REASONS[] = {
        "item_changed",   "item_missing",     "refused",         "stale", "level_missing",
        "level_inactive", "activate_refused", "tracking_locked", NULL};
    struct move_list moves = {.lane = l};
    enum status rc = state_parked_each(l->state, REASONS, collect, &moves, err);
    if (rc == STATUS_OK && moves.count > 0) {
        /* Rare enough to ask anew: another process may know another text of a product by now. */
        moves.count = 0;
        rc = lane_load_identity(l, err);
        if (rc == STATUS_OK) {
            rc = state_parked_each(l->state, REASONS, collect, &moves, err);
        }
    }
    for (size_t i = 0; i < moves.count && rc == STATUS_OK; i++) {
        (void)coalescer_offer(l->coalescer, moves.list[i].key, &moves.list[i].want);
    }
    mem_free(moves.list);
    return rc;
}

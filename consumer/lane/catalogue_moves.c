#include "consumer/lane/catalogue_moves.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/streams.h"

#define MOD "lane"

#define DETAIL                                                                                     \
    "inventory item %lld does not carry '%.80s' any more, or not alone: waits for the "            \
    "item that does"

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

int64_t catalogue_moves_item_of(const struct lane_context *c, int32_t product_id)
{
    struct mapped_item item;
    const char *text = sku_claims_owned_text(c->claims, product_id);
    bool found =
        text != NULL && sku_index_find(c->index, text, &item) == SKU_INDEX_FOUND && !item.bundle;
    return found ? item.item : 0;
}

/* --- what was written --- */

enum status
catalogue_moves_orphan(const struct lane_context *c, const struct lost_list *lost, struct err *err)
{
    if (lost->count == 0) {
        return STATUS_OK;
    }
    struct state_orphan *list = mem_calloc(lost->count, sizeof *list);
    for (size_t i = 0; i < lost->count; i++) {
        list[i].item = lost->list[i].item;
        (void)snprintf(list[i].detail, sizeof list[i].detail, DETAIL, (long long)lost->list[i].item,
                       lost->list[i].text);
    }
    enum status rc = c->ports->state->levels.orphan(c->state, list, lost->count, err);
    mem_free(list);
    if (rc != STATUS_OK) {
        return rc;
    }
    log_warn(MOD, "items_changed", LF_TEXT("store", c->store->name), LF_INT("count", lost->count),
             LF_TEXT("sku", lost->list[0].text), LF_INT("item", lost->list[0].item),
             LF_MSG("in the store these SKUs left their inventory item"));
    return STATUS_OK;
}

/* --- what waits --- */

struct lost_search {
    const struct lane_context *c;
    int64_t *items; /* ascending */
    size_t count;
};

static int compare_items(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static bool is_lost(void *arg, const struct level *level)
{
    const struct lost_search *search = arg;
    return bsearch(&level->key.item, search->items, search->count, sizeof *search->items,
                   compare_items) != NULL &&
           catalogue_moves_item_of(search->c, level->desired.product_id) != level->key.item;
}

void catalogue_moves_park_pending(const struct lane_context *c,
                                  const struct lost_list *lost,
                                  struct outcomes *out)
{
    struct lost_search search = {.c = c, .count = lost->count};
    struct level **levels = NULL;
    if (lost->count == 0) {
        return;
    }
    search.items = mem_calloc(lost->count, sizeof *search.items);
    for (size_t i = 0; i < lost->count; i++) {
        search.items[i] = lost->list[i].item;
    }
    qsort(search.items, search.count, sizeof *search.items, compare_items);
    size_t count = coalescer_pull(c->coalescer, is_lost, &search, &levels);
    mem_free(search.items);
    for (size_t i = 0; i < count; i++) {
        const char *text = sku_claims_text(c->claims, levels[i]->desired.product_id);
        outcomes_park(out, levels[i], "item_changed", DETAIL, (long long)levels[i]->key.item,
                      text != NULL ? text : "?");
    }
    mem_free(levels);
}

/* --- what is remembered --- */

/*
 * The level is the product's, and its memory may stand elsewhere. When two products own one item,
 * each by another text, the newer number stays: see resolve_level.
 */
static bool
has_come(const struct lane_context *c, const struct level *level, const struct level_known *known)
{
    int32_t product_id = level->desired.product_id;
    if (known->found && known->product_id == product_id) {
        return false;
    }
    return catalogue_moves_item_of(c, product_id) == level->key.item &&
           !(known->found && catalogue_moves_item_of(c, known->product_id) == level->key.item);
}

static enum status follow(const struct lane_context *c,
                          struct level *const *levels,
                          size_t count,
                          const struct level_known *known,
                          bool *moved,
                          struct err *err)
{
    struct state_owner *list = mem_calloc(count, sizeof *list);
    size_t come = 0;
    for (size_t i = 0; i < count; i++) {
        if (has_come(c, levels[i], &known[i])) {
            list[come++] = (struct state_owner){.key = levels[i]->key,
                                                .product_id = levels[i]->desired.product_id};
        }
    }
    *moved = false;
    enum status rc =
        come > 0 ? c->ports->state->levels.follow(c->state, list, come, moved, err) : STATUS_OK;
    mem_free(list);
    return rc;
}

enum status catalogue_moves_read(const struct lane_context *c,
                                 struct level *const *levels,
                                 size_t count,
                                 struct level_key *keys,
                                 struct level_known *known,
                                 struct err *err)
{
    bool moved = false;
    for (size_t i = 0; i < count; i++) {
        keys[i] = levels[i]->key;
    }
    enum status rc = streams_read_levels(c, keys, count, known, err);
    if (rc == STATUS_OK) {
        rc = follow(c, levels, count, known, &moved, err);
    }
    return rc == STATUS_OK && moved ? streams_read_levels(c, keys, count, known, err) : rc;
}

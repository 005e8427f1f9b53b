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
#include "consumer/lane/lane_internal.h"

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
    *text = sku_claims_text(l->identity, product_id);
    if (*text == NULL || sku_claims_count_of(l->identity, *text) != 1) {
        return 0;
    }
    (void)sku_claims_claimants(l->identity, *text, &owner, 1);
    bool found = owner == product_id &&
                 sku_index_find(l->mapping, *text, &item) == SKU_INDEX_FOUND && !item.bundle;
    return found ? item.item : 0;
}

static bool is_lost(void *arg, const struct level *level)
{
    const struct lost_search *search = arg;
    const char *text = NULL;
    return bsearch(&level->key.item, search->items, search->count, sizeof *search->items,
                   compare_items) != NULL &&
           item_of(search->lane, level->desired.product_id, &text) != level->key.item;
}

static enum status
park_lost(struct lane *l, struct level *const *levels, size_t count, struct err *err)
{
    struct state_parked *rows = mem_calloc(count, sizeof *rows);
    char(*details)[200] = mem_calloc(count, sizeof *details);
    for (size_t i = 0; i < count; i++) {
        const char *text = sku_claims_text(l->identity, levels[i]->desired.product_id);
        describe(details[i], sizeof details[i], levels[i]->key.item, text != NULL ? text : "?");
        lane_describe_level(l, levels[i], &rows[i]);
        rows[i].reason = "item_changed";
        rows[i].detail = details[i];
    }
    enum status rc = lane_park(l, rows, count, err);
    mem_free(details);
    mem_free(rows);
    return rc;
}

/* Parked as they are; the retry that follows offers those that have an item. */
enum status lane_moves_pending(struct lane *l, const struct lost_list *lost, struct err *err)
{
    struct lost_search search = {.lane = l, .count = lost->count};
    struct level **levels = NULL;
    if (lost->count == 0) {
        return STATUS_OK;
    }
    search.items = mem_calloc(lost->count, sizeof *search.items);
    for (size_t i = 0; i < lost->count; i++) {
        search.items[i] = lost->list[i].item;
    }
    qsort(search.items, search.count, sizeof *search.items, compare_items);
    size_t count = coalescer_pull(l->coalescer, is_lost, &search, &levels);
    mem_free(search.items);
    enum status rc = count > 0 ? park_lost(l, levels, count, err) : STATUS_OK;
    for (size_t i = 0; i < count && rc == STATUS_OK; i++) {
        coalescer_finish(l->coalescer, levels[i], NULL);
    }
    mem_free(levels);
    return rc;
}

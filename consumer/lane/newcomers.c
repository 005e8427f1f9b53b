#include "consumer/lane/newcomers.h"

#include <stdio.h>

#include "common/core/mem.h"
#include "consumer/lane/parking.h"

/* Rows of one statement. */
#define PARK_MAX 1000

struct newcomer {
    int64_t known, item;
    const char *text; /* borrowed from the index */
    int32_t product_id;
};

struct newcomer_list {
    const struct lane_context *c;
    struct newcomer *list;
    size_t count, room;
};

static void add(void *arg, const char *text, int64_t known, int64_t item)
{
    struct newcomer_list *l = arg;
    struct newcomer one = {.known = known, .item = item, .text = text};
    if (sku_claims_claimants(l->c->claims, text, &one.product_id, 1) > 0) {
        MEM_ADD(l, list, count, room, &one);
    }
}

static void describe(const struct lane_context *c,
                     const char *text,
                     int64_t known,
                     int64_t item,
                     char *detail,
                     size_t size)
{
    (void)snprintf(detail, size,
                   "inventory item %lld has the %s '%.80s' as well: numbers still go to item %lld, "
                   "which had it before",
                   (long long)item, c->rules.match == MATCH_SKU ? "SKU" : "barcode", text,
                   (long long)known);
}

static enum status
park_some(const struct lane_context *c, const struct newcomer *list, size_t count, struct err *err)
{
    struct state_parked *rows = mem_calloc(count, sizeof *rows);
    char(*details)[240] = mem_calloc(count, sizeof *details);
    for (size_t i = 0; i < count; i++) {
        describe(c, list[i].text, list[i].known, list[i].item, details[i], sizeof details[i]);
        rows[i] = (struct state_parked){.product_id = list[i].product_id,
                                        .partition = -1,
                                        .offset = -1,
                                        .reason = PARKED_SHARED_IN_STORE,
                                        .detail = details[i]};
        state_subject_item(rows[i].subject, list[i].item);
    }
    enum status rc = parking_store(c, rows, count, err);
    mem_free(details);
    mem_free(rows);
    return rc;
}

enum status
newcomers_park(const struct lane_context *c, const struct sku_index *index, struct err *err)
{
    struct newcomer_list all = {.c = c};
    enum status rc = STATUS_OK;
    sku_index_each_newcomer(index, add, &all);
    for (size_t at = 0; at < all.count && rc == STATUS_OK; at += PARK_MAX) {
        size_t count = all.count - at < PARK_MAX ? all.count - at : PARK_MAX;
        rc = park_some(c, all.list + at, count, err);
    }
    mem_free(all.list);
    return rc;
}

struct item_search {
    int64_t item;
    bool found;
};

static void match_item(void *arg, const char *text, const struct mapped_item *item)
{
    struct item_search *search = arg;
    (void)text;
    search->found = search->found || item->item == search->item;
}

bool newcomers_has(
    const struct lane_context *c, int32_t product_id, int64_t item, char *detail, size_t size)
{
    struct item_search search = {.item = item};
    struct mapped_item known;
    const char *text = sku_claims_text(c->claims, product_id);
    int32_t claimant = 0;
    if (text == NULL || sku_claims_claimants(c->claims, text, &claimant, 1) == 0 ||
        sku_index_find(c->index, text, &known) != SKU_INDEX_FOUND || known.item == item) {
        return false;
    }
    sku_index_each_of(c->index, text, match_item, &search);
    if (search.found) {
        describe(c, text, known.item, item, detail, size);
    }
    return search.found;
}

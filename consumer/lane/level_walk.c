#include "consumer/lane/level_walk.h"

#include <stdlib.h>

#include "common/core/mem.h"

struct choice {
    struct level_walk *walk;
    bool (*fits)(void *arg, int32_t product_id);
    void *arg;
    int32_t after;
};

void level_walk_release(struct level_walk *w)
{
    mem_free(w->products);
    *w = (struct level_walk){0};
}

static void add(void *arg, int32_t product_id)
{
    const struct choice *choice = arg;
    struct mapped_item item;
    if (product_id > choice->after && choice->fits(choice->arg, product_id) &&
        level_walk_item(choice->walk->c, product_id, &item)) {
        MEM_ADD(choice->walk, products, count, room, &product_id);
    }
}

static int by_id(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

void level_walk_begin(struct level_walk *w,
                      const struct lane_context *c,
                      bool (*fits)(void *arg, int32_t product_id),
                      void *arg,
                      int32_t after)
{
    struct choice choice = {.walk = w, .fits = fits, .arg = arg, .after = after};
    level_walk_release(w);
    w->c = c;
    sku_claims_each_owner(c->claims, add, &choice);
    if (w->count > 1) {
        qsort(w->products, w->count, sizeof *w->products, by_id);
    }
}

bool level_walk_item(const struct lane_context *c, int32_t product_id, struct mapped_item *item)
{
    const char *text = sku_claims_owned_text(c->claims, product_id);
    return text != NULL && sku_index_find(c->index, text, item) == SKU_INDEX_FOUND && !item->bundle;
}

bool level_portion_has(const struct level_portion *portion, int64_t item)
{
    for (size_t i = 0; i < portion->count; i++) {
        if (portion->items[i] == item) {
            return true;
        }
    }
    return false;
}

/* The same products again at the next location: their items are found again, since the catalogue
 * may have changed. */
static void fill(struct level_walk *w, struct level_portion *portion)
{
    bool first = w->location == 0;
    size_t last = first ? w->count : w->end;
    size_t i = w->at;
    portion->count = 0;
    for (; i < last && portion->count < INVENTORY_MAX_ENTRIES; i++) {
        struct mapped_item item;
        if (level_walk_item(w->c, w->products[i], &item) &&
            !level_portion_has(portion, item.item)) { /* two SKUs may share an item */
            portion->items[portion->count] = item.item;
            portion->products[portion->count++] = w->products[i];
        }
    }
    w->end = first ? i : w->end;
    portion->location = w->c->rules.locations[w->location].location;
}

bool level_walk_next(struct level_walk *w, struct level_portion *portion)
{
    while (w->at < w->count) {
        fill(w, portion);
        if (++w->location == w->c->rules.location_count) {
            w->location = 0;
            w->at = w->end;
        }
        if (portion->count > 0) {
            return true;
        }
    }
    return false;
}

int32_t level_walk_passed(const struct level_walk *w)
{
    return w->at > 0 ? w->products[w->at - 1] : 0;
}

bool level_walk_has_ended(const struct level_walk *w)
{
    return w->at == w->count;
}

size_t level_walk_left(const struct level_walk *w)
{
    return w->count - w->at;
}

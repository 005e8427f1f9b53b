#include "producer/app/cycle.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"

/* By product, then by age: the first of each product is the earliest. */
static int compare(const void *left, const void *right)
{
    const struct mark *a = left;
    const struct mark *b = right;
    if (a->product_id != b->product_id) {
        return a->product_id < b->product_id ? -1 : 1;
    }
    if (a->date_added_us != b->date_added_us) {
        return a->date_added_us < b->date_added_us ? -1 : 1;
    }
    return (a->id > b->id) - (a->id < b->id);
}

static void reserve(struct cycle *c, size_t needed)
{
    if (needed > c->capacity) {
        c->capacity = mem_grow_capacity(c->capacity, needed);
        c->product_ids = mem_realloc(c->product_ids, c->capacity, sizeof *c->product_ids);
        c->products = mem_realloc(c->products, c->capacity, sizeof *c->products);
        c->mark_ids = mem_realloc(c->mark_ids, c->capacity, sizeof *c->mark_ids);
        c->sorted = mem_realloc(c->sorted, c->capacity, sizeof *c->sorted);
    }
}

void cycle_fold(struct cycle *cycle, const struct mark_list *marks)
{
    reserve(cycle, marks->count);
    cycle->count = 0;
    cycle->mark_count = marks->count;
    if (marks->count == 0) {
        return;
    }
    memcpy(cycle->sorted, marks->list, marks->count * sizeof *cycle->sorted);
    qsort(cycle->sorted, marks->count, sizeof *cycle->sorted, compare);
    for (size_t i = 0; i < marks->count; i++) {
        const struct mark *m = &cycle->sorted[i];
        cycle->mark_ids[i] = marks->list[i].id;
        if (cycle->count == 0 || cycle->product_ids[cycle->count - 1] != m->product_id) {
            cycle->product_ids[cycle->count] = m->product_id;
            cycle->products[cycle->count] =
                (struct cycle_product){.changed_at_us = m->date_added_us, .cause = m->cause};
            cycle->count++;
        }
    }
}

size_t cycle_index(const struct cycle *cycle, int32_t product_id)
{
    size_t low = 0;
    size_t high = cycle->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cycle->product_ids[middle] < product_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    INVARIANT(low < cycle->count && cycle->product_ids[low] == product_id,
              "product %d is not of this cycle", product_id);
    return low;
}

void cycle_release(struct cycle *cycle)
{
    mem_free(cycle->product_ids);
    mem_free(cycle->products);
    mem_free(cycle->mark_ids);
    mem_free(cycle->sorted);
    *cycle = (struct cycle){0};
}

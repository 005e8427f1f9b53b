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

static void reserve_products(struct cycle_products *p, size_t needed)
{
    if (needed > p->capacity) {
        p->capacity = mem_grow_capacity(p->capacity, needed);
        p->ids = mem_realloc(p->ids, p->capacity, sizeof *p->ids);
        p->list = mem_realloc(p->list, p->capacity, sizeof *p->list);
    }
}

static void take(struct cycle_products *p, int32_t product_id, struct cycle_product product)
{
    p->ids[p->count] = product_id;
    p->list[p->count] = product;
    p->count++;
}

void cycle_reset(struct cycle *cycle)
{
    cycle->products.count = 0;
    cycle->mark_count = 0;
}

static void add_mark_ids(struct cycle *cycle, const struct mark_list *marks)
{
    size_t needed = cycle->mark_count + marks->count;
    if (needed > cycle->mark_capacity) {
        cycle->mark_capacity = mem_grow_capacity(cycle->mark_capacity, needed);
        cycle->mark_ids =
            mem_realloc(cycle->mark_ids, cycle->mark_capacity, sizeof *cycle->mark_ids);
    }
    for (size_t i = 0; i < marks->count; i++) {
        cycle->mark_ids[cycle->mark_count++] = marks->list[i].id;
    }
}

static void sort_page(struct cycle *cycle, const struct mark_list *marks)
{
    if (marks->count > cycle->sorted_capacity) {
        cycle->sorted_capacity = mem_grow_capacity(cycle->sorted_capacity, marks->count);
        cycle->sorted = mem_realloc(cycle->sorted, cycle->sorted_capacity, sizeof *cycle->sorted);
    }
    memcpy(cycle->sorted, marks->list, marks->count * sizeof *cycle->sorted);
    qsort(cycle->sorted, marks->count, sizeof *cycle->sorted, compare);
}

static int weight(enum cause cause)
{
    if (cause == CAUSE_PARENT) {
        return 0;
    }
    return cause == CAUSE_BACKFILL ? 1 : 2;
}

bool cycle_may_wait(enum cause cause)
{
    return weight(cause) < 2;
}

/* Adds what another mark says. */
static void add_to(struct cycle_product *known, const struct cycle_product *more)
{
    int known_weight = weight(known->cause);
    int more_weight = weight(more->cause);
    if (more_weight > known_weight ||
        (more_weight == known_weight && more->cause_at_us < known->cause_at_us)) {
        known->cause = more->cause;
        known->cause_at_us = more->cause_at_us;
    }
    if (more->changed_at_us < known->changed_at_us) {
        known->changed_at_us = more->changed_at_us;
    }
    if (more->look > known->look) {
        known->look = more->look;
    }
}

/* The page's marks as products: scratch, by id, each once. */
static void fold_page(struct cycle *cycle, size_t marks)
{
    struct cycle_products *out = &cycle->page;
    reserve_products(out, marks);
    out->count = 0;
    for (size_t i = 0; i < marks; i++) {
        const struct mark *m = &cycle->sorted[i];
        struct cycle_product product = {.changed_at_us = m->date_added_us,
                                        .cause = m->cause,
                                        .cause_at_us = m->date_added_us,
                                        .look = m->look};
        if (out->count > 0 && out->ids[out->count - 1] == m->product_id) {
            add_to(&out->list[out->count - 1], &product);
        } else {
            take(out, m->product_id, product);
        }
    }
}

/* Merges the page's products into the round's. */
static void join(struct cycle *cycle, const struct cycle_products *list)
{
    const struct cycle_products *known = &cycle->products;
    struct cycle_products *out = &cycle->spare;
    size_t at = 0;
    reserve_products(out, known->count + list->count);
    out->count = 0;
    for (size_t i = 0; i < list->count; i++) {
        for (; at < known->count && known->ids[at] < list->ids[i]; at++) {
            take(out, known->ids[at], known->list[at]);
        }
        struct cycle_product product = list->list[i];
        if (at < known->count && known->ids[at] == list->ids[i]) {
            product = known->list[at++];
            add_to(&product, &list->list[i]);
        }
        take(out, list->ids[i], product);
    }
    for (; at < known->count; at++) {
        take(out, known->ids[at], known->list[at]);
    }
    struct cycle_products old = cycle->products;
    cycle->products = cycle->spare;
    cycle->spare = old;
}

void cycle_add(struct cycle *cycle, const struct mark_list *marks)
{
    if (marks->count > 0) {
        add_mark_ids(cycle, marks);
        sort_page(cycle, marks);
        fold_page(cycle, marks->count);
        join(cycle, &cycle->page);
    }
}

size_t cycle_index(const struct cycle *cycle, int32_t product_id)
{
    const struct cycle_products *p = &cycle->products;
    size_t low = 0;
    size_t high = p->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->ids[middle] < product_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    INVARIANT(low < p->count && p->ids[low] == product_id, "product %d is not of this round",
              product_id);
    return low;
}

void cycle_split(struct cycle *cycle, struct cycle_products *urgent, struct cycle_products *waiting)
{
    struct cycle_products all = cycle->products;
    cycle->products = *urgent;
    cycle->products.count = 0;
    waiting->count = 0;
    size_t kept = 0;
    for (size_t i = 0; i < all.count; i++) {
        if (cycle_may_wait(all.list[i].cause)) {
            reserve_products(waiting, waiting->count + 1);
            take(waiting, all.ids[i], all.list[i]);
        } else {
            all.ids[kept] = all.ids[i];
            all.list[kept++] = all.list[i];
        }
    }
    all.count = kept;
    *urgent = all;
    cycle_products_release(&cycle->spare); /* a long round's is large */
}

void cycle_copy(const struct cycle *cycle, struct cycle_products *list)
{
    const struct cycle_products *all = &cycle->products;
    reserve_products(list, all->count);
    list->count = 0;
    for (size_t i = 0; i < all->count; i++) {
        take(list, all->ids[i], all->list[i]);
    }
}

void cycle_products_release(struct cycle_products *products)
{
    mem_free(products->ids);
    mem_free(products->list);
    *products = (struct cycle_products){0};
}

void cycle_release(struct cycle *cycle)
{
    cycle_products_release(&cycle->products);
    cycle_products_release(&cycle->spare);
    cycle_products_release(&cycle->page);
    mem_free(cycle->mark_ids);
    mem_free(cycle->sorted);
    *cycle = (struct cycle){0};
}

#include "producer/app/batch.h"

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

static void reserve_products(struct batch_products *p, size_t needed)
{
    if (needed > p->capacity) {
        p->capacity = mem_grow_capacity(p->capacity, needed);
        p->ids = mem_realloc(p->ids, p->capacity, sizeof *p->ids);
        p->list = mem_realloc(p->list, p->capacity, sizeof *p->list);
    }
}

static void take(struct batch_products *p, int32_t product_id, struct batch_product product)
{
    p->ids[p->count] = product_id;
    p->list[p->count] = product;
    p->count++;
}

void batch_reset(struct batch *batch)
{
    batch->products.count = 0;
    batch->mark_count = 0;
}

static void add_mark_ids(struct batch *batch, const struct mark_list *marks)
{
    size_t needed = batch->mark_count + marks->count;
    if (needed > batch->mark_capacity) {
        batch->mark_capacity = mem_grow_capacity(batch->mark_capacity, needed);
        batch->mark_ids =
            mem_realloc(batch->mark_ids, batch->mark_capacity, sizeof *batch->mark_ids);
    }
    for (size_t i = 0; i < marks->count; i++) {
        batch->mark_ids[batch->mark_count++] = marks->list[i].id;
    }
}

static void sort_page(struct batch *batch, const struct mark_list *marks)
{
    if (marks->count > batch->sorted_capacity) {
        batch->sorted_capacity = mem_grow_capacity(batch->sorted_capacity, marks->count);
        batch->sorted = mem_realloc(batch->sorted, batch->sorted_capacity, sizeof *batch->sorted);
    }
    memcpy(batch->sorted, marks->list, marks->count * sizeof *batch->sorted);
    qsort(batch->sorted, marks->count, sizeof *batch->sorted, compare);
}

static int weight(enum cause cause)
{
    if (cause == CAUSE_PARENT) {
        return 0;
    }
    return cause == CAUSE_BACKFILL ? 1 : 2;
}

bool batch_may_defer(enum cause cause)
{
    return weight(cause) < 2;
}

/* Adds what another mark of the product says. */
static void add_to(struct batch_product *known, const struct batch_product *more)
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
static void fold_page(struct batch *batch, size_t marks)
{
    struct batch_products *out = &batch->page;
    reserve_products(out, marks);
    out->count = 0;
    for (size_t i = 0; i < marks; i++) {
        const struct mark *m = &batch->sorted[i];
        struct batch_product product = {.changed_at_us = m->date_added_us,
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

/* Merges the page's products into the batch's. */
static void join(struct batch *batch, const struct batch_products *list)
{
    const struct batch_products *known = &batch->products;
    struct batch_products *out = &batch->merged;
    size_t at = 0;
    reserve_products(out, known->count + list->count);
    out->count = 0;
    for (size_t i = 0; i < list->count; i++) {
        for (; at < known->count && known->ids[at] < list->ids[i]; at++) {
            take(out, known->ids[at], known->list[at]);
        }
        struct batch_product product = list->list[i];
        if (at < known->count && known->ids[at] == list->ids[i]) {
            product = known->list[at++];
            add_to(&product, &list->list[i]);
        }
        take(out, list->ids[i], product);
    }
    for (; at < known->count; at++) {
        take(out, known->ids[at], known->list[at]);
    }
    struct batch_products old = batch->products;
    batch->products = batch->merged;
    batch->merged = old;
}

void batch_add(struct batch *batch, const struct mark_list *marks)
{
    if (marks->count > 0) {
        add_mark_ids(batch, marks);
        sort_page(batch, marks);
        fold_page(batch, marks->count);
        join(batch, &batch->page);
    }
}

size_t batch_index(const struct batch *batch, int32_t product_id)
{
    const struct batch_products *p = &batch->products;
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

static int compare_ids(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

void batch_sort_marks(struct batch *batch)
{
    if (batch->mark_count > 0) {
        qsort(batch->mark_ids, batch->mark_count, sizeof batch->mark_ids[0], compare_ids);
    }
}

bool batch_has_mark(const struct batch *batch, int64_t id)
{
    return batch->mark_count > 0 &&
           bsearch(&id, batch->mark_ids, batch->mark_count, sizeof id, compare_ids) != NULL;
}

void batch_split(struct batch *batch,
                 struct batch_products *immediate,
                 struct batch_products *deferred)
{
    struct batch_products all = batch->products;
    batch->products = *immediate;
    batch->products.count = 0;
    deferred->count = 0;
    size_t kept = 0;
    for (size_t i = 0; i < all.count; i++) {
        if (batch_may_defer(all.list[i].cause)) {
            reserve_products(deferred, deferred->count + 1);
            take(deferred, all.ids[i], all.list[i]);
        } else {
            all.ids[kept] = all.ids[i];
            all.list[kept++] = all.list[i];
        }
    }
    all.count = kept;
    *immediate = all;
    batch_products_release(&batch->merged); /* that of a long batch is large */
}

void batch_copy(const struct batch *batch, struct batch_products *list)
{
    const struct batch_products *all = &batch->products;
    reserve_products(list, all->count);
    list->count = 0;
    for (size_t i = 0; i < all->count; i++) {
        take(list, all->ids[i], all->list[i]);
    }
}

void batch_products_release(struct batch_products *products)
{
    mem_free(products->ids);
    mem_free(products->list);
    *products = (struct batch_products){0};
}

void batch_release(struct batch *batch)
{
    batch_products_release(&batch->products);
    batch_products_release(&batch->merged);
    batch_products_release(&batch->page);
    mem_free(batch->mark_ids);
    mem_free(batch->sorted);
    *batch = (struct batch){0};
}

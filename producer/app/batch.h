/**
 * batch: the marks that one read found, folded to the products that they name. Pure. Keeps its
 * memory between batches.
 *
 * Calling sequence: batch_reset; batch_add for each page of marks; then products and mark_ids are
 * complete.
 */
#ifndef STOCKSYNC_PRODUCER_APP_BATCH_H
#define STOCKSYNC_PRODUCER_APP_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/model/product_stock.h"
#include "producer/odoo/marks.h"

/** What the marks of a batch say about one product. */
struct batch_product {
    int64_t changed_at_us; /* earliest mark */
    int64_t cause_at_us;   /* when the mark that gives the cause was added */
    enum cause cause;      /* of the weightiest mark, of several the earliest: batch_may_defer */
    enum mark_look look;   /* the farthest of all */
};

/** Products by id, ascending and distinct: two arrays with one index. */
struct batch_products {
    int32_t *ids;
    struct batch_product *list;
    size_t count;
    size_t capacity;
};

struct batch {
    struct batch_products products;
    int64_t *mark_ids; /* all of them, in the order of the reads, or sorted: batch_sort_marks */
    size_t mark_count;
    size_t mark_capacity;
    struct batch_products page;   /* scratch: one page's products */
    struct batch_products merged; /* scratch of a merge */
    struct mark *sorted;          /* scratch: one page */
    size_t sorted_capacity;
};

/** Empties, keeps the memory. */
void batch_reset(struct batch *batch);
/** Adds a page of marks. */
void batch_add(struct batch *batch, const struct mark_list *marks);
/**
 * True for the causes whose products may wait for others: a backfill, and lightest a parent. One of
 * them may be a thousand kits. A change of the product itself weighs most and does not wait. The
 * weight decides the record's cause too. Parents of a record with cause parent are not searched for
 * again, so such a mark must not hide another one.
 */
bool batch_may_defer(enum cause cause);
/**
 * Moves the products into immediate and deferred ones, both by id. The mark ids stay.
 * @param immediate, deferred  [out] replaced; batch_products_release
 */
void batch_split(struct batch *batch,
                 struct batch_products *immediate,
                 struct batch_products *deferred);
/** Copies all products into one list. @param list  [out] replaced */
void batch_copy(const struct batch *batch, struct batch_products *list);
/** Zero is fine. */
void batch_products_release(struct batch_products *products);
/** Index of a product of the batch by its id; the product must be one. */
size_t batch_index(const struct batch *batch, int32_t product_id);
/** Sorts the mark ids for batch_has_mark. */
void batch_sort_marks(struct batch *batch);
/** True when the mark is in the batch, whose marks are sorted. */
bool batch_has_mark(const struct batch *batch, int64_t id);
/** Zero is fine. */
void batch_release(struct batch *batch);

#endif

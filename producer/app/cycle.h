/**
 * cycle: the marks of one round of the tail, folded to the products they name. Pure; keeps its
 * memory between rounds.
 *
 * Calling sequence: cycle_reset; cycle_add for each page of marks; then product_ids, products and
 * mark_ids are complete.
 */
#ifndef STOCKSYNC_PRODUCER_APP_CYCLE_H
#define STOCKSYNC_PRODUCER_APP_CYCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/model/product_stock.h"
#include "producer/odoo/marks.h"

/** What the marks of a round say about one product. */
struct cycle_product {
    int64_t changed_at_us; /* earliest mark */
    int64_t cause_at_us;   /* when the one was added that gives the cause */
    enum cause cause;      /* of the weightiest mark, of several the earliest: see cycle_may_wait */
    enum mark_look look;   /* the farthest of all */
};

/** Products by id, ascending and distinct: two arrays with one index. */
struct cycle_products {
    int32_t *ids;
    struct cycle_product *list;
    size_t count;
    size_t capacity;
};

struct cycle {
    struct cycle_products products;
    int64_t *mark_ids; /* all of them, in the order of the reads */
    size_t mark_count;
    size_t mark_capacity;
    struct cycle_products page;  /* scratch: one page's products */
    struct cycle_products spare; /* scratch of a merge */
    struct mark *sorted;         /* scratch: one page */
    size_t sorted_capacity;
};

/** Empties, keeps the memory. */
void cycle_reset(struct cycle *cycle);
/** Adds a page of marks. */
void cycle_add(struct cycle *cycle, const struct mark_list *marks);
/**
 * May what came of this cause wait for others? A change of the product itself weighs most and does
 * not wait. A backfill, and last a parent, do: one of them may be a thousand kits. Weight decides
 * the record's cause too: parents of a record with cause parent are not looked for again, so such a
 * mark must not hide another one.
 */
bool cycle_may_wait(enum cause cause);
/**
 * Moves the products into those that may not wait and those that may; both by id. The cycle has
 * its mark ids left.
 * @param urgent, waiting  [out] replaced; cycle_products_release
 */
void cycle_split(struct cycle *cycle,
                 struct cycle_products *urgent,
                 struct cycle_products *waiting);
/** All products as one list. @param list  [out] replaced */
void cycle_copy(const struct cycle *cycle, struct cycle_products *list);
/** Zero is fine. */
void cycle_products_release(struct cycle_products *products);
/** Index of a product of the round, by its id; the product must be one. */
size_t cycle_index(const struct cycle *cycle, int32_t product_id);
/** Zero is fine. */
void cycle_release(struct cycle *cycle);

#endif

/**
 * cycle: the marks of one read, folded to the products they name. Pure; keeps its memory between
 * cycles.
 */
#ifndef STOCKSYNC_PRODUCER_APP_CYCLE_H
#define STOCKSYNC_PRODUCER_APP_CYCLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/model/product_stock.h"
#include "producer/odoo/marks.h"

/** What the marks of a cycle say about one product. */
struct cycle_product {
    int64_t changed_at_us; /* earliest mark */
    enum cause cause;      /* of that mark */
};

struct cycle {
    int32_t *product_ids;           /* ascending, distinct */
    struct cycle_product *products; /* by the same index */
    size_t count;
    int64_t *mark_ids; /* all of them, in the order of the read */
    size_t mark_count;
    struct mark *sorted; /* scratch */
    size_t capacity;
};

/** Replaces the content. */
void cycle_fold(struct cycle *cycle, const struct mark_list *marks);
/** Index of a product of the cycle, by its id; the product must be one. */
size_t cycle_index(const struct cycle *cycle, int32_t product_id);
/** Zero is fine. */
void cycle_release(struct cycle *cycle);

#endif

/**
 * newcomers: items that share a SKU with the item that had it before.
 *
 * The known item keeps its product's numbers. A newcomer is parked, one row each, so that a person
 * sees it; nothing is written to it. The row goes with the first retry after the newcomer has lost
 * the SKU, or no product has it any more.
 */
#ifndef STOCKSYNC_LANE_NEWCOMERS_H
#define STOCKSYNC_LANE_NEWCOMERS_H

#include "consumer/lane/context.h"

/** Parks every newcomer of index whose SKU a product has. */
NODISCARD enum status
newcomers_park(const struct lane_context *c, const struct sku_index *index, struct err *err);
/**
 * Whether a parked newcomer still is one.
 * @param item    of the row's subject
 * @param detail  [out] a sentence about it
 */
bool newcomers_has(
    const struct lane_context *c, int32_t product_id, int64_t item, char *detail, size_t size);

#endif

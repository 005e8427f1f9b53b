/**
 * catalogue_store: the stored rows of a store's catalogue, and what differs from them.
 */
#ifndef STOCKSYNC_LANE_CATALOGUE_STORE_H
#define STOCKSYNC_LANE_CATALOGUE_STORE_H

#include "consumer/lane/context.h"

/** Which shop and which of its texts the rows belong to. */
struct state_catalogue catalogue_store_key(const struct lane_context *c);
/** @param index  [out] the caller's; NULL on failure */
NODISCARD enum status
catalogue_store_load(const struct lane_context *c, struct sku_index **index, struct err *err);
/**
 * Stores a whole reading. Only differences are written: a handful a day of a million items.
 * @param old      what the rows hold
 * @param read_us  wall clock at which the reading began
 */
NODISCARD enum status catalogue_store_reading(const struct lane_context *c,
                                              const struct sku_index *old,
                                              const struct sku_index *fresh,
                                              int64_t read_us,
                                              struct err *err);

#endif

/**
 * rule_table: binds a store's options to what exists: locations in Shopify, warehouses in Odoo.
 */
#ifndef STOCKSYNC_CONSUMER_LANE_RULE_TABLE_H
#define STOCKSYNC_CONSUMER_LANE_RULE_TABLE_H

#include "consumer/lane/store_conf.h"
#include "consumer/plan/rules.h"
#include "consumer/shopify/catalog.h"
#include "consumer/state/state.h"

/**
 * Reads the warehouses from the state and resolves every location.X of the store.
 *
 * @param rules  [out] rule_table_release in any case
 * @return STATUS_OK
 *         STATUS_STORE_MISCONFIGURED  a location or warehouse that does not exist, a location
 * that is inactive, a fulfilment service's or not the only one of its name, a code that
 * several companies use, a location twice; err names it STATUS_SOURCE_BUSY          the producer
 * has not stored any warehouse yet pg_query's statuses
 */
NODISCARD enum status rule_table_build(const struct store_conf *store,
                                       struct state *state,
                                       const struct shop_location *locations,
                                       size_t location_count,
                                       struct store_rules *rules,
                                       struct err *err);
void rule_table_release(struct store_rules *rules);

#endif

/**
 * rule_table: binds a store's options to the locations in Shopify and the warehouses in Odoo. Pure.
 */
#ifndef STOCKSYNC_LANE_RULE_TABLE_H
#define STOCKSYNC_LANE_RULE_TABLE_H

#include "consumer/lane/store_conf.h"
#include "consumer/plan/rules.h"
#include "consumer/shopify/catalog.h"
#include "consumer/state/warehouse_store.h"

/** What exists. */
struct rule_facts {
    const struct shop_location *locations;
    size_t location_count;
    const struct state_warehouse *warehouses;
    size_t warehouse_count;
};

/**
 * Resolves every location.X of the store, and its company.
 * @param rules  [out] rule_table_release in any case
 * @return
 *     STATUS_OK
 *     STATUS_STORE_MISCONFIGURED  err names a location or warehouse that does not exist, a location
 *                                 that is inactive, of a fulfilment service, given twice or not the
 *                                 only one of its name, a code that several companies use, or a
 *                                 company that has no warehouse
 *     STATUS_SOURCE_BUSY          the producer has not stored any warehouse yet, or not with its
 *                                 company
 */
NODISCARD enum status rule_table_build(const struct store_conf *store,
                                       const struct rule_facts *facts,
                                       struct store_rules *rules,
                                       struct err *err);
void rule_table_release(struct store_rules *rules);

#endif

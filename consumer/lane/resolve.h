/**
 * resolve: which item a SKU stands for, and what a level needs next. No I/O: facts come in as
 * parameters, outcomes go out.
 */
#ifndef STOCKSYNC_LANE_RESOLVE_H
#define STOCKSYNC_LANE_RESOLVE_H

#include "consumer/lane/outcomes.h"

/**
 * The inventory item that a SKU or barcode stands for.
 * @param detail  [out] a sentence about the reason
 * @return the reason why there is none; NULL: found
 */
const char *resolve_item(const struct lane_context *c,
                         const char *text,
                         struct mapped_item *item,
                         char *detail,
                         size_t size);
/** "'SKU' belongs to several products in Odoo: 1, 2". */
void resolve_describe_claimants(const struct lane_context *c,
                                const char *text,
                                char *detail,
                                size_t size);
/** The level's item as the index has it. @return false: its SKU belongs to another item now */
bool resolve_item_of(const struct lane_context *c,
                     const struct level *level,
                     struct mapped_item *item);
/** A newer record of the level's product was planned and asks nothing of this item: the product is
 * archived, not enabled or deleted, or has another SKU. */
bool resolve_is_overtaken(const struct lane_context *c, const struct level *level);
/**
 * Takes levels out of the list that must not be written. Called wherever levels are taken, since
 * they may have waited for long.
 *
 *     overtaken             excluded
 *     product shares its SKU  parked: nothing is written for either product
 *
 * @param count  [in, out]
 */
void resolve_drop_unwanted(const struct lane_context *c,
                           struct level **levels,
                           size_t *count,
                           struct outcomes *out);
/**
 * What a level needs before its number counts: tracking, a read, or nothing, since a newer number
 * stands. Its memory is filled.
 * @return false: it may be written
 */
bool resolve_before_write(const struct lane_context *c,
                          struct level *level,
                          const struct level_known *known,
                          struct outcomes *out);
/** What a row of the state asks for, under the rules of now. It comes from no record. */
struct desired resolve_desired_of_row(const struct lane_context *c,
                                      int32_t product_id,
                                      double raw,
                                      int32_t quantity,
                                      int64_t revision);
/** Whether this process reads the product's partition, so that no other one writes its levels. */
bool resolve_is_ours(const struct lane_context *c, int32_t product_id);
/** Whether the store uses this location. */
bool resolve_uses_location(const struct lane_context *c, int64_t location);

#endif

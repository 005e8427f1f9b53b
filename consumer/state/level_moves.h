/**
 * level_moves: levels whose SKU went to another inventory item. A number belongs to its product.
 *
 * While the product has no item, its levels stay where they are. If another product gets the item,
 * they are kept aside. When the product has an item again, they move there with their unimported
 * sales.
 */
#ifndef STOCKSYNC_STATE_LEVEL_MOVES_H
#define STOCKSYNC_STATE_LEVEL_MOVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/plan/level_write.h"
#include "consumer/state/state.h"

/** An item that lost its text. */
struct state_orphan {
    int64_t item;
    char detail[200];
};

/** A level and the product that owns it now. */
struct state_owner {
    struct level_key key;
    int32_t product_id;
};

/**
 * Items lost their text. Each level written to them gets a parked row (reason "item_changed") with
 * the desired quantity. The levels themselves stay.
 */
NODISCARD enum status state_levels_orphan(struct state *s,
                                          const struct state_orphan *list,
                                          size_t count,
                                          struct err *err);
/**
 * Moves the numbers of these products to their levels, from wherever they stand: quantity
 * LEVEL_NOT_READ, unless they come back to where they were. A number of another product that is in
 * the way is kept for that product. A product that was never written changes nothing.
 * @param list   each (product, location) at most once
 * @param moved  [out] read the levels again
 */
NODISCARD enum status state_levels_follow(
    struct state *s, const struct state_owner *list, size_t count, bool *moved, struct err *err);

#endif

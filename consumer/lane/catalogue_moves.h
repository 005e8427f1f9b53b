/**
 * catalogue_moves: a SKU left its inventory item for another one, for several or for none.
 *
 * What was written to the old item, and what waits to be, belongs to the product and not to the
 * item: the item may carry another product's SKU by now. Nothing is lost meanwhile. A parked row
 * stands for it until the product's number has reached the item that carries its SKU. What is
 * remembered of the level, unimported sales above all, stays with the product and comes along.
 */
#ifndef STOCKSYNC_LANE_CATALOGUE_MOVES_H
#define STOCKSYNC_LANE_CATALOGUE_MOVES_H

#include "consumer/lane/outcomes.h"

/** An item whose text is, or may be, elsewhere. */
struct lost_item {
    int64_t item;
    char *text; /* owned */
};

/** Zero is empty. */
struct lost_list {
    struct lost_item *list;
    size_t count, room;
};

void lost_list_add(struct lost_list *lost, int64_t item, const char *text);
void lost_list_release(struct lost_list *lost);

/** The item that carries a product's text now. 0: none or several, or the product does not claim the
 * text alone (it is not sold any more, or shares its SKU in Odoo). */
NODISCARD int64_t catalogue_moves_item_of(const struct lane_context *c, int32_t product_id);

/** What was written to these items gets parked rows. */
NODISCARD enum status
catalogue_moves_orphan(const struct lane_context *c, const struct lost_list *lost, struct err *err);
/**
 * Pending levels of these items end as parked, unless their item carries the product's text. With
 * the new index in place. Levels in a request are left alone. The retry that follows offers those
 * that have an item.
 */
void catalogue_moves_park_pending(const struct lane_context *c,
                                  const struct lost_list *lost,
                                  struct outcomes *out);
/**
 * Reads what the state remembers of levels. The memory of a product that has come to its item moves
 * there first; that of another product makes room.
 * @param keys   room for count keys
 * @param known  [out] known[i] belongs to levels[i]
 */
NODISCARD enum status catalogue_moves_read(const struct lane_context *c,
                                           struct level *const *levels,
                                           size_t count,
                                           struct level_key *keys,
                                           struct level_known *known,
                                           struct err *err);

#endif

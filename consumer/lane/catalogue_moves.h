/**
 * catalogue_moves: a SKU left its inventory item for another one, for several or for none.
 *
 * What was written to the old item, and what waits to be, belongs to the product and not to the
 * item: the item may carry another product's SKU by now. Nothing is lost meanwhile. It stands as a
 * parked row until the product's number has reached the item that carries its SKU.
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

/** What was written to these items becomes parked rows. */
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

#endif

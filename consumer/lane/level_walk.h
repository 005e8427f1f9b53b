/**
 * level_walk: the levels of some products, in portions of one read each. No I/O.
 *
 * Products go in ascending order, and each portion's products are read at one location after the
 * other. Left out are products that share their SKU, that the store does not have, or that are
 * bundles.
 */
#ifndef STOCKSYNC_LANE_LEVEL_WALK_H
#define STOCKSYNC_LANE_LEVEL_WALK_H

#include "consumer/lane/requests.h"

/** Levels at one location that one read asks for. */
struct level_portion {
    int64_t location;
    int64_t items[INVENTORY_MAX_ENTRIES];
    int32_t products[INVENTORY_MAX_ENTRIES];
    size_t count;
};

bool level_portion_has(const struct level_portion *portion, int64_t item);

struct level_walk {
    const struct lane_context *c;
    int32_t *products; /* ascending; owned */
    size_t count, room;
    size_t at, end;  /* products of the portion under way */
    size_t location; /* of the rules: where it is read next */
};

/** Zero is an ended walk. */
void level_walk_release(struct level_walk *w);
/**
 * Begins at the first product after another, whatever walk was under way.
 * @param fits   whether a product belongs to the walk
 * @param after  only products with a greater id
 */
void level_walk_begin(struct level_walk *w,
                      const struct lane_context *c,
                      bool (*fits)(void *arg, int32_t product_id),
                      void *arg,
                      int32_t after);
/** Takes the next portion. @return false: the walk has ended */
bool level_walk_next(struct level_walk *w, struct level_portion *portion);
/** All products up to this one were taken at every location; 0: none. */
int32_t level_walk_passed(const struct level_walk *w);
bool level_walk_has_ended(const struct level_walk *w);
/** Products that are not taken yet, with those of the portion under way. */
size_t level_walk_left(const struct level_walk *w);
/** The item that the product's levels belong to. @return false: it is left out */
bool level_walk_item(const struct lane_context *c, int32_t product_id, struct mapped_item *item);

#endif

/**
 * leftover_store: levels that hold the last number of a product which the store does not sell any
 * more. See state.h for statuses.
 */
#ifndef STOCKSYNC_STATE_LEFTOVER_STORE_H
#define STOCKSYNC_STATE_LEFTOVER_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "consumer/plan/level_write.h"
#include "consumer/state/state.h"

/** Texts are borrowed. */
struct state_leftover {
    int32_t product_id;
    int32_t quantity; /* more than 0 */
    const char *text; /* its SKU or barcode; NULL: none */
    struct level_key key;
    int64_t revision; /* of the record that excluded the product */
    bool parked;
};

/** Calls each for every such level, in order of products. */
NODISCARD enum status state_leftovers(struct state *s,
                                      void (*each)(void *arg, const struct state_leftover *level),
                                      void *arg,
                                      struct err *err);

#endif

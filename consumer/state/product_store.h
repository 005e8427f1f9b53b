/**
 * product_store: how the store knows each product. Durable form of plan/sku_claims.
 */
#ifndef STOCKSYNC_STATE_PRODUCT_STORE_H
#define STOCKSYNC_STATE_PRODUCT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/state/state.h"

struct state_product {
    int32_t product_id;
    bool sellable;
    const char *text; /* SKU or barcode; NULL: none; when loaded, valid in the callback only */
    int64_t revision;
};

/** Calls each for every product. */
NODISCARD enum status state_products_load(struct state *s,
                                          void (*each)(void *arg,
                                                       const struct state_product *product),
                                          void *arg,
                                          struct err *err);
/* Names of products, as an operator gives them. */
struct state_names {
    const char *const *texts; /* SKU or barcode */
    size_t text_count;
    const int32_t *ids;
    size_t id_count;
};

/** One product that a name stands for. */
struct state_named {
    int32_t product_id;
    int32_t text; /* place of its name in texts; -1: it was named by its id */
    int32_t id;   /* place in ids; -1: it was named by its text */
};

/**
 * Calls each for every product that a name stands for, by ascending id. A name without a call is
 * not known.
 * @param store  whose products; NULL: of any store
 */
NODISCARD enum status state_products_find(struct state *s,
                                          const char *store,
                                          const struct state_names *names,
                                          void (*each)(void *arg, const struct state_named *named),
                                          void *arg,
                                          struct err *err);
/** Upserts, and never lowers a revision. */
NODISCARD enum status state_products_note(struct state *s,
                                          const struct state_product *list,
                                          size_t count,
                                          struct err *err);
/** Calls each for every product that another process of the store noted within these seconds. */
NODISCARD enum status state_products_noted(struct state *s,
                                           int32_t seconds,
                                           void (*each)(void *arg,
                                                        const struct state_product *product),
                                           void *arg,
                                           struct err *err);

#endif

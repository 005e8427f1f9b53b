/**
 * cmd_products: the products that --product ID and --sku TEXT name on a command line; both may
 * repeat.
 *
 * A SKU is the text under which a store knows a product: its barcode where `match = barcode`. All
 * products with a SKU are meant; several are named on standard error.
 */
#ifndef STOCKSYNC_CONSUMER_APP_CMD_PRODUCTS_H
#define STOCKSYNC_CONSUMER_APP_CMD_PRODUCTS_H

#include "common/core/cli.h"
#include "consumer/state/product_store.h"

struct product_names {
    const char *skus[CLI_MAX_VALUES]; /* borrowed */
    size_t sku_count;
    int32_t ids[CLI_MAX_VALUES];
    size_t id_count;
};

/** Distinct, ascending. Zero-initialise. */
struct product_ids {
    int32_t *list;
    size_t count, capacity;
};

/** @return STATUS_OK, also without names; STATUS_USAGE: no product id */
NODISCARD enum status
cmd_products_read(const struct cli_call *call, struct product_names *names, struct err *err);
bool cmd_products_any(const struct product_names *names);
/** The names by SKU alone. */
struct product_names cmd_products_skus(const struct product_names *names);
/**
 * Finds the products in the state.
 *
 * @param store  only what this store knows; NULL: any store
 * @param ids    [out] product_ids_release in any case
 * @return STATUS_OK
 *         STATUS_USAGE  a name is unknown: err names it and the next step
 *         pg_query's
 */
NODISCARD enum status cmd_products_find(const struct product_names *names,
                                        struct state *state,
                                        const char *store,
                                        struct product_ids *ids,
                                        struct err *err);
/** The same, but leaves out unknown names, and names nothing. */
NODISCARD enum status cmd_products_find_known(const struct product_names *names,
                                              struct state *state,
                                              const char *store,
                                              struct product_ids *ids,
                                              struct err *err);
void product_ids_add(struct product_ids *ids, int32_t product_id);
void product_ids_release(struct product_ids *ids);

#endif

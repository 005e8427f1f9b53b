/**
 * catalog: reads everything that is needed before the first write: access, locations and the
 * catalogue of SKUs. Blocking, bounded, stoppable.
 */
#ifndef STOCKSYNC_SHOPIFY_CATALOG_H
#define STOCKSYNC_SHOPIFY_CATALOG_H

#include "consumer/plan/rules.h"
#include "consumer/plan/sku_index.h"
#include "consumer/shopify/graphql.h"

struct shop_location {
    int64_t id;
    char *name;
    bool active;
    bool fulfilment_service;
};

/**
 * Checks the token, its scopes, the API version and the shop's domain. A domain that differs is
 * accepted when api_url is set.
 * @return STATUS_OK; STATUS_AUTH; transient statuses;
 *         STATUS_STORE_MISCONFIGURED: scopes are missing (err lists them), the version is not
 *         supported or another one was served, or the token belongs to another shop
 */
NODISCARD enum status
catalog_check_access(struct graphql *g, const struct store *store, int stop_fd, struct err *err);
/** All locations, including inactive ones. @param list  [out] catalog_locations_release */
NODISCARD enum status catalog_locations(
    struct graphql *g, int stop_fd, struct shop_location **list, size_t *count, struct err *err);
void catalog_locations_release(struct shop_location *list, size_t count);
/**
 * Reads all variants as reading.h describes, and waits as long as the store asks when throttled.
 * A search warning in an answer is an error.
 * @param index     [out] the caller's; NULL on failure
 * @param progress  called after each page with the variants read so far; may be NULL
 * @return STATUS_OK, STATUS_STOPPING, or the failure
 */
NODISCARD enum status catalog_load(struct graphql *g,
                                   enum match match,
                                   int stop_fd,
                                   struct sku_index **index,
                                   void (*progress)(void *arg, size_t variants),
                                   void *arg,
                                   struct err *err);

#endif

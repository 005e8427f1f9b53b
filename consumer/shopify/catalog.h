/**
 * catalog: what is read from a store before the first write: access, locations, the SKU mapping by
 * pages. Blocking, bounded, stoppable.
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
 * Checks token, scopes, API version and that the shop's own domain is the configured one (skipped
 * when api_url is set and differs only there).
 * @return STATUS_OK; STATUS_AUTH; STATUS_STORE_MISCONFIGURED: scope missing (err lists them),
 * version unsupported or fallen forward, other shop; transient statuses
 */
NODISCARD enum status
catalog_check_access(struct graphql *g, const struct store *store, int stop_fd, struct err *err);
/** All locations, inactive ones too. Release with catalog_locations_release. */
NODISCARD enum status catalog_locations(
    struct graphql *g, int stop_fd, struct shop_location **list, size_t *count, struct err *err);
void catalog_locations_release(struct shop_location *list, size_t count);
/**
 * Reads all variants as reading.h says; waits on throttling as told. progress (may be NULL) is
 * called after each page with the variants read so far. A search warning in an answer is an error.
 * @param mapping  [out] the caller's; NULL on failure
 * @return STATUS_OK, STATUS_STOPPING, or the failure
 */
NODISCARD enum status catalog_load(struct graphql *g,
                                   enum match match,
                                   int stop_fd,
                                   struct sku_index **mapping,
                                   void (*progress)(void *arg, size_t variants),
                                   void *arg,
                                   struct err *err);

#endif

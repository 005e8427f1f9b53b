/**
 * bench_catalogue: answers of a store about its catalogue.
 */
#ifndef STOCKSYNC_TESTS_UNIT_LANE_BENCH_CATALOGUE_H
#define STOCKSYNC_TESTS_UNIT_LANE_BENCH_CATALOGUE_H

#define COUNT(count) "{\"data\":{\"productVariantsCount\":{\"count\":" count "}}}"
#define STARTED                                                                                    \
    "{\"data\":{\"bulkOperationRunQuery\":{\"bulkOperation\":"                                     \
    "{\"id\":\"gid://shopify/BulkOperation/6001\"},\"userErrors\":[]}}}"
#define POLLED(status, count, url)                                                                 \
    "{\"data\":{\"bulkOperation\":{\"status\":\"" status                                           \
    "\",\"errorCode\":null,\"objectCount\":\"" count "\",\"url\":" url "}}}"
#define VARIANT(sku, item)                                                                         \
    "{\"id\":\"gid://shopify/ProductVariant/1\",\"sku\":\"" sku "\",\"barcode\":null,"             \
    "\"requiresComponents\":false,\"inventoryItem\":"                                              \
    "{\"id\":\"gid://shopify/InventoryItem/" item "\",\"tracked\":true}}"
#define PAGE(nodes, more, cursor)                                                                  \
    "{\"data\":{\"productVariants\":{\"nodes\":[" nodes "],\"pageInfo\":{\"hasNextPage\":" more    \
    ",\"endCursor\":" cursor "}}}}"
#define LAST_PAGE(nodes) PAGE(nodes, "false", "null")

#endif

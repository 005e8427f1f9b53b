/**
 * operation: the documents of schemas/graphql that this program sends.
 */
#ifndef STOCKSYNC_SHOPIFY_OPERATION_H
#define STOCKSYNC_SHOPIFY_OPERATION_H

#include <stdbool.h>

enum operation {
    OP_STOCK_SET,
    OP_STOCK_ADJUST,
    OP_LEVELS_READ,
    OP_VARIANTS_PAGE,
    OP_LOCATIONS,
    OP_START_CHECK,
    OP_VARIANTS_SEARCH,
    OP_VARIANTS_COUNT,
    OP_BULK_START,
    OP_BULK_POLL,
    OP_LEVEL_ACTIVATE,
    OP_ITEM_TRACK,
    OPERATION_COUNT
};

/* Shopify's limit for the entries of one OP_STOCK_SET or OP_STOCK_ADJUST. */
#define INVENTORY_MAX_ENTRIES 250

/** "StockSet"; static. */
const char *operation_name(enum operation op);
/** The GraphQL document; static. */
const char *operation_document(enum operation op);
bool operation_is_mutation(enum operation op);
/** It writes quantities, so that it is stored as an attempt before it is sent. */
bool operation_is_write(enum operation op);
/** The field of data that must not be null in an answer; static. */
const char *operation_root(enum operation op);
/** Whether the root field lists user errors. */
bool operation_has_user_errors(enum operation op);

#endif

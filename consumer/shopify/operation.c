#include "consumer/shopify/operation.h"

#include "embedded/graphql.h"

static const struct {
    const char *name;
    const char *document;
    bool mutation;
    const char *root;
    bool has_user_errors;
} OPERATIONS[OPERATION_COUNT] = {
    [OP_STOCK_SET] = {"StockSet", graphql_stock_set, true, "inventorySetQuantities", true},
    [OP_LEVELS_READ] = {"LevelsRead", graphql_levels_read, false, "nodes", false},
    [OP_VARIANTS_PAGE] = {"VariantsPage", graphql_variants_page, false, "productVariants", false},
    [OP_VARIANTS_COUNT] = {"VariantsCount", graphql_variants_count, false, "productVariantsCount",
                           false},
    [OP_BULK_START] = {"BulkStart", graphql_bulk_start, true, "bulkOperationRunQuery", true},
    [OP_BULK_POLL] = {"BulkPoll", graphql_bulk_poll, false, "bulkOperation", false},
    [OP_VARIANTS_SEARCH] = {"VariantsSearch", graphql_variants_search, false, "productVariants",
                            false},
    [OP_LEVEL_ACTIVATE] = {"LevelActivate", graphql_level_activate, true, "inventoryActivate",
                           true},
    [OP_ITEM_TRACK] = {"ItemTrack", graphql_item_track, true, "inventoryItemUpdate", true},
    [OP_LOCATIONS] = {"Locations", graphql_locations, false, "locations", false},
    [OP_START_CHECK] = {"StartCheck", graphql_start_check, false, "shop", false},
};

const char *operation_name(enum operation op)
{
    return OPERATIONS[op].name;
}

const char *operation_document(enum operation op)
{
    return OPERATIONS[op].document;
}

bool operation_is_mutation(enum operation op)
{
    return OPERATIONS[op].mutation;
}

const char *operation_root(enum operation op)
{
    return OPERATIONS[op].root;
}

bool operation_has_user_errors(enum operation op)
{
    return OPERATIONS[op].has_user_errors;
}

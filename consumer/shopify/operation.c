#include "consumer/shopify/operation.h"

#include "embedded/graphql.h"

static const struct {
    const char *name;
    const char *document;
    const char *root;
    bool mutation;
    bool has_user_errors;
} OPERATIONS[OPERATION_COUNT] = {
    [OP_STOCK_SET] = {"StockSet", graphql_stock_set, "inventorySetQuantities", true, true},
    [OP_STOCK_ADJUST] = {"StockAdjust", graphql_stock_adjust, "inventoryAdjustQuantities", true,
                         true},
    [OP_LEVELS_READ] = {"LevelsRead", graphql_levels_read, "nodes", false, false},
    [OP_VARIANTS_PAGE] = {"VariantsPage", graphql_variants_page, "productVariants", false, false},
    [OP_VARIANTS_COUNT] = {"VariantsCount", graphql_variants_count, "productVariantsCount", false,
                           false},
    [OP_BULK_START] = {"BulkStart", graphql_bulk_start, "bulkOperationRunQuery", true, true},
    [OP_BULK_POLL] = {"BulkPoll", graphql_bulk_poll, "bulkOperation", false, false},
    [OP_VARIANTS_SEARCH] = {"VariantsSearch", graphql_variants_search, "productVariants", false,
                            false},
    [OP_LEVEL_ACTIVATE] = {"LevelActivate", graphql_level_activate, "inventoryActivate", true,
                           true},
    [OP_ITEM_TRACK] = {"ItemTrack", graphql_item_track, "inventoryItemUpdate", true, true},
    [OP_LOCATIONS] = {"Locations", graphql_locations, "locations", false, false},
    [OP_START_CHECK] = {"StartCheck", graphql_start_check, "shop", false, false},
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

bool operation_is_write(enum operation op)
{
    return op == OP_STOCK_SET || op == OP_STOCK_ADJUST;
}

const char *operation_root(enum operation op)
{
    return OPERATIONS[op].root;
}

bool operation_has_user_errors(enum operation op)
{
    return OPERATIONS[op].has_user_errors;
}

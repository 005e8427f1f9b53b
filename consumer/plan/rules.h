/**
 * rules: a store's options turn a record into one quantity per location. Pure.
 *
 * Quantity of a location:
 *
 *     1. raw: sum of the basis over its warehouses; a warehouse that the record does not name
 *        counts 0
 *     2. minus units that are sold and not imported yet, or reserved by Shopify
 *     3. minus buffer, times percent / 100, rounded down
 *     4. at most cap, at most 1,000,000,000 (Shopify's limit), never below 0
 */
#ifndef STOCKSYNC_PLAN_RULES_H
#define STOCKSYNC_PLAN_RULES_H

#include "common/model/product_stock.h"

enum basis { BASIS_FREE, BASIS_ON_HAND, BASIS_FORECAST, BASIS_FREE_CONFIRMED };
enum match { MATCH_SKU, MATCH_BARCODE };

struct location_rule {
    int64_t location;       /* Shopify's numeric id */
    int32_t *warehouse_ids; /* Odoo's */
    size_t warehouse_count;
};

struct store_rules {
    enum basis basis;
    enum match match;
    int32_t company_id; /* products of other companies are not the store's; 0: no limit */
    int64_t buffer;
    int64_t percent; /* 0 … 1000 */
    int64_t cap;     /* -1: none */
    struct location_rule *locations;
    size_t location_count;
};

/** Why a store does not sync a product at all. */
enum exclusion {
    EXCLUDED_NOT,
    EXCLUDED_GONE,
    EXCLUDED_INACTIVE,
    EXCLUDED_DISABLED,
    EXCLUDED_OTHER_COMPANY,
    EXCLUSION_COUNT
};

/** "free", …, by enum basis, and NULL at the end: the words of the option. */
extern const char *const basis_names[];

/** The reason, or EXCLUDED_NOT. NULL: a tombstone, the product is gone. An excluded product claims
 * no SKU. */
enum exclusion rules_exclusion(const struct store_rules *rules, const struct product_stock *stock);
/** "inactive", "disabled", "other_company", "gone", "none"; static, for metrics. */
const char *exclusion_name(enum exclusion exclusion);
/** False: a kit whose bill of materials is broken, so that Odoo has no number for it. "No
 * warehouse" does not mean "no stock". */
bool rules_has_number(const struct product_stock *stock);
/** The SKU or barcode by which this store knows the product, borrowed from stock; NULL: none. */
const char *rules_match_text(const struct store_rules *rules, const struct product_stock *stock);
/**
 * Odoo's number for one location, before the store's rules.
 * @return STATUS_OK; STATUS_RECORD_INVALID: the record lacks the store's basis, for example
 *         because it was made with [odoo] forecast = off
 */
NODISCARD enum status rules_raw(const struct store_rules *rules,
                                const struct location_rule *location,
                                const struct product_stock *stock,
                                double *raw,
                                struct err *err);
/** The quantity to offer. @param held  units of raw that are not on offer */
int32_t rules_offer(const struct store_rules *rules, double raw, double held);

#endif

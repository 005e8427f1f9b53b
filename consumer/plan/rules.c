#include "consumer/plan/rules.h"

#include "common/model/quantity.h"

/* Shopify's limit for both numbers of an entry. */
#define MAX_QUANTITY INT64_C(1000000000)

const char *const basis_names[] = {
    [BASIS_FREE] = "free",
    [BASIS_ON_HAND] = "on_hand",
    [BASIS_FORECAST] = "forecast",
    [BASIS_FREE_CONFIRMED] = "free_confirmed",
    NULL,
};

enum exclusion rules_exclusion(const struct store_rules *rules, const struct product_stock *stock)
{
    if (stock == NULL) {
        return EXCLUDED_GONE;
    }
    if (rules->company_id != 0 && stock->company_id != 0 &&
        stock->company_id != rules->company_id) {
        return EXCLUDED_OTHER_COMPANY;
    }
    if (!stock->active) {
        return EXCLUDED_INACTIVE;
    }
    if (!stock->shopify_enabled) {
        return EXCLUDED_DISABLED;
    }
    return EXCLUDED_NOT;
}

const char *exclusion_name(enum exclusion exclusion)
{
    switch (exclusion) {
    case EXCLUDED_GONE:
        return "gone";
    case EXCLUDED_INACTIVE:
        return "inactive";
    case EXCLUDED_DISABLED:
        return "disabled";
    case EXCLUDED_OTHER_COMPANY:
        return "other_company";
    case EXCLUDED_NOT:
    case EXCLUSION_COUNT:
        break;
    }
    return "none";
}

bool rules_has_number(const struct product_stock *stock)
{
    return !stock->is_kit || stock->warehouse_count > 0;
}

const char *rules_match_text(const struct store_rules *rules, const struct product_stock *stock)
{
    const char *text = rules->match == MATCH_BARCODE ? stock->barcode : stock->sku;
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static const struct warehouse_stock *find_warehouse(const struct product_stock *stock, int32_t id)
{
    /* A linear search: they are few, and a wrong order must not look like "no stock". */
    for (size_t i = 0; i < stock->warehouse_count; i++) {
        if (stock->warehouses[i].warehouse_id == id) {
            return &stock->warehouses[i];
        }
    }
    return NULL;
}

static enum status basis_missing(const struct store_rules *rules,
                                 const struct product_stock *stock,
                                 const struct warehouse_stock *warehouse,
                                 struct err *err)
{
    return err_set(err, STATUS_RECORD_INVALID,
                   "basis = %s, but its record has no such number for warehouse '%s': set [odoo] "
                   "forecast = on and publish product %d again",
                   basis_names[rules->basis], warehouse->code, stock->product_id);
}

static enum status basis_of(const struct store_rules *rules,
                            const struct product_stock *stock,
                            const struct warehouse_stock *warehouse,
                            double *value,
                            struct err *err)
{
    switch (rules->basis) {
    case BASIS_FREE:
        *value = warehouse->free;
        break;
    case BASIS_ON_HAND:
        *value = warehouse->on_hand;
        break;
    case BASIS_FORECAST:
        if (!warehouse->has_forecast) {
            return basis_missing(rules, stock, warehouse, err);
        }
        *value = warehouse->forecast;
        break;
    case BASIS_FREE_CONFIRMED:
        if (!warehouse->has_free_confirmed) {
            return basis_missing(rules, stock, warehouse, err);
        }
        *value = warehouse->free_confirmed;
        break;
    }
    return STATUS_OK;
}

enum status rules_raw(const struct store_rules *rules,
                      const struct location_rule *location,
                      const struct product_stock *stock,
                      double *raw,
                      struct err *err)
{
    *raw = 0;
    for (size_t i = 0; i < location->warehouse_count; i++) {
        const struct warehouse_stock *w = find_warehouse(stock, location->warehouse_ids[i]);
        double value = 0;
        if (w == NULL) {
            continue;
        }
        enum status rc = basis_of(rules, stock, w, &value, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        *raw += value;
    }
    return STATUS_OK;
}

int32_t rules_offer(const struct store_rules *rules, double raw, double held)
{
    /* multiplied before it is divided: exact for whole numbers */
    double on_offer = (raw - held - (double)rules->buffer) * (double)rules->percent / 100.0;
    int64_t number = quantity_floor(on_offer);
    if (rules->cap >= 0 && number > rules->cap) {
        number = rules->cap;
    }
    if (number > MAX_QUANTITY) {
        number = MAX_QUANTITY;
    }
    return number < 0 ? 0 : (int32_t)number; /* the floor is the last rule */
}

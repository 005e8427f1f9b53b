#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/plan/rules.h"

static void rules_exclusion_names_the_first_reason(void **state)
{
    (void)state;
    const struct store_rules any = {0};
    static const struct {
        bool active, enabled, kit;
        enum exclusion expected;
        const char *name;
    } cases[] = {
        {true, true, false, EXCLUDED_NOT, "none"},
        {false, true, false, EXCLUDED_INACTIVE, "inactive"},
        {true, false, false, EXCLUDED_DISABLED, "disabled"},
        {true, true, true, EXCLUDED_NOT, "none"},
        {false, false, true, EXCLUDED_INACTIVE, "inactive"},
        {true, false, true, EXCLUDED_DISABLED, "disabled"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct product_stock stock = {
            .active = cases[i].active, .shopify_enabled = cases[i].enabled, .is_kit = cases[i].kit};
        assert_int_equal(rules_exclusion(&any, &stock), cases[i].expected);
        assert_string_equal(exclusion_name(rules_exclusion(&any, &stock)), cases[i].name);
    }
    assert_int_equal(rules_exclusion(&any, NULL), EXCLUDED_GONE);
    assert_string_equal(exclusion_name(EXCLUDED_GONE), "gone");
}

static void rules_exclusion_keeps_a_store_to_its_company(void **state)
{
    (void)state;
    static const struct {
        int32_t store, product;
        bool active;
        enum exclusion expected;
    } cases[] = {
        {0, 0, true, EXCLUDED_NOT},
        {0, 2, true, EXCLUDED_NOT},
        {1, 1, true, EXCLUDED_NOT},
        {1, 0, true, EXCLUDED_NOT},
        {1, 2, true, EXCLUDED_OTHER_COMPANY},
        {1, 2, false, EXCLUDED_OTHER_COMPANY}, /* the store does not know the product at all */
        {1, 0, false, EXCLUDED_INACTIVE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct store_rules rules = {.company_id = cases[i].store};
        struct product_stock stock = {
            .company_id = cases[i].product, .active = cases[i].active, .shopify_enabled = true};
        assert_int_equal(rules_exclusion(&rules, &stock), cases[i].expected);
    }
    assert_string_equal(exclusion_name(EXCLUDED_OTHER_COMPANY), "other_company");
}

static void rules_has_number_is_false_for_a_broken_kit_alone(void **state)
{
    (void)state;
    struct warehouse_stock warehouse = {.warehouse_id = 1};
    struct product_stock plain = {.is_kit = false};
    struct product_stock broken = {.is_kit = true};
    struct product_stock empty = {.is_kit = true, .warehouses = &warehouse, .warehouse_count = 1};
    assert_true(rules_has_number(&plain));
    assert_false(rules_has_number(&broken));
    assert_true(rules_has_number(&empty));
}

static void rules_match_text_is_null_where_the_product_has_none(void **state)
{
    (void)state;
    char sku[] = "SKU-1";
    char barcode[] = "4006381333931";
    char empty[] = "";
    struct product_stock both = {.sku = sku, .barcode = barcode};
    struct product_stock none = {.sku = NULL, .barcode = empty};
    struct store_rules by_sku = {.match = MATCH_SKU};
    struct store_rules by_barcode = {.match = MATCH_BARCODE};
    assert_string_equal(rules_match_text(&by_sku, &both), "SKU-1");
    assert_string_equal(rules_match_text(&by_barcode, &both), "4006381333931");
    assert_null(rules_match_text(&by_sku, &none));
    assert_null(rules_match_text(&by_barcode, &none));
}

/* Two warehouses, 1 and 2; the location sums 1, 2 and 9, which the record does not name. */
struct quantity_case {
    const char *name;
    double first, second;
    int64_t buffer, percent, cap;
    int32_t expected;
};

static const struct quantity_case QUANTITY_CASES[] = {
    {"sum", 3, 4, 0, 100, -1, 7},
    {"buffer", 3, 4, 2, 100, -1, 5},
    {"buffer above the sum", 3, 4, 8, 100, -1, 0},
    {"negative stock of one warehouse counts", 10, -4, 0, 100, -1, 6},
    {"negative sum", -5, 1, 0, 100, -1, 0},
    {"fraction of a unit is not for sale", 2.5, 0.4, 0, 100, -1, 2},
    {"two halves make one", 0.5, 0.5, 0, 100, -1, 1},
    {"sum that a double cannot hold", 0.1, 0.2, 0, 1000, -1, 3},
    {"almost a whole number", 6.9999999999, 0, 0, 100, -1, 7},
    {"clearly below a whole number", 6.9999, 0, 0, 100, -1, 6},
    {"percent is rounded down", 3, 4, 0, 50, -1, 3},
    {"percent of whole numbers is exact", 100, 0, 0, 29, -1, 29},
    {"buffer before percent", 10, 0, 2, 50, -1, 4},
    {"percent 0", 10, 0, 0, 0, -1, 0},
    {"percent 1000", 10, 0, 0, 1000, -1, 100},
    {"cap", 50, 50, 0, 100, 20, 20},
    {"cap not reached", 5, 5, 0, 100, 20, 10},
    {"cap 0", 5, 5, 0, 100, 0, 0},
    {"cap never lifts", -5, 0, 0, 100, 20, 0},
    {"Shopify's limit", 2e9, 0, 0, 100, -1, 1000000000},
    {"no number at all", (double)NAN, 1, 0, 100, -1, 0},
    {"endless", (double)INFINITY, 1, 0, 100, -1, 1000000000},
    {"endless debt", -(double)INFINITY, 1, 0, 100, -1, 0},
};

/* A warehouse whose number of this basis is value, and whose other numbers must not be used. */
static struct warehouse_stock warehouse_of(int32_t id, enum basis basis, double value)
{
    const double other = 12345;
    return (struct warehouse_stock){.warehouse_id = id,
                                    .free = basis == BASIS_FREE ? value : other,
                                    .on_hand = basis == BASIS_ON_HAND ? value : other,
                                    .forecast = basis == BASIS_FORECAST ? value : other,
                                    .has_forecast = basis == BASIS_FORECAST,
                                    .free_confirmed = basis == BASIS_FREE_CONFIRMED ? value : other,
                                    .has_free_confirmed = basis == BASIS_FREE_CONFIRMED};
}

static void assert_offer(const struct quantity_case *c, enum basis basis)
{
    int32_t ids[] = {9, 2, 1};
    struct location_rule location = {.location = 7001, .warehouse_ids = ids, .warehouse_count = 3};
    struct warehouse_stock list[] = {warehouse_of(1, basis, c->first),
                                     warehouse_of(2, basis, c->second)};
    struct product_stock stock = {.warehouses = list, .warehouse_count = 2};
    struct store_rules rules = {
        .basis = basis, .buffer = c->buffer, .percent = c->percent, .cap = c->cap};
    struct err err = {0};
    double raw = -1;
    assert_int_equal(rules_raw(&rules, &location, &stock, &raw, &err), STATUS_OK);
    int32_t quantity = rules_offer(&rules, raw, 0);
    assert_int_equal(rules_offer(&rules, raw + 7, 7), quantity);
    if (quantity != c->expected) {
        fail_msg("%s, basis %d: %d, expected %d", c->name, (int)basis, quantity, c->expected);
    }
}

static void rules_offer_follows_the_table(void **state)
{
    (void)state;
    static const enum basis bases[] = {BASIS_FREE, BASIS_ON_HAND, BASIS_FORECAST,
                                       BASIS_FREE_CONFIRMED};
    for (size_t i = 0; i < sizeof QUANTITY_CASES / sizeof QUANTITY_CASES[0]; i++) {
        for (size_t b = 0; b < sizeof bases / sizeof bases[0]; b++) {
            assert_offer(&QUANTITY_CASES[i], bases[b]);
        }
    }
}

static void rules_raw_refuses_a_basis_that_was_not_read(void **state)
{
    (void)state;
    static const enum basis bases[] = {BASIS_FORECAST, BASIS_FREE_CONFIRMED};
    static const char *const names[] = {"basis = forecast, ", "basis = free_confirmed, "};
    char code[] = "WH";
    int32_t ids[] = {1};
    struct location_rule location = {.location = 7001, .warehouse_ids = ids, .warehouse_count = 1};
    struct warehouse_stock list[] = {{.warehouse_id = 1, .code = code, .free = 5}};
    struct product_stock stock = {.product_id = 17, .warehouses = list, .warehouse_count = 1};
    for (size_t i = 0; i < 2; i++) {
        struct store_rules rules = {.basis = bases[i], .percent = 100, .cap = -1};
        struct err err = {0};
        double raw = -1;
        assert_int_equal(rules_raw(&rules, &location, &stock, &raw, &err), STATUS_RECORD_INVALID);
        assert_non_null(strstr(err.msg, names[i]));
        assert_non_null(strstr(err.msg, "[odoo] forecast = on"));
        assert_non_null(strstr(err.msg, "'WH'"));
        assert_true(raw <= 0);
        list[0].has_forecast = true; /* a record of a producer that did not know free_confirmed */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_exclusion_names_the_first_reason),
        cmocka_unit_test(rules_exclusion_keeps_a_store_to_its_company),
        cmocka_unit_test(rules_has_number_is_false_for_a_broken_kit_alone),
        cmocka_unit_test(rules_match_text_is_null_where_the_product_has_none),
        cmocka_unit_test(rules_offer_follows_the_table),
        cmocka_unit_test(rules_raw_refuses_a_basis_that_was_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

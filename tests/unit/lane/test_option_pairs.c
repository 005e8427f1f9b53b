#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/option_pairs.h"

static const struct state_warehouse WAREHOUSES[] = {
    {.id = 1, .code = (char[]){"WH"}, .company = (char[]){"One"}, .active = true, .company_id = 7},
    {.id = 2, .code = (char[]){"NO"}, .company = (char[]){"One"}, .active = true, .company_id = 7},
    {.id = 3, .code = (char[]){"SO"}, .company = (char[]){"One"}, .active = true, .company_id = 7},
};
static const struct rule_facts FACTS = {.warehouses = WAREHOUSES, .warehouse_count = 3};

static char said[2048];

static void say(void *arg, const char *text)
{
    size_t len = strlen(said);
    assert_ptr_equal(arg, said);
    (void)snprintf(said + len, sizeof said - len, "%s\n", text);
}

/* Two locations, Berlin with WH and NO, Munich with SO. */
static void check(int quantity, enum basis basis, const int32_t first[3], const int32_t second[3])
{
    int32_t lists[2][3];
    struct location_rule locations[2] = {{.location = 70}, {.location = 71}};
    struct conf_pair pairs[] = {{.name = (char[]){"Berlin"}}, {.name = (char[]){"Munich"}}};
    struct store_conf conf = {.quantity = quantity, .basis = (int)basis};
    struct store_rules rules = {.basis = basis, .locations = locations, .location_count = 2};
    conf.locations.list = pairs;
    conf.locations.count = 2;
    for (size_t i = 0; i < 2; i++) {
        memcpy(lists[i], i == 0 ? first : second, sizeof lists[i]);
        locations[i].warehouse_ids = lists[i];
        while (locations[i].warehouse_count < 3 && lists[i][locations[i].warehouse_count] != 0) {
            locations[i].warehouse_count++;
        }
    }
    said[0] = '\0';
    option_pairs_check(&conf, &FACTS, &rules, say, said);
}

static const int32_t WH_NO[3] = {1, 2, 0};
static const int32_t SO[3] = {3, 0, 0};

static const struct {
    int quantity;
    enum basis basis;
    const char *contains[2]; /* NULL: nothing is said */
} PAIRS[] = {
    {QUANTITY_AVAILABLE, BASIS_FREE, {NULL}},
    {QUANTITY_AVAILABLE, BASIS_FREE_CONFIRMED, {NULL}},
    {QUANTITY_AVAILABLE, BASIS_FORECAST, {NULL}},
    {QUANTITY_ON_HAND, BASIS_ON_HAND, {NULL}},
    {QUANTITY_AVAILABLE, BASIS_ON_HAND, {"never", "quantity = available with basis = free"}},
    {QUANTITY_ON_HAND, BASIS_FREE, {"basis = free takes", "on_hand with basis = on_hand"}},
    {QUANTITY_ON_HAND, BASIS_FORECAST, {"basis = forecast takes", "on_hand with basis = on_hand"}},
    {QUANTITY_ON_HAND, BASIS_FREE_CONFIRMED, {"free_confirmed takes", "twice"}},
};

static void a_pair_that_counts_twice_or_never_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
        check(PAIRS[i].quantity, PAIRS[i].basis, WH_NO, SO);
        for (size_t k = 0; k < 2 && PAIRS[i].contains[0] != NULL; k++) {
            if (strstr(said, PAIRS[i].contains[k]) == NULL) {
                fail_msg("pair %zu: '%s' lacks '%s'", i, said, PAIRS[i].contains[k]);
            }
        }
        if (PAIRS[i].contains[0] == NULL) {
            assert_string_equal(said, "");
        }
    }
}

static void a_warehouse_behind_two_locations_is_named_once(void **state)
{
    (void)state;
    static const int32_t again[3] = {3, 1, 0};
    static const int32_t double_wh[3] = {1, 2, 1};
    check(QUANTITY_AVAILABLE, BASIS_FREE, WH_NO, again);
    assert_string_equal(said, "warehouse 'WH' stands behind location.Berlin and location.Munich, "
                              "so its units are offered twice. The usual way is one location for "
                              "each warehouse\n");
    check(QUANTITY_AVAILABLE, BASIS_FREE, double_wh, SO);
    assert_string_equal(said, "warehouse 'WH' stands behind location.Berlin twice, so its units "
                              "are counted twice. Name it once\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_that_counts_twice_or_never_is_named),
        cmocka_unit_test(a_warehouse_behind_two_locations_is_named_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/plan/rules_digest.h"

static int32_t main_ids[] = {1, 3};
static int32_t side_ids[] = {2};
static struct location_rule locations[] = {
    {.location = 70, .warehouse_ids = main_ids, .warehouse_count = 2},
    {.location = 71, .warehouse_ids = side_ids, .warehouse_count = 1},
};
static struct store_rules rules;

static int open_rules(void **state)
{
    (void)state;
    main_ids[0] = 1;
    main_ids[1] = 3;
    locations[0].location = 70;
    locations[0].warehouse_count = 2;
    locations[1].location = 71;
    rules = (struct store_rules){.basis = BASIS_FREE,
                                 .match = MATCH_SKU,
                                 .percent = 100,
                                 .cap = -1,
                                 .locations = locations,
                                 .location_count = 2};
    return 0;
}

static void assert_differs(const char *before, const char *quantity)
{
    char now[RULES_DIGEST_SIZE];
    assert_string_not_equal(rules_digest(&rules, quantity, now), before);
    (void)open_rules(NULL);
}

static void each_rule_changes_the_digest(void **state)
{
    (void)state;
    char before[RULES_DIGEST_SIZE];
    char again[RULES_DIGEST_SIZE];
    (void)rules_digest(&rules, "available", before);
    assert_string_equal(rules_digest(&rules, "available", again), before);
    assert_differs(before, "on_hand");
    rules.basis = BASIS_ON_HAND;
    assert_differs(before, "available");
    rules.match = MATCH_BARCODE;
    assert_differs(before, "available");
    rules.company_id = 1;
    assert_differs(before, "available");
    rules.buffer = 1;
    assert_differs(before, "available");
    rules.percent = 99;
    assert_differs(before, "available");
    rules.cap = 0;
    assert_differs(before, "available");
    rules.location_count = 1;
    assert_differs(before, "available");
    locations[0].location = 72;
    assert_differs(before, "available");
    locations[0].warehouse_count = 1;
    assert_differs(before, "available");
    main_ids[1] = 4;
    assert_differs(before, "available");
}

static void order_changes_nothing(void **state)
{
    (void)state;
    char before[RULES_DIGEST_SIZE];
    char now[RULES_DIGEST_SIZE];
    (void)rules_digest(&rules, "available", before);
    main_ids[0] = 3;
    main_ids[1] = 1;
    assert_string_equal(rules_digest(&rules, "available", now), before);
    struct location_rule turned[] = {locations[1], locations[0]};
    struct location_rule *ordered = rules.locations;
    rules.locations = turned;
    assert_string_equal(rules_digest(&rules, "available", now), before);
    rules.locations = ordered;
}

/* Warehouses 2 and 3 behind two locations are not warehouse 23 behind one. */
static void texts_do_not_run_together(void **state)
{
    (void)state;
    char one[RULES_DIGEST_SIZE];
    char other[RULES_DIGEST_SIZE];
    main_ids[0] = 2;
    main_ids[1] = 3;
    (void)rules_digest(&rules, "available", one);
    main_ids[0] = 23;
    locations[0].warehouse_count = 1;
    assert_string_not_equal(rules_digest(&rules, "available", other), one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_rule_changes_the_digest, open_rules),
        cmocka_unit_test_setup(order_changes_nothing, open_rules),
        cmocka_unit_test_setup(texts_do_not_run_together, open_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

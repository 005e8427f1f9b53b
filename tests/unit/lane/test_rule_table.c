#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/rule_table.h"

static const struct shop_location LOCATIONS[] = {
    {.id = 70, .name = (char[]){"Main"}, .active = true},
    {.id = 71, .name = (char[]){"Twin"}, .active = true},
    {.id = 72, .name = (char[]){"Twin"}, .active = true},
    {.id = 73, .name = (char[]){"Old"}, .active = false},
    {.id = 74, .name = (char[]){"Post"}, .active = true, .fulfilment_service = true},
};
static const struct state_warehouse WAREHOUSES[] = {
    {.id = 1, .code = (char[]){"WH"}, .company = (char[]){"One"}, .active = true, .company_id = 7},
    {.id = 2, .code = (char[]){"WH"}, .company = (char[]){"Two"}, .active = true, .company_id = 8},
    {.id = 3, .code = (char[]){"EU"}, .company = (char[]){"One"}, .active = true, .company_id = 7},
    {.id = 4, .code = (char[]){"GONE"}, .company = (char[]){"One"}, .company_id = 7},
    {.id = 5,
     .code = (char[]){"US"},
     .company = (char[]){"7 Seas"},
     .active = true,
     .company_id = 9},
    {.id = 6, .code = (char[]){"JP"}, .company = (char[]){"8"}, .active = true, .company_id = 10},
};
/* By a producer that did not know companies' ids. */
static const struct state_warehouse OLD_WAREHOUSES[] = {
    {.id = 3, .code = (char[]){"EU"}, .company = (char[]){"One"}, .active = true},
};
static const struct rule_facts FACTS = {.locations = LOCATIONS,
                                        .location_count = sizeof LOCATIONS / sizeof LOCATIONS[0],
                                        .warehouses = WAREHOUSES,
                                        .warehouse_count =
                                            sizeof WAREHOUSES / sizeof WAREHOUSES[0]};
static const struct rule_facts NO_WAREHOUSES = {
    .locations = LOCATIONS, .location_count = sizeof LOCATIONS / sizeof LOCATIONS[0]};

static const struct rule_facts OLD_FACTS = {.locations = LOCATIONS,
                                            .location_count =
                                                sizeof LOCATIONS / sizeof LOCATIONS[0],
                                            .warehouses = OLD_WAREHOUSES,
                                            .warehouse_count = 1};

static enum status build(struct conf_pair *pairs,
                         size_t count,
                         const struct rule_facts *facts,
                         struct store_rules *rules,
                         struct err *err)
{
    struct store_conf conf = {.instance = {.name = (char[]){"alpha"}},
                              .basis = BASIS_FORECAST,
                              .match = MATCH_BARCODE,
                              .buffer = 2,
                              .offer_percent = 80,
                              .cap = 9};
    conf.locations.list = pairs;
    conf.locations.count = count;
    return rule_table_build(&conf, facts, rules, err);
}

static void names_and_ids_and_codes_are_bound(void **state)
{
    (void)state;
    struct conf_pair pairs[] = {
        {.name = (char[]){"Main"}, .value = (char[]){" EU ,\tTwo/WH\t,,One/WH"}},
        {.name = (char[]){"72"}, .value = (char[]){"EU"}},
    };
    struct store_rules rules;
    struct err err = {0};
    assert_int_equal(build(pairs, 2, &FACTS, &rules, &err), STATUS_OK);
    assert_int_equal(rules.location_count, 2);
    assert_int_equal(rules.basis, BASIS_FORECAST);
    assert_int_equal(rules.match, MATCH_BARCODE);
    assert_int_equal(rules.buffer, 2);
    assert_int_equal(rules.percent, 80);
    assert_int_equal(rules.cap, 9);
    assert_int_equal(rules.locations[0].location, 70);
    assert_int_equal(rules.locations[1].location, 72);
    assert_int_equal(rules.locations[0].warehouse_count, 3);
    assert_int_equal(rules.locations[0].warehouse_ids[0], 3);
    assert_int_equal(rules.locations[0].warehouse_ids[1], 2);
    assert_int_equal(rules.locations[0].warehouse_ids[2], 1);
    assert_int_equal(rules.locations[1].warehouse_count, 1);
    rule_table_release(&rules);
    assert_int_equal(rules.location_count, 0);
}

static const struct {
    const char *name, *value; /* of the first location */
    const char *second;       /* NULL: none */
    const struct rule_facts *facts;
    enum status status;
    const char *text;
} REFUSED[] = {
    {"Nowhere", "EU", NULL, &FACTS, STATUS_STORE_MISCONFIGURED,
     "[store.alpha] location.Nowhere: the store has no such location; it has: Main, Twin, Twin, "
     "Old, Post"},
    {"99", "EU", NULL, &FACTS, STATUS_STORE_MISCONFIGURED,
     "[store.alpha] location.99: the store has no such location; it has: Main, Twin, Twin, Old, "
     "Post"},
    {"Twin", "EU", NULL, &FACTS, STATUS_STORE_MISCONFIGURED,
     "[store.alpha] location.Twin: 2 locations of the store have this name; write the numeric id "
     "instead, of one of them: 72"},
    {"Old", "EU", NULL, &FACTS, STATUS_STORE_MISCONFIGURED,
     "[store.alpha] location.Old is deactivated in the store"},
    {"Post", "EU", NULL, &FACTS, STATUS_STORE_MISCONFIGURED,
     "[store.alpha] location.Post belongs to a fulfilment service, which keeps its own stock"},
    {"Main", "EU", "70", &FACTS, STATUS_STORE_MISCONFIGURED,
     "[store.alpha] location.70 is a location that was given before"},
    {"Main", "WH", NULL, &FACTS, STATUS_STORE_MISCONFIGURED,
     "[store.alpha] warehouse 'WH' exists in 'One' and in 'Two': write COMPANY/WH"},
    {"Main", "EU, XX", NULL, &FACTS, STATUS_STORE_MISCONFIGURED,
     "[store.alpha] warehouse 'XX' does not exist in Odoo or is archived"},
    {"Main", "Two/EU", NULL, &FACTS, STATUS_STORE_MISCONFIGURED,
     "[store.alpha] warehouse 'Two/EU' does not exist in Odoo or is archived"},
    {"Main", "GONE", NULL, &FACTS, STATUS_STORE_MISCONFIGURED,
     "[store.alpha] warehouse 'GONE' does not exist in Odoo or is archived"},
    {"Main", "EU", NULL, &NO_WAREHOUSES, STATUS_SOURCE_BUSY,
     "[store.alpha] warehouse 'EU' is not known yet: the producer has not run on this state so "
     "far"},
};

static void mistakes_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
        char name[32];
        char value[32];
        char second[32];
        struct conf_pair pairs[] = {{.name = name, .value = value},
                                    {.name = second, .value = (char[]){"EU"}}};
        (void)snprintf(name, sizeof name, "%s", REFUSED[i].name);
        (void)snprintf(value, sizeof value, "%s", REFUSED[i].value);
        (void)snprintf(second, sizeof second, "%s", REFUSED[i].second ? REFUSED[i].second : "");
        struct store_rules rules;
        struct err err = {0};
        enum status rc =
            build(pairs, REFUSED[i].second != NULL ? 2 : 1, REFUSED[i].facts, &rules, &err);
        assert_string_equal(err.msg, REFUSED[i].text);
        assert_int_equal(rc, REFUSED[i].status);
        rule_table_release(&rules);
    }
}

static const struct {
    const char *warehouses, *company; /* NULL: not set */
    const struct rule_facts *facts;
    int32_t expected; /* -1: refused */
    const char *text;
} COMPANIES[] = {
    {"EU, One/WH", NULL, &FACTS, 7, ""},
    {"EU, Two/WH", NULL, &FACTS, 0, ""},
    {"EU, Two/WH, EU", NULL, &FACTS, 0, ""},
    {"Two/WH", NULL, &FACTS, 8, ""},
    {"EU, Two/WH", "Two", &FACTS, 8, ""},
    {"EU, Two/WH", "7", &FACTS, 7, ""},
    {"EU", "7 Seas", &FACTS, 9, ""},
    {"EU", "8", &FACTS, 8, ""}, /* an id comes before a name */
    {"EU", "10", &FACTS, 10, ""},
    {"EU", "*", &FACTS, 0, ""},
    {"EU", "*", &OLD_FACTS, 0, ""},
    {"EU", "Three", &FACTS, -1,
     "[store.alpha] company = Three: no warehouse in Odoo belongs to such a company; known are: "
     "One (7), Two (8), 7 Seas (9), 8 (10)"},
    {"EU", "one", &FACTS, -1,
     "[store.alpha] company = one: no warehouse in Odoo belongs to such a company; known are: "
     "One (7), Two (8), 7 Seas (9), 8 (10)"},
    {"EU", NULL, &OLD_FACTS, -1,
     "[store.alpha] the company of warehouse 'EU' is not known yet: no producer of this version "
     "has run on this state so far"},
    {"EU", "One", &OLD_FACTS, -1,
     "[store.alpha] the company of warehouse 'EU' is not known yet: no producer of this version "
     "has run on this state so far"},
};

static void the_company_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof COMPANIES / sizeof COMPANIES[0]; i++) {
        char value[32];
        char company[32];
        struct conf_pair pairs[] = {{.name = (char[]){"Main"}, .value = value},
                                    {.name = (char[]){"72"}, .value = (char[]){"EU"}}};
        struct store_conf conf = {.instance = {.name = (char[]){"alpha"}}};
        struct store_rules rules;
        struct err err = {0};
        (void)snprintf(value, sizeof value, "%s", COMPANIES[i].warehouses);
        if (COMPANIES[i].company != NULL) {
            (void)snprintf(company, sizeof company, "%s", COMPANIES[i].company);
            conf.company = company;
        }
        conf.locations.list = pairs;
        conf.locations.count = strcmp(value, "Two/WH") == 0 ? 1 : 2;
        enum status rc = rule_table_build(&conf, COMPANIES[i].facts, &rules, &err);
        assert_string_equal(err.msg, COMPANIES[i].text);
        if (COMPANIES[i].expected < 0) {
            assert_int_equal(rc, COMPANIES[i].facts == &FACTS ? STATUS_STORE_MISCONFIGURED
                                                              : STATUS_SOURCE_BUSY);
        } else {
            assert_int_equal(rc, STATUS_OK);
            assert_int_equal(rules.company_id, COMPANIES[i].expected);
        }
        rule_table_release(&rules);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_company_is_found),
        cmocka_unit_test(names_and_ids_and_codes_are_bound),
        cmocka_unit_test(mistakes_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

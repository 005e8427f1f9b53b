#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/odoo/kit_number.h"

#define MAX_SHARES 3

/*
 * Expected values: the first block is what a running Odoo 15.0 (late 2023) showed for these stocks;
 * the others are Python 3.11, written from the formulae of _compute_quantities_dict in 15.0, 16.0
 * and 18.0 (addons/mrp/models/product.py).
 */
static const struct {
    const char *name;
    struct {
        double value, need, rounding;
    } shares[MAX_SHARES];
    size_t share_count;
    double yield;
    double expected[3]; /* by enum kit_rounding */
} LEAST[] = {
    {"25 A, 7 B; 2 A + 1 B", {{25, 2, 0.01}, {7, 1, 0.01}}, 2, 1, {7, 7, 7}},
    {"12 of A alone", {{25, 2, 0.01}}, 1, 1, {12, 12, 12}},
    {"kit of that kit + 1 B", {{25, 2, 0.01}, {7, 2, 0.01}}, 2, 1, {3, 3, 3}},
    {"2 kits from 2 A", {{25, 2, 0.01}}, 1, 2, {25, 25, 25}},
    {"24 units, 1 dozen", {{24, 12, 0.01}}, 1, 1, {2, 2, 2}},
    {"0.3 by 0.1", {{0.3, 0.1, 0.01}}, 1, 1, {2, 3, 3}},
    {"3 subs (2 from 2 a) + 1 b", {{9, 3, 0.01}, {100, 1, 0.01}}, 2, 1, {3, 3, 3}},
    {"the sub: 2 from 2 a", {{9, 2, 0.01}}, 1, 2, {9, 9, 9}},
    {"5 and what does not count", {{5, 1, 0.01}}, 1, 1, {5, 5, 5}},
    {"-3 by 2", {{-3, 2, 0.01}}, 1, 1, {-2, -2, -2}},
    {"10 a, 3 b", {{10, 1, 0.01}, {3, 1, 0.01}}, 2, 1, {3, 3, 3}},
    {"5 + 2 a, 1 + 9 b", {{7, 1, 0.01}, {10, 1, 0.01}}, 2, 1, {7, 7, 7}},

    {"2.995: 16 promises one more", {{2.995, 1, 0.01}}, 1, 1, {2, 3, 2}},
    {"2.9949", {{2.9949, 1, 0.01}}, 1, 1, {2, 2, 2}},
    {"-0.001", {{-0.001, 1, 0.01}}, 1, 1, {-1, 0, 0}},
    {"-1.5 by 1", {{-1.5, 1, 0.01}}, 1, 1, {-2, -2, -2}},
    {"nothing there", {{0, 2, 0.01}}, 1, 3, {0, 0, 0}},
    {"least is times yield", {{10, 3, 0.01}}, 1, 3, {10, 10, 9}},
    {"half a kit in a batch", {{7, 2, 0.01}}, 1, 0.5, {1, 1, 1}},
    {"value / need comes before * yield", {{0.9, 0.1, 0.01}}, 1, 7, {63, 63, 63}},
    {"and not the other way", {{0.04, 0.1, 0.01}}, 1, 10, {3, 4, 4}},
    {"the last share's rounding", {{2.6, 1, 0.01}, {9, 1, 1}}, 2, 1, {2, 3, 2}},
    {"the last share's, other order", {{9, 1, 1}, {2.6, 1, 0.01}}, 2, 1, {2, 2, 2}},
    {"each ratio by its own rounding", {{2.6, 1, 1}, {2.5, 1, 0.01}}, 2, 2, {5, 5, 4}},
    {"least of three", {{9, 1, 0.01}, {8, 4, 0.01}, {7, 1, 0.01}}, 3, 1, {2, 2, 2}},
    {"one below zero", {{9, 1, 0.01}, {-8, 4, 0.01}, {7, 1, 0.01}}, 3, 1, {-2, -2, -2}},
    {"a need below zero", {{9, -2, 0.01}}, 1, 1, {-5, -5, -5}},
    {"nothing limits", {{0, 0, 0}}, 0, 4, {0, 0, 0}},
};

static void kit_number_least_equals_odoo(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof LEAST / sizeof *LEAST; i++) {
        struct kit_share shares[MAX_SHARES];
        for (size_t s = 0; s < MAX_SHARES; s++) {
            shares[s] = (struct kit_share){.values = &LEAST[i].shares[s].value,
                                           .need = LEAST[i].shares[s].need,
                                           .rounding = LEAST[i].shares[s].rounding};
        }
        for (int rounding = KIT_ROUND_NOT; rounding <= KIT_ROUND_RATIO; rounding++) {
            double got = 99;
            kit_number_least(shares, LEAST[i].share_count, LEAST[i].yield,
                             (enum kit_rounding)rounding, 1, &got);
            if (got != LEAST[i].expected[rounding]) {
                fail_msg("%s, rounding %d: got %.17g, expected %.17g", LEAST[i].name, rounding, got,
                         LEAST[i].expected[rounding]);
            }
        }
    }
}

/* 25 A, 7 B, three kits of 2 A + 1 B sold: on hand, free, forecast, as Odoo 15.0 showed them. */
static void kit_number_least_of_a_confirmed_sale(void **state)
{
    (void)state;
    static const double A[] = {25, 19, 19};
    static const double B[] = {7, 4, 4};
    static const double EXPECTED[] = {7, 4, 4};
    const struct kit_share shares[] = {{A, 2, 0.01}, {B, 1, 0.01}};
    double got[3] = {0};
    kit_number_least(shares, 2, 1, KIT_ROUND_NOT, 3, got);
    for (size_t i = 0; i < 3; i++) {
        assert_true(got[i] == EXPECTED[i]);
    }
}

/* on hand, free, incoming, outgoing, forecast: the least of each is another component's */
static void kit_number_least_takes_each_field_alone(void **state)
{
    (void)state;
    static const double A[] = {10, 8, 4, 0, 14};
    static const double B[] = {9, 9, 0, 6, 3};
    static const double EXPECTED[] = {5, 4, 0, 0, 3}; /* 3 is not 5 + 0 - 0 */
    const struct kit_share shares[] = {{A, 2, 0.01}, {B, 1, 0.01}};
    double got[5] = {0};
    kit_number_least(shares, 2, 1, KIT_ROUND_NOT, 5, got);
    for (size_t i = 0; i < 5; i++) {
        assert_true(got[i] == EXPECTED[i]);
    }
}

/* a = 5 + 2, b = 1 + 9 in two warehouses: all 7, the first 1, the second 2, as Odoo 15.0 said. */
static void kit_number_least_of_sums_is_not_the_sum_of_leasts(void **state)
{
    (void)state;
    static const double A[] = {5, 2, 7};
    static const double B[] = {1, 9, 10};
    static const double EXPECTED[] = {1, 2, 7};
    const struct kit_share shares[] = {{A, 1, 0.01}, {B, 1, 0.01}};
    double got[3] = {0};
    kit_number_least(shares, 2, 1, KIT_ROUND_NOT, 3, got);
    for (size_t i = 0; i < 3; i++) {
        assert_true(got[i] == EXPECTED[i]);
    }
}

static void kit_number_without_shares_is_zero_in_every_field(void **state)
{
    (void)state;
    for (int rounding = KIT_ROUND_NOT; rounding <= KIT_ROUND_RATIO; rounding++) {
        double got[] = {1, -1, 7};
        kit_number_least(NULL, 0, 2, (enum kit_rounding)rounding, 3, got);
        for (size_t i = 0; i < 3; i++) {
            assert_true(got[i] == 0);
        }
    }
    double got[] = {1, -1, 7};
    kit_number_sum(NULL, 0, 3, got);
    for (size_t i = 0; i < 3; i++) {
        assert_true(got[i] == 0);
    }
}

static void kit_number_sum_adds_up_each_field(void **state)
{
    (void)state;
    static const double A[] = {10, 0.1, -3};
    static const double B[] = {2.5, 0.2, 0};
    static const double C[] = {1, 0.3, 1};
    /* in the shares' order, not rounded, not floored */
    static const double EXPECTED[] = {13.5, 0.6000000000000001, -2};
    static const double WEIGHED[] = {13, 0.2999999999999998, -3};
    const struct kit_share once[] = {{A, 1, 0.01}, {B, 1, 0.01}, {C, 1, 1}};
    const struct kit_share weighed[] = {{A, 2, 0.01}, {B, -4, 0.01}, {C, 3, 1}};
    double got[3] = {99, 99, 99};
    kit_number_sum(once, 3, 3, got);
    for (size_t i = 0; i < 3; i++) {
        assert_true(got[i] == EXPECTED[i]);
    }
    kit_number_sum(weighed, 3, 3, got);
    for (size_t i = 0; i < 3; i++) {
        assert_true(got[i] == WEIGHED[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kit_number_least_equals_odoo),
        cmocka_unit_test(kit_number_least_of_a_confirmed_sale),
        cmocka_unit_test(kit_number_least_takes_each_field_alone),
        cmocka_unit_test(kit_number_least_of_sums_is_not_the_sum_of_leasts),
        cmocka_unit_test(kit_number_without_shares_is_zero_in_every_field),
        cmocka_unit_test(kit_number_sum_adds_up_each_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

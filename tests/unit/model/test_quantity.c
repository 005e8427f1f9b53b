#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/model/quantity.h"

/*
 * Expected values: Python 3.11, the arithmetic of Odoo 15's float_round (HALF-UP) written down
 * again from its description; 300,000 random values were compared bit by bit in the same way.
 */
static const struct {
    double value, rounding, expected;
} ROUNDED[] = {
    {2.675, 0.01, 2.68},
    {0.125, 0.01, 0.13},
    {-2.675, 0.01, -2.68},
    {-0.125, 0.01, -0.13},
    {2.6749, 0.01, 2.67},
    {1.005, 0.01, 1.01},
    {-1.005, 0.01, -1.01},
    {5.015, 0.01, 5.0200000000000005},
    {0.285, 0.01, 0.29},
    {99.995, 0.01, 100.0},
    {0.30000000000000004, 0.01, 0.3},
    {0.5, 1, 1.0},
    {1.5, 1, 2.0},
    {2.5, 1, 3.0},
    {-0.5, 1, -1.0},
    {-2.5, 1, -3.0},
    {0.4999999999, 1, 0.0},
    {0.49999999999999994, 1, 1.0}, /* one ulp below the tie counts as the tie */
    {1e-9, 0.01, 0.0},
    {7, 1, 7.0},
    {1.3, 0.5, 1.5},
    {1.25, 0.5, 1.5},
    {0.07, 0.05, 0.05},
    {10, 3, 9.0},
    {12.3456, 0.001, 12.346},
    {12.34565, 0.0001, 12.3457},
    {0.3333333333333333, 0.001, 0.333},
    {123456789.125, 0.01, 123456789.13},
    {4503599627370498.0, 1, 4503599627370499.0}, /* Odoo's epsilon is a whole unit there */
    {0, 0.01, 0.0},
    /* no rounding to speak of: unchanged */
    {2.675, 0, 2.675},
    {2.675, -1, 2.675},
};

static void quantity_round_half_up_equals_odoo(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ROUNDED / sizeof *ROUNDED; i++) {
        const double got = quantity_round_half_up(ROUNDED[i].value, ROUNDED[i].rounding);
        if (got != ROUNDED[i].expected) {
            fail_msg("%.17g at %.17g: got %.17g, expected %.17g", ROUNDED[i].value,
                     ROUNDED[i].rounding, got, ROUNDED[i].expected);
        }
    }
}

static void quantity_round_half_up_leaves_what_is_no_number(void **state)
{
    (void)state;
    assert_true(isnan(quantity_round_half_up((double)NAN, 0.01)));
    assert_true(isinf(quantity_round_half_up((double)INFINITY, 0.01)));
    assert_true(quantity_round_half_up(1.5, (double)NAN) == 1.5);
}

/*
 * Expected values: Python 3.11, the arithmetic of Odoo 15's float_round with UP and DOWN written
 * down from its description: the epsilon goes against the direction, ceil or floor is taken of the
 * absolute value, the sign is restored.
 */
static const struct {
    double value, rounding, up, down;
} DIRECTED[] = {
    {0.125, 0.01, 0.13, 0.12},
    {-0.125, 0.01, -0.13, -0.12},
    {1.2, 1, 2.0, 1.0},
    {-1.2, 1, -2.0, -1.0},
    {0.5, 1, 1.0, 0.0},
    {-0.5, 1, -1.0, 0.0},
    {2.675, 0.01, 2.68, 2.67},
    {-2.675, 0.01, -2.68, -2.67},
    {1.0 / 3, 0.01, 0.34, 0.33},
    {-1.0 / 3, 0.01, -0.34, -0.33},
    {2.0 / 3, 0.01, 0.67, 0.66},
    {0.08333333333333333, 0.01, 0.09, 0.08},
    {12.3456, 0.001, 12.346, 12.345},
    {123456789.125, 0.01, 123456789.13, 123456789.12},
    {1.3, 0.5, 1.5, 1.0},
    {10, 3, 12.0, 9.0},
    {1e-9, 0.01, 0.01, 0.0},
    {-1e-9, 0.01, -0.01, 0.0},
    {5e-324, 1, 1.0, 0.0},
    /* on a tick: stays, also where value / rounding is not whole */
    {3, 1, 3.0, 3.0},
    {7, 7, 7.0, 7.0},
    {0.1, 0.1, 0.1, 0.1},
    {0.3, 0.1, 0.30000000000000004, 0.30000000000000004},
    {0.07, 0.01, 0.07, 0.07},
    {0.1, 0.01, 0.1, 0.1},
    {0.29, 0.01, 0.29, 0.29},
    {0.57, 0.01, 0.5700000000000001, 0.5700000000000001},
    {1.1, 0.01, 1.1, 1.1},
    {4.35, 0.01, 4.3500000000000005, 4.3500000000000005},
    {8.2, 0.1, 8.200000000000001, 8.200000000000001},
    {0.30000000000000004, 0.1, 0.30000000000000004, 0.30000000000000004},
    /* one ulp next to a tick is the tick, two above it are not */
    {0.9999999999999999, 1, 1.0, 1.0},
    {1.0000000000000002, 1, 1.0, 1.0},
    {1.0000000000000004, 1, 2.0, 1.0},
    {2.9999999999999996, 1, 3.0, 3.0},
    {2.9999999999999996, 0.01, 3.0, 3.0},
    {3.0000000000000004, 1, 3.0, 3.0},
    {3.000000000000001, 1, 4.0, 3.0},
    {0.12999999999999995, 0.01, 0.13, 0.12},
    {0.12999999999999998, 0.01, 0.13, 0.13},
    {0.13000000000000003, 0.01, 0.13, 0.13},
    {0.13000000000000006, 0.01, 0.14, 0.13},
    /* Odoo's epsilon is a whole unit here, and two */
    {4503599627370498.0, 1, 4503599627370497.0, 4503599627370499.0},
    {9007199254740994.0, 1, 9007199254740992.0, 9007199254740996.0},
    {1e300, 0.01, 9.999999999999999e+299, 1.0000000000000003e+300},
    {0, 0.01, 0.0, 0.0},
    /* no rounding to speak of: unchanged */
    {2.675, 0, 2.675, 2.675},
    {2.675, -1, 2.675, 2.675},
    {2.675, (double)NAN, 2.675, 2.675},
    {2.675, (double)INFINITY, 2.675, 2.675},
};

static void quantity_round_up_and_down_equal_odoo(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof DIRECTED / sizeof *DIRECTED; i++) {
        const double value = DIRECTED[i].value;
        const double rounding = DIRECTED[i].rounding;
        const double up = quantity_round_up(value, rounding);
        const double down = quantity_round_down(value, rounding);
        if (up != DIRECTED[i].up || down != DIRECTED[i].down) {
            fail_msg("%.17g at %.17g: got %.17g up, %.17g down, expected %.17g, %.17g", value,
                     rounding, up, down, DIRECTED[i].up, DIRECTED[i].down);
        }
    }
}

static void quantity_round_up_and_down_leave_what_is_no_number(void **state)
{
    (void)state;
    assert_true(isnan(quantity_round_up((double)NAN, 0.01)));
    assert_true(isnan(quantity_round_down((double)NAN, 0.01)));
    assert_true(quantity_round_up((double)INFINITY, 0.01) == (double)INFINITY);
    assert_true(quantity_round_down((double)-INFINITY, 0.01) == (double)-INFINITY);
}

static const struct {
    double value;
    int64_t expected;
} FLOORED[] = {
    {0, 0},
    {2, 2},
    {2.9, 2},
    {-1.5, -2},
    {-0.1, -1},
    {-2, -2},
    {0.3 / 0.1, 3}, /* 2.9999999999999996 */
    {2.9999999999, 3},
    {2.99999999, 2},          /* 1e-8 below is below */
    {1000000 - 1e-4, 999999}, /* 1e-10 of it, but a thousandth of a cent is no noise */
    {1000000 - 1e-7, 1000000},
    {1e12 - 0.25, 999999999999}, /* a relative bound alone would ignore a thousand units */
    {-1e-12, 0},
    {1e15, 1000000000000000},
    {1e300, 1000000000000000},
    {-1e300, -1000000000000000},
    {(double)INFINITY, 1000000000000000},
    {-(double)INFINITY, -1000000000000000},
    {(double)NAN, 0},
};

static void quantity_floor_forgives_noise_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof FLOORED / sizeof *FLOORED; i++) {
        const int64_t got = quantity_floor(FLOORED[i].value);
        if (got != FLOORED[i].expected) {
            fail_msg("%.17g: got %lld, expected %lld", FLOORED[i].value, (long long)got,
                     (long long)FLOORED[i].expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantity_round_half_up_equals_odoo),
        cmocka_unit_test(quantity_round_half_up_leaves_what_is_no_number),
        cmocka_unit_test(quantity_round_up_and_down_equal_odoo),
        cmocka_unit_test(quantity_round_up_and_down_leave_what_is_no_number),
        cmocka_unit_test(quantity_floor_forgives_noise_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

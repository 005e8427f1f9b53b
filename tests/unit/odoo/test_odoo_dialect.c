#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/odoo/odoo_dialect.h"

static void odoo_dialect_knows_15_to_18_and_has_proven_15(void **state)
{
    (void)state;
    for (int major = 0; major < 30; major++) {
        const struct odoo_dialect *dialect = odoo_dialect_of(major);
        assert_int_equal(dialect != NULL, major >= 15 && major <= 18);
        if (dialect != NULL) {
            assert_int_equal(dialect->major, major);
            assert_int_equal(dialect->is_proven, major == 15);
        }
    }
}

static void odoo_dialect_says_what_the_sources_say(void **state)
{
    (void)state;
    static const struct odoo_dialect expected[] = {
        {15, true, false, ODOO_MOVES_15, KIT_BOM_TEMPLATE_FIRST, KIT_ROUND_NOT},
        {16, false, false, ODOO_MOVES_16, KIT_BOM_TEMPLATE_FIRST, KIT_ROUND_RESULT},
        {17, false, false, ODOO_MOVES_17, KIT_BOM_TEMPLATE_FIRST, KIT_ROUND_NOT},
        {18, false, true, ODOO_MOVES_18, KIT_BOM_VARIANT_FIRST, KIT_ROUND_RATIO},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const struct odoo_dialect *d = odoo_dialect_of(expected[i].major);
        assert_int_equal(d->has_storable_flag, expected[i].has_storable_flag);
        assert_int_equal(d->moves, expected[i].moves);
        assert_int_equal(d->bom_order, expected[i].bom_order);
        assert_int_equal(d->kit_rounding, expected[i].kit_rounding);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odoo_dialect_knows_15_to_18_and_has_proven_15),
        cmocka_unit_test(odoo_dialect_says_what_the_sources_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/plan/parked_pace.h"

static void parked_pace_is_a_minute_where_time_may_fix(void **state)
{
    (void)state;
    assert_int_equal(parked_pace_s("stale"), 60);
    assert_int_equal(parked_pace_s("refused"), 60);
    assert_int_equal(parked_pace_s("a reason of tomorrow"), 60);
}

static void parked_pace_is_slow_where_a_person_must_fix(void **state)
{
    (void)state;
    static const char *const reasons[] = {
        "no_sku",         "no_barcode",         "unmapped",
        "bundle",         "kit_without_number", "sku_shared_in_shopify",
        "level_inactive", "sku_shared_in_odoo", "level_missing",
        "item_missing",   "written_by_another", "item_changed",
        "tracking_locked"};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        assert_int_equal(parked_pace_s(reasons[i]), 900);
    }
}

static void parked_pace_never_retries_records_that_stay_unusable(void **state)
{
    (void)state;
    assert_int_equal(parked_pace_s("undecodable"), 0);
    assert_int_equal(parked_pace_s("basis_missing"), 0);
    assert_int_equal(parked_pace_s("skipped_by_operator"), 0);
    assert_int_equal(parked_pace_s("schema_unknown"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parked_pace_is_a_minute_where_time_may_fix),
        cmocka_unit_test(parked_pace_is_slow_where_a_person_must_fix),
        cmocka_unit_test(parked_pace_never_retries_records_that_stay_unusable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/plan/drift.h"

#define GRACE_US INT64_C(900000000)

static void each_kind_has_its_facts(void **state)
{
    (void)state;
    /* the row: found, quantity; the answer: item_found, connected, active, tracked, quantity */
    /* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the columns of a table */
    static const struct {
        const char *name;
        bool written, item, connected, active, tracked;
        int32_t quantity, withheld;
        bool is_tracked;
        int64_t grace_us, seen_for_us;
        bool older;
        enum drift_kind kind;
    } cases[] = {
        {"equal", true, true, true, true, true, 10, 1, true, GRACE_US, 0, false, DRIFT_NONE},
        {"sold", true, true, true, true, true, 9, 1, true, GRACE_US, 0, false, DRIFT_SOLD},
        {"sold a while ago", true, true, true, true, true, 9, 1, true, GRACE_US, GRACE_US - 1,
         false, DRIFT_SOLD},
        {"lower, the grace is over", true, true, true, true, true, 9, 1, true, GRACE_US, GRACE_US,
         false, DRIFT_LOWERED},
        {"lower without a grace", true, true, true, true, true, 9, 1, true, 0, 0, false,
         DRIFT_LOWERED},
        {"lower, no order has the unit", true, true, true, true, true, 9, 0, true, GRACE_US, 0,
         false, DRIFT_LOWERED},
        {"lower, the store does not say more", true, true, true, true, true, 9, -1, true, GRACE_US,
         0, false, DRIFT_SOLD},
        {"higher", true, true, true, true, true, 11, 1, true, GRACE_US, 0, false, DRIFT_RAISED},
        {"deactivated", true, true, true, false, true, 10, 1, true, GRACE_US, 0, false,
         DRIFT_INACTIVE},
        {"not stocked", true, true, false, false, true, 0, 1, true, GRACE_US, 0, false,
         DRIFT_MISSING},
        {"not tracked any more", true, true, true, true, false, 10, 1, true, GRACE_US, 0, false,
         DRIFT_UNTRACKED},
        {"never tracked, equal", true, true, true, true, false, 10, 1, false, GRACE_US, 0, false,
         DRIFT_NONE},
        {"never tracked, higher", true, true, true, true, false, 11, 1, false, GRACE_US, 0, false,
         DRIFT_RAISED},
        {"deleted", true, false, false, false, false, 0, 1, true, GRACE_US, 0, false, DRIFT_GONE},
        {"never written", false, true, true, true, true, 4, 1, true, GRACE_US, 0, false,
         DRIFT_UNWRITTEN},
        {"never written, not stocked", false, true, false, false, true, 0, 1, true, GRACE_US, 0,
         false, DRIFT_NONE},
        {"never written, deleted", false, false, false, false, false, 0, 1, true, GRACE_US, 0,
         false, DRIFT_NONE},
        {"an older number of ours, lower", true, true, true, true, true, 9, 1, true, GRACE_US, 0,
         true, DRIFT_REGRESSED},
        {"an older number of ours, higher", true, true, true, true, true, 12, 1, true, GRACE_US, 0,
         true, DRIFT_REGRESSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct level_known known = {.found = cases[i].written, .quantity = 10};
        const struct level_read read = {.item_found = cases[i].item,
                                        .connected = cases[i].connected,
                                        .active = cases[i].active,
                                        .tracked = cases[i].tracked,
                                        .quantity = cases[i].quantity,
                                        .withheld = cases[i].withheld};
        const struct drift_facts facts = {.known = &known,
                                          .read = &read,
                                          .is_tracked = cases[i].is_tracked,
                                          .grace_us = cases[i].grace_us,
                                          .seen_for_us = cases[i].seen_for_us,
                                          .older_of_ours = cases[i].older};
        enum drift_kind kind = drift_judge(&facts);
        if (kind != cases[i].kind) {
            fail_msg("%s: %s, not %s", cases[i].name, drift_name(kind), drift_name(cases[i].kind));
        }
    }
}

static void names_are_read_back_and_every_kind_has_advice(void **state)
{
    (void)state;
    for (int i = DRIFT_NONE + 1; i < DRIFT_KIND_COUNT; i++) {
        assert_int_equal(drift_parse(drift_name((enum drift_kind)i)), i);
        assert_true(strlen(drift_advice((enum drift_kind)i)) > 10);
    }
    assert_int_equal(drift_parse("equal"), DRIFT_NONE);
    assert_int_equal(drift_parse("stolen"), DRIFT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_its_facts),
        cmocka_unit_test(names_are_read_back_and_every_kind_has_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

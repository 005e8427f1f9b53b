#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/lane_state.h"

static const struct {
    const char *name;
    enum lane_state state;
    bool blocked, trouble;
} STATES[] = {
    {"starting", LANE_STARTING, false, false},
    {"catching_up", LANE_CATCHING_UP, false, false},
    {"running", LANE_RUNNING, false, false},
    {"throttled", LANE_THROTTLED, false, false},
    {"held", LANE_HELD, false, true},
    {"broken", LANE_BROKEN, true, true},
    {"unauthorised", LANE_UNAUTHORISED, true, true},
    {"closed", LANE_CLOSED, true, true},
    {"misconfigured", LANE_MISCONFIGURED, true, true},
    {"draining", LANE_DRAINING, true, false},
    {"stopped", LANE_STOPPED, false, false},
};

static void each_state_has_its_name_and_meaning(void **state)
{
    (void)state;
    assert_int_equal(sizeof STATES / sizeof STATES[0], LANE_STATE_COUNT);
    for (size_t i = 0; i < LANE_STATE_COUNT; i++) {
        assert_int_equal(STATES[i].state, i);
        assert_string_equal(lane_state_name(STATES[i].state), STATES[i].name);
        if (lane_state_is_blocked(STATES[i].state) != STATES[i].blocked ||
            lane_state_is_trouble(STATES[i].state) != STATES[i].trouble) {
            fail_msg("%s", STATES[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_state_has_its_name_and_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

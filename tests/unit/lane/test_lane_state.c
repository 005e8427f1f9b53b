#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/lane_state.h"

static const struct {
    enum lane_state state;
    const char *name;
    bool blocked, trouble;
} STATES[] = {
    {LANE_STARTING, "starting", false, false},
    {LANE_CATCHING_UP, "catching_up", false, false},
    {LANE_RUNNING, "running", false, false},
    {LANE_THROTTLED, "throttled", false, false},
    {LANE_HELD, "held", false, true},
    {LANE_BROKEN, "broken", true, true},
    {LANE_UNAUTHORISED, "unauthorised", true, true},
    {LANE_CLOSED, "closed", true, true},
    {LANE_MISCONFIGURED, "misconfigured", true, true},
    {LANE_DRAINING, "draining", true, false},
    {LANE_STOPPED, "stopped", false, false},
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

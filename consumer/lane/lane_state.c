#include "consumer/lane/lane_state.h"

static const char *const NAMES[] = {
#define LANE_STATE_TEXT(name, text) [LANE_##name] = (text),
    LANE_STATE_MAP(LANE_STATE_TEXT)
#undef LANE_STATE_TEXT
};

const char *lane_state_name(enum lane_state state)
{
    return NAMES[state];
}

bool lane_state_is_blocked(enum lane_state state)
{
    return state == LANE_UNAUTHORISED || state == LANE_CLOSED || state == LANE_MISCONFIGURED ||
           state == LANE_BROKEN || state == LANE_DRAINING;
}

bool lane_state_is_trouble(enum lane_state state)
{
    return state == LANE_BROKEN || state == LANE_UNAUTHORISED || state == LANE_CLOSED ||
           state == LANE_MISCONFIGURED || state == LANE_HELD;
}

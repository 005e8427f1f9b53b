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

enum lane_state lane_state_after_failure(enum status rc)
{
    switch (status_class(rc)) {
    case CLASS_STORE:
        if (rc == STATUS_AUTH) {
            return LANE_UNAUTHORISED;
        }
        return rc == STATUS_STORE_CLOSED ? LANE_CLOSED : LANE_MISCONFIGURED;
    case CLASS_FATAL:
        return LANE_MISCONFIGURED;
    case CLASS_NONE:
    case CLASS_TRANSIENT:
    case CLASS_RECORD:
        break;
    }
    return LANE_BROKEN;
}

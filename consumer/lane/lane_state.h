/**
 * lane_state: the states of a lane, their names, and the signals that change them. Pure.
 *
 * Only lane.c sets the state. Everything below it reports a signal.
 */
#ifndef STOCKSYNC_LANE_LANE_STATE_H
#define STOCKSYNC_LANE_LANE_STATE_H

#include <stdbool.h>

#include "common/core/status.h"

/* name, text for logs and metrics, meaning */
#define LANE_STATE_MAP(X)                                                                          \
    X(STARTING, "starting")           /* connecting, checking access, reading the catalogue */     \
    X(CATCHING_UP, "catching_up")     /* reading towards the end of the topic */                   \
    X(RUNNING, "running")             /* at the end, applying new records */                       \
    X(THROTTLED, "throttled")         /* the store asked for a pause */                            \
    X(HELD, "held")                   /* brake or source guard: writes wait for a person */        \
    X(BROKEN, "broken")               /* the store, Kafka or the state does not answer */          \
    X(UNAUTHORISED, "unauthorised")   /* 401 */                                                    \
    X(CLOSED, "closed")               /* frozen, locked, forbidden */                              \
    X(MISCONFIGURED, "misconfigured") /* scope, location, warehouse, version: a person must act */ \
    X(DRAINING, "draining")           /* asked to stop, waiting for answers */                     \
    X(STOPPED, "stopped")

enum lane_state {
#define LANE_STATE_ENUM(name, text) LANE_##name,
    LANE_STATE_MAP(LANE_STATE_ENUM)
#undef LANE_STATE_ENUM
        LANE_STATE_COUNT
};

/** "catching_up"; static. */
const char *lane_state_name(enum lane_state state);
/** Nothing new is sent; requests that wait are sent again as probes. */
bool lane_state_is_blocked(enum lane_state state);
/** A person or time must end it. One reason may replace another. */
bool lane_state_is_trouble(enum lane_state state);

/** The state of a lane whose session ended with this status. */
enum lane_state lane_state_after_failure(enum status rc);

/** What an answer says about the store as a whole. */
enum signal_kind {
    SIGNAL_NONE,
    SIGNAL_ANSWERS, /* the store answers again */
    SIGNAL_REASON,  /* a new reason for the present trouble */
    SIGNAL_STATE    /* the lane enters a state */
};

struct lane_signal {
    enum signal_kind kind;
    enum lane_state state; /* SIGNAL_STATE */
    char why[320];         /* SIGNAL_REASON, SIGNAL_STATE */
};

#endif

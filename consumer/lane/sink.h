/**
 * sink: where planned levels go: to the store, or to a printer that shows them.
 */
#ifndef STOCKSYNC_LANE_SINK_H
#define STOCKSYNC_LANE_SINK_H

#include <stdbool.h>

#include "common/core/status.h"

struct brake_control;
struct lane_context;
struct outcome;

/** Functions may be NULL: nothing to do. For the store all are, since requests carry the levels. */
struct sink {
    bool writes; /* false: nothing is changed in the store, and no brake holds */
    /** A session starts. Both are borrowed until it ends. */
    void (*begin)(void *arg, const struct lane_context *context, struct brake_control *brake);
    /** A level is complete. */
    void (*completed)(void *arg, const struct outcome *outcome);
    /** After each turn. @param at_end  every assigned partition is read to its end */
    enum status (*turn)(void *arg, bool at_end, struct err *err);
    /** The lane ends. */
    void (*end)(void *arg);
    void *arg;
};

#endif

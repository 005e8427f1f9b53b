/**
 * view_port: how a job shows its status to the threads that serve it.
 *
 * The job renders its status as JSON and hands it over; it does not know who keeps it.
 */
#ifndef STOCKSYNC_CORE_VIEW_PORT_H
#define STOCKSYNC_CORE_VIEW_PORT_H

#include "common/core/health.h"

struct view_port {
    /**
     * Replaces what other threads see of the job. Only the job's thread, or its maker before the
     * thread starts.
     *
     * @param health  copied: the reader computes ages and readiness at that moment
     * @param json    one JSON object; copied
     */
    void (*publish)(void *arg, const struct health *health, const char *json);
    void *arg;
};

#endif

/**
 * view_port: how a job shows its status to the threads that serve it.
 *
 * The job renders its status as JSON and hands it over; it does not know who keeps it.
 */
#ifndef STOCKSYNC_CORE_VIEW_PORT_H
#define STOCKSYNC_CORE_VIEW_PORT_H

#include <stdbool.h>

struct view_port {
    /**
     * Replaces what other threads see of the job. Only the job's thread, or its maker before the
     * thread starts.
     *
     * @param ready  the job works, or is in a state that no restart would fix
     * @param json   one JSON object; copied
     */
    void (*publish)(void *arg, bool ready, const char *json);
    void *arg;
};

#endif

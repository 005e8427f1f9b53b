/**
 * lane_options: what one lane is started with. All pointers are borrowed until lane_free.
 */
#ifndef STOCKSYNC_LANE_LANE_OPTIONS_H
#define STOCKSYNC_LANE_LANE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/conf.h"
#include "common/core/view_port.h"
#include "consumer/lane/store_conf.h"

/** The options that all lanes of a process share. */
struct lane_shared {
    const struct conf_pairs *kafka; /* passed through to the client */
    const char *topic;
    int64_t partitions; /* of the topic, as configured */
    const char *state_dsn;
    int64_t max_requests;        /* of one store in flight */
    int64_t drain_ms;            /* how long a stop waits for answers */
    int64_t reload_catalogue_ms; /* between two readings of a catalogue */
};

struct lane_options {
    const struct store_conf *store_conf;
    struct lane_shared shared;
    bool once;                       /* end when the topic is drained */
    bool dry_run;                    /* also when the store's own option is off */
    void (*print)(const char *line); /* dry run: a planned write, from the lane's thread; NULL: it
                                        is logged */
    struct view_port view;
};

#endif

/**
 * producer_conf: the producer's options as they are after start. producer/commands/options.h has
 * their table.
 */
#ifndef STOCKSYNC_PRODUCER_APP_PRODUCER_CONF_H
#define STOCKSYNC_PRODUCER_APP_PRODUCER_CONF_H

#include "common/core/conf_shared.h"

enum producer_mode { MODE_TABLE, MODE_LOGICAL };

struct producer_options {
    int mode; /* enum producer_mode */
    char *listen;
    int64_t batch_marks;
    int64_t idle_poll_ms;
    int64_t settle_ms;
    int64_t full_pass_ms; /* 0: off */
};

struct gc_options {
    int64_t every_ms;
    int64_t keep_attempts_ms;
};

struct producer_conf {
    struct shared_conf shared; /* first member, as conf_shared asks */
    struct producer_options producer;
    struct gc_options gc;
};

#endif

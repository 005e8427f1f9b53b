/**
 * parents_status: state, metrics and published status of role parents.
 *
 * One owner: the thread of role parents. Every change is published through the view port.
 */
#ifndef STOCKSYNC_PARENTS_PARENTS_STATUS_H
#define STOCKSYNC_PARENTS_PARENTS_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/metric.h"
#include "common/core/strbuf.h"
#include "common/core/view_port.h"

/* name, log text, why an operator sees it */
#define PARENTS_STATE_MAP(X)                                                                       \
    X(STARTING, "starting")           /* connecting, joining the group */                          \
    X(RUNNING, "running")             /* a member of the group */                                  \
    X(BROKEN, "broken")               /* Odoo's database or Kafka does not answer */               \
    X(MISCONFIGURED, "misconfigured") /* table, right, topic missing: a person must act */         \
    X(DRAINING, "draining")           /* asked to stop: marks what was read, commits */            \
    X(STOPPED, "stopped")

enum parents_state {
#define PARENTS_STATE_ENUM(name, text) PARENTS_##name,
    PARENTS_STATE_MAP(PARENTS_STATE_ENUM)
#undef PARENTS_STATE_ENUM
        PARENTS_STATE_COUNT
};

struct parents_metrics {
    struct metric *records, *expanded, *marks, *batches, *failures, *partitions, *delay;
    struct metric *ready, *answered[HEALTH_MAX_SERVERS]; /* by enum parents_server */
    struct metric *state[PARENTS_STATE_COUNT];           /* 1 for the present one, else 0 */
};

extern const struct metric_table parents_metric_table; /* fills struct parents_metrics */

struct parents_status {
    struct parents_metrics metrics;
    struct view_port view;
    struct strbuf json; /* reused */
    enum parents_state state;
    char why[320];
    int64_t since_us; /* wall */
    size_t partitions;
    struct health health;
};

/* Servers of struct health. */
enum parents_server { PARENTS_SERVER_ODOO, PARENTS_SERVER_KAFKA };

/** Registers the metrics and publishes state STARTING. */
void parents_status_init(struct parents_status *status, const struct view_port *view);
void parents_status_release(struct parents_status *status);
/** The only writer of the state: logs a change, refuses an illegal one, publishes. */
void parents_status_set(struct parents_status *status, enum parents_state state, const char *why);
/** A new reason for the present trouble. */
void parents_status_explain(struct parents_status *status, const char *why);
/** Takes the number of assigned partitions and publishes. */
void parents_status_set_partitions(struct parents_status *status, size_t count);
/** Publishes the present counts. */
void parents_status_publish(struct parents_status *status);

#endif

/**
 * lane: one store's thread, from the topic to Shopify.
 *
 * It owns a Kafka client, an HTTP client, a state connection and the plan; it shares nothing with
 * other lanes but metric cells and the logger. Whatever fails for a while ends in one of two ways:
 * a request waits with its bytes and is sent again, or the session (connections and plan) is
 * dropped and begun anew, exactly as after a crash: offsets and attempts say where to go on. A lane
 * never ends the process.
 */
#ifndef STOCKSYNC_CONSUMER_LANE_LANE_H
#define STOCKSYNC_CONSUMER_LANE_LANE_H

#include "common/core/thread.h"
#include "common/core/view_port.h"
#include "consumer/lane/store_conf.h"

/* name, log text, why an operator sees it */
#define LANE_STATE_MAP(X)                                                                          \
    X(STARTING, "starting")           /* connecting, checking access, reading the catalogue */     \
    X(CATCHING_UP, "catching_up")     /* reading towards the end of the topic */                   \
    X(RUNNING, "running")             /* at the end, applying what comes */                        \
    X(THROTTLED, "throttled")         /* the store said wait */                                    \
    X(BROKEN, "broken")               /* the store, Kafka or the state does not answer */          \
    X(UNAUTHORISED, "unauthorised")   /* 401 */                                                    \
    X(CLOSED, "closed")               /* frozen, locked, forbidden */                              \
    X(MISCONFIGURED, "misconfigured") /* scope, location, warehouse, version: a person must act */ \
    X(DRAINING, "draining")           /* asked to stop: finishing what is on its way */            \
    X(STOPPED, "stopped")                                                                          \
    X(HELD, "held") /* nothing is written until a person says so or the cause is gone */

enum lane_state {
#define LANE_STATE_ENUM(name, text) LANE_##name,
    LANE_STATE_MAP(LANE_STATE_ENUM)
#undef LANE_STATE_ENUM
};

struct lane;

/* What all lanes of a process have in common; borrowed until lane_free. */
struct lane_shared {
    const char *topic;
    int64_t partitions;
    const struct conf_pairs *kafka;
    const char *state_dsn;
    int64_t max_requests;
    int64_t drain_ms;
    int64_t reload_catalogue_ms;
};

struct lane_options {
    const struct store_conf *store_conf; /* borrowed until lane_free */
    struct lane_shared shared;
    bool once;                       /* drain what is in the topic now, then stop by itself */
    bool dry_run;                    /* also where the store's own option is off */
    void (*print)(const char *line); /* dry run: what would be written, from the lane's thread;
                                        NULL: it is logged */
    struct view_port view;
};

/** Makes the lane and publishes its first status. */
NODISCARD enum status
lane_new(const struct lane_options *options, struct lane **lane, struct err *err);
/** After its thread has ended. Accepts NULL. */
void lane_free(struct lane *lane);

/* The functions of a worker's job; lane: a struct lane *. */
NODISCARD enum status
lane_session(void *lane, struct thread *thread, bool *worked, struct err *err);
void lane_failed(void *lane, enum status rc, const struct err *err, int64_t pause_ms);
void lane_reloaded(void *lane);
void lane_stopped(void *lane);

const char *lane_state_name(enum lane_state state);

#endif

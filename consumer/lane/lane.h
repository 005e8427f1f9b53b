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

#include "common/core/strbuf.h"
#include "common/core/thread.h"
#include "consumer/app/consumer_conf.h"

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

struct lane_options {
    bool once;                       /* drain what is in the topic now, then stop by itself */
    bool dry_run;                    /* also where the store's own option is off */
    void (*print)(const char *line); /* dry run: what would be written, from the lane's thread;
                                        NULL: it is logged */
};

/**
 * Starts the lane's thread.
 * @param conf, store  borrowed until lane_free
 */
NODISCARD enum status lane_start(const struct consumer_conf *conf,
                                 const struct store_conf *store,
                                 const struct lane_options *options,
                                 struct lane **lane,
                                 struct err *err);
/** Asks the lane to finish, record, commit and leave. Any thread. */
void lane_ask_stop(struct lane *lane);
/** Asks the lane to read its token again and probe at once. Any thread. */
void lane_ask_reload(struct lane *lane);
bool lane_is_done(const struct lane *lane);
/** How it ended: STATUS_OK, or what kept it from draining. After lane_is_done. */
enum status lane_result(const struct lane *lane, struct err *err);
/** True once the lane has joined its group, or is in a state that no restart would cure. Any
 * thread. */
bool lane_is_ready(struct lane *lane);
/** Appends one JSON object: state, reason, counts, ages. Any thread. */
void lane_append_status(struct lane *lane, struct strbuf *out);
/** Joins the thread and frees. */
void lane_free(struct lane *lane);

const char *lane_state_name(enum lane_state state);

#endif

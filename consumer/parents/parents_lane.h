/**
 * parents_lane: the thread of role parents: records of the topic, to marks for the kits that the
 * products are part of.
 *
 * It owns a Kafka client of group [consumer] parents_group and a connection to Odoo's database.
 * Records with cause parent are not followed: kit_component holds every kit that a product is part
 * of, through other kits as well. Offsets are committed after the marks are; a crash in between
 * marks again. Failures drop the session (client and connection) and begin it anew; the lane never
 * ends the process. Any number of processes share the group.
 */
#ifndef STOCKSYNC_PARENTS_PARENTS_LANE_H
#define STOCKSYNC_PARENTS_PARENTS_LANE_H

#include <stdbool.h>

#include "common/core/strbuf.h"
#include "consumer/app/consumer_conf.h"

/* name, log text, why an operator sees it */
#define PARENTS_STATE_MAP(X)                                                                       \
    X(STARTING, "starting")           /* connecting, joining the group */                          \
    X(RUNNING, "running")             /* has joined */                                             \
    X(BROKEN, "broken")               /* Odoo's database or Kafka does not answer */               \
    X(MISCONFIGURED, "misconfigured") /* table, right, topic missing: a person must act */         \
    X(DRAINING, "draining")           /* asked to stop: marks what was read, commits */            \
    X(STOPPED, "stopped")

enum parents_state {
#define PARENTS_STATE_ENUM(name, text) PARENTS_##name,
    PARENTS_STATE_MAP(PARENTS_STATE_ENUM)
#undef PARENTS_STATE_ENUM
};

struct parents_lane;

/**
 * Starts the thread.
 * @param conf  borrowed until parents_lane_free; [odoo] dsn is set
 * @param once  mark for what is in the topic now, then stop by itself
 */
NODISCARD enum status parents_lane_start(const struct consumer_conf *conf,
                                         bool once,
                                         struct parents_lane **lane,
                                         struct err *err);
/** Asks it to mark what was read, commit and leave. Any thread. */
void parents_lane_ask_stop(struct parents_lane *lane);
/** Asks it to probe at once, where it waits after a failure. Any thread. */
void parents_lane_ask_reload(struct parents_lane *lane);
bool parents_lane_is_done(const struct parents_lane *lane);
/** How it ended: STATUS_OK, or what kept it from draining. After parents_lane_is_done. */
enum status parents_lane_result(const struct parents_lane *lane, struct err *err);
/** True once it has joined its group, or is in a state that no restart would cure. Any thread. */
bool parents_lane_is_ready(struct parents_lane *lane);
/** Appends one JSON object: state, reason, counts. Any thread. */
void parents_lane_append_status(struct parents_lane *lane, struct strbuf *out);
/** Joins the thread and frees. Accepts NULL. */
void parents_lane_free(struct parents_lane *lane);

#endif

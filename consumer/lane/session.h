/**
 * session: starts and ends everything that lives for one session of a lane: connections, plan and
 * the parts that work on them. A session that fails is dropped as a whole and begins again, as
 * after a crash: offsets and attempts say where to go on.
 */
#ifndef STOCKSYNC_LANE_SESSION_H
#define STOCKSYNC_LANE_SESSION_H

#include "consumer/lane/dispatch.h"
#include "consumer/lane/exchange.h"
#include "consumer/lane/leftovers.h"
#include "consumer/lane/records.h"
#include "consumer/lane/retries.h"
#include "consumer/lane/rule_watch.h"
#include "consumer/lane/verify.h"

struct session {
    struct lane_context c;
    struct catalogue *catalogue; /* outlives the session */
    struct requests requests;
    struct outcomes out;
    struct streams streams;
    struct source_guard guard;
    struct brake_control brake;
    struct unimported_sales sales;
    struct level_setup setup;
    struct planner planner;
    struct rule_watch rules;
    struct replan replan;
    struct leftovers leftovers;
    struct records records;
    struct retries retries;
    struct dispatch dispatch;
    struct exchange exchange;
    struct verify verify;
    int64_t commit_at_us, adopt_at_us; /* monotonic */
};

/** Parts of the lane that outlive its sessions; borrowed. */
struct session_setup {
    const struct lane_options *options;
    const struct lane_ports *ports;
    const struct lane_metrics *metrics;
    const struct sink *sink;
    struct store *store;
    struct catalogue *catalogue;
    bool *rescanned_at_start;
    bool *options_logged; /* what the options mean, once in the life of the lane */
    const char *group_id, *client_id;
    int stop_fd;
};

/**
 * Opens everything, joins the group.
 * @param s  [out] session_close in any case
 * @return STATUS_OK, or why the lane cannot work: see the ports, rule_table_build
 */
NODISCARD enum status
session_open(struct session *s, const struct session_setup *setup, struct err *err);
/** Leaves the group within leave_ms and drops everything. Zero is fine. */
void session_close(struct session *s, int leave_ms);

/** The figures of this moment. */
void session_fill_view(const struct session *s, struct lane_view *view);

/** Work that no record asks for now: new meanings of the options, units whose grace is over, last numbers of excluded products.
 * Only the first of these while history is read, which may change the others. @return also
 * STATUS_RENEW: new rules */
NODISCARD enum status session_look_back(struct session *s, bool at_end, struct err *err);
/** Monotonic time at which that, or a parked row, is due. */
int64_t session_look_back_us(const struct session *s);
/** Hands the committable offsets to the source. @param wait  for the broker's answer */
NODISCARD enum status session_commit(struct session *s, bool wait, struct err *err);
/** Partitions were assigned. */
NODISCARD enum status
session_assigned(struct session *s, const struct source_event *event, struct err *err);
/** Partitions leave, after their requests were answered or the wait was over. The plan forgets
 * them.
 * @return STATUS_TIMED_OUT: requests are still in flight, so the session must end */
NODISCARD enum status
session_revoked(struct session *s, const struct source_event *event, struct err *err);

/** The topic is read to its end, and nothing waits or is under way. */
bool session_is_drained(const struct session *s);
/** Compares levels with the store. @param blocked  the lane's state allows probes only */
NODISCARD enum status session_verify(struct session *s, bool blocked, struct err *err);
/** Monotonic time at which session_verify has something to do. */
int64_t session_verify_due_us(const struct session *s, bool blocked);

#endif

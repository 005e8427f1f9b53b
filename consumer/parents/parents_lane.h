/**
 * parents_lane: the job of role parents: it reads records of the topic and marks the kits that the
 * products are components of.
 *
 * One session owns a Kafka client of the group and a connection to Odoo's database. Records with
 * cause parent are not followed: kit_component lists every kit of a product, also through other
 * kits. Offsets are committed after the marks, so a crash in between marks the same kits again.
 * Any number of processes share the group.
 *
 * The functions below the life cycle are those of a worker's job and run in its thread.
 */
#ifndef STOCKSYNC_PARENTS_PARENTS_LANE_H
#define STOCKSYNC_PARENTS_PARENTS_LANE_H

#include <stdbool.h>

#include "common/core/conf.h"
#include "common/core/thread.h"
#include "common/core/view_port.h"
#include "consumer/parents/parents_ports.h"

struct parents_lane;

/* Everything that is pointed to is borrowed until parents_lane_free. */
struct parents_options {
    const struct conf_pairs *kafka; /* pass-through */
    const char *topic;
    const char *odoo_dsn;
    const char *state_dsn;
    const char *group;
    bool once; /* a session ends when the topic was read to its end and marked */
    struct view_port view;
    const struct parents_ports *ports;
};

/** Publishes the first status. */
struct parents_lane *parents_lane_new(const struct parents_options *options);
/** After its thread has ended. Accepts NULL. */
void parents_lane_free(struct parents_lane *lane);

/**
 * Opens the connections, reads and marks until asked to stop, marks what was read, commits, closes.
 *
 * @param lane    a struct parents_lane *
 * @param worked  [out] true when a batch was marked
 * @return STATUS_OK  asked to stop, or done with `once`; what could not be marked is not committed
 *         STATUS_RENEW  the producer has begun a new stream: begin again at once
 *         the failure of parents_streams_open, parents_open, record_source_open, record_source_poll or parents_mark
 */
NODISCARD enum status
parents_lane_session(void *lane, struct thread *thread, bool *worked, struct err *err);
void parents_lane_failed(void *lane, enum status rc, const struct err *err, int64_t pause_ms);
void parents_lane_reloaded(void *lane);
void parents_lane_stopped(void *lane);
/** Sets the metric. Any thread. */
void parents_lane_show_ready(void *lane, bool ready);

#endif

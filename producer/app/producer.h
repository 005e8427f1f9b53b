/**
 * producer: the run loop: become the leader, publish, recover from failures that pass.
 *
 * status.h has the states. No condition that can pass ends the loop: it waits, says why, and tries
 * again every few seconds. It ends for options that waiting cannot mend (STATUS_CONFIG), and when
 * another producer has taken the lead (STATUS_FENCED). Kafka also fences a leader whose transaction
 * lasted too long. When lock and epoch are still ours, a new Kafka client goes on.
 *
 * The floors, each of which calls only the ones after it:
 *
 *     producer   leadership, recovery, connections
 *     round      what to publish next
 *     deferred   what may wait
 *     upkeep     the duties of once a second
 *     streams    whether topic and database are still those of the stream
 *     outbox     products in, settled marks out
 *     chunk      products that are read and published together
 *
 * The main thread runs all of them. These have their own threads and connections, so that they
 * neither delay the tail nor wait for it: the scheduled cleaning (gc_task), the reading of deferred
 * chunks (deferred_reader), the count and age of the marks (mark_watch).
 */
#ifndef STOCKSYNC_PRODUCER_APP_PRODUCER_H
#define STOCKSYNC_PRODUCER_APP_PRODUCER_H

#include "common/core/strbuf.h"
#include "producer/app/producer_conf.h"
#include "producer/app/round.h"

struct producer;
struct connections;

/** Leadership and the tail's connections: functions with their first arguments. */
struct producer_port {
    struct leader *leader;
    struct connections *connections;
    enum status (*take)(struct leader *leader, struct err *err);
    bool (*is_held)(const struct leader *leader);
    enum status (*check)(struct leader *leader, struct err *err);
    enum status (*confirm)(struct leader *leader, struct err *err);
    void (*drop)(struct leader *leader);
    int64_t (*epoch)(const struct leader *leader);
    const struct leader_identity *(*identity)(const struct leader *leader);
    enum status (*ensure_topic)(const struct shared_conf *conf, struct err *err);
    /** Opens the tail's connections and reads what it needs. @param shape  [out] */
    enum status (*open)(struct connections *connections, struct odoo_shape *shape, struct err *err);
    /** Closes them; half open or closed ones are fine. */
    void (*close)(struct connections *connections);
};

/** What the floors need of the world. */
struct producer_ports {
    struct producer_port producer;
    struct round_port round;
    struct full_pass_port pass;
    struct deferred_reader_port reader;
    struct upkeep_port upkeep;
    struct streams_port streams;
    struct outbox_port outbox;
    struct chunk_port chunks; /* metrics: set by the producer */
};

/** @param conf  borrowed until producer_free. @param ports  copied */
NODISCARD struct producer *producer_new(const struct producer_conf *conf,
                                        const struct producer_ports *ports);
/** Runs until signals_stop_requested. @return STATUS_OK, STATUS_CONFIG, STATUS_FENCED */
NODISCARD enum status producer_run(struct producer *producer, struct err *err);
/** True while this process is the leader and publishes, and no trigger is missing. Any thread. */
bool producer_is_ready(struct producer *producer);
/** producer_status_note_marks. Any thread. */
void producer_note_marks(struct producer *producer, int64_t waiting, int64_t oldest_us);
/** Sets the gauges that change with time alone. Any thread. */
void producer_refresh_metrics(struct producer *producer);
/** Appends a JSON object. Any thread. */
void producer_append_status(struct producer *producer, struct strbuf *out);
/** Accepts NULL. */
void producer_free(struct producer *producer);

#endif

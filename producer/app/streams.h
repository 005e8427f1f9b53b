/**
 * streams: keeps the stream true: at each takeover and every 15 s it compares Kafka and Odoo's
 * database with what the state remembers (stream_rules), and begins a new stream if they went back
 * or were replaced.
 *
 * A new stream publishes every product, and a tombstone for each key that only the topic has. A
 * stream that goes on publishes again what was acknowledged and is not in stocksync.settled: a
 * server that crashed may have lost these changes together with their marks.
 *
 * Calling sequence: streams_new; streams_open after each failure, with outbox and tail open;
 * streams_run often; streams_stop at the end. Thread: the producer's main thread.
 */
#ifndef STOCKSYNC_PRODUCER_APP_STREAMS_H
#define STOCKSYNC_PRODUCER_APP_STREAMS_H

#include "producer/app/outbox.h"
#include "producer/app/status.h"
#include "producer/odoo/stream_rows.h"
#include "producer/publish/topic_probe.h"

struct streams;

/** Functions of producer/odoo and producer/publish with their first arguments. */
struct streams_port {
    struct leader *leader;
    struct pg_conn *conn; /* the tail's */
    enum status (*read)(struct leader *leader, struct stream *stream, struct err *err);
    enum status (*begin)(struct leader *leader, struct stream *stream, struct err *err);
    enum status (*note)(struct leader *leader, const struct stream *stream, struct err *err);
    enum status (*marked)(struct leader *leader, struct err *err);
    enum status (*read_identity)(struct leader *leader, struct err *err);
    const struct leader_identity *(*identity)(const struct leader *leader);
    int64_t (*ceiling)(const struct leader *leader);
    enum status (*raise_above)(struct leader *leader, int64_t revision, struct err *err);
    enum status (*read_settled)(struct pg_conn *conn, int64_t *revision, struct err *err);
    enum status (*write_settled)(struct pg_conn *conn,
                                 int64_t revision,
                                 bool durable,
                                 struct err *err);
    enum status (*forget_digests)(struct pg_conn *conn, struct err *err);
    enum status (*mark)(struct pg_conn *conn,
                        const int32_t *product_ids,
                        size_t count,
                        enum cause cause,
                        struct err *err);
    enum status (*mark_gone)(struct pg_conn *conn,
                             const int32_t *product_ids,
                             size_t count,
                             size_t *marked,
                             struct err *err);
    enum status (*open_topic)(const struct conf_pairs *kafka,
                              const char *name,
                              struct topic_probe **topic,
                              struct err *err);
    void (*close_topic)(struct topic_probe *topic);
    enum status (*read_ends)(struct topic_probe *topic,
                             int timeout_ms,
                             struct topic_facts *facts,
                             struct err *err);
    enum status (*read_newest)(struct topic_probe *topic,
                               int timeout_ms,
                               struct topic_facts *facts,
                               struct err *err);
    enum status (*read_from)(struct topic_probe *topic,
                             int timeout_ms,
                             const int64_t *starts,
                             size_t count,
                             topic_probe_record_fn each,
                             void *arg,
                             struct err *err);
    enum status (*read_keys)(struct topic_probe *topic,
                             int timeout_ms,
                             topic_probe_key_fn each,
                             void *arg,
                             struct err *err);
};

/** @param port  copied. The others are borrowed until free. */
NODISCARD struct streams *streams_new(const struct streams_port *port,
                                      const struct conf_pairs *kafka,
                                      const char *topic,
                                      struct outbox *outbox,
                                      struct producer_status *status,
                                      const struct producer_metrics *metrics);
/** Accepts NULL. */
void streams_free(struct streams *streams);
/**
 * Judges, begins a new stream if need be, and lets the outbox write its id.
 * @param epoch        of the leader: a new one begins to mark all products at the first one
 * @param publish_all  [out] every product must be marked, then streams_marked called
 * @return STATUS_TOPIC_UNFIT  an unexpected number of partitions
 *         the port's statuses
 */
NODISCARD enum status
streams_open(struct streams *streams, int64_t epoch, bool *publish_all, struct err *err);
/** Every product is marked. */
NODISCARD enum status streams_marked(struct streams *streams, struct err *err);
/**
 * Stores what is settled every few seconds, and judges every 15 s.
 * @return STATUS_STREAM_ENDED  a new stream must begin: streams_open
 */
NODISCARD enum status streams_run(struct streams *streams, struct err *err);
/** Stores what is settled, before the lock is released. */
NODISCARD enum status streams_stop(struct streams *streams, struct err *err);

#endif

/**
 * stream_rows: the stream in the state, and the settled revision in Odoo's database.
 *
 * A stream is one unbroken history of one database in one topic. What the state holds of it is
 * written in this order, so that a takeover finds any database that went back:
 *
 *   1. Odoo's database holds revision R in stocksync.settled, durably. So it holds, as durably, every
 *      change whose record has a revision up to R.
 *   2. The state holds R, and for each partition an offset up to which all records are that old. It
 *      moves on after a look at the record before it, which must still be the stream's.
 *
 * The stream's rows belong to the leader: they are written over its connection to the state while
 * the epoch is ours. Statuses are leader_next_revision's. Thread: the producer's main thread.
 */
#ifndef STOCKSYNC_ODOO_STREAM_ROWS_H
#define STOCKSYNC_ODOO_STREAM_ROWS_H

#include "common/core/uuid4.h"
#include "producer/odoo/leader.h"

#define STREAM_ID_SIZE      UUID4_TEXT_SIZE
#define STREAM_WHY_SIZE     16
#define STREAM_TOPIC_SIZE   250 /* Kafka's limit is 249 */
#define STREAM_CLUSTER_SIZE 128

/** A stream as the state remembers it. Zero-initialise; release. */
struct stream {
    bool exists; /* false: there is none yet, and only wanted_partitions counts */
    char id[STREAM_ID_SIZE];
    char why[STREAM_WHY_SIZE]; /* it began */
    int64_t began_us;          /* wall clock */
    int64_t first_revision;    /* all its records have greater ones */
    char topic[STREAM_TOPIC_SIZE];
    char cluster[STREAM_CLUSTER_SIZE]; /* Kafka's; "": it has none */
    struct leader_identity identity;   /* of Odoo's server */
    int64_t settled;
    bool marked;               /* every product was marked */
    int32_t wanted_partitions; /* as install --partitions said last; 0: it never did */
    size_t partition_count;
    int64_t *first_offsets; /* by partition: where it began */
    int64_t *next_offsets;  /* by partition: what is before them is settled */
};

void stream_release(struct stream *stream);

/** Reads the present stream. @param stream  [out] release in any case */
NODISCARD enum status
stream_rows_read(struct leader *leader, struct stream *stream, struct err *err);
/**
 * Makes this stream the present one: issues its first revision and stores its rows.
 * @param stream  [in, out] id, began_us, first_revision and settled are set
 */
NODISCARD enum status
stream_rows_begin(struct leader *leader, struct stream *stream, struct err *err);
/** Stores settled and next_offsets of the present stream. */
NODISCARD enum status
stream_rows_note(struct leader *leader, const struct stream *stream, struct err *err);
/** Every product was marked because of the present stream. */
NODISCARD enum status stream_rows_marked(struct leader *leader, struct err *err);

/** Reads stocksync.settled of Odoo's database. @return pg_query's statuses */
NODISCARD enum status
stream_rows_read_settled(struct pg_conn *conn, int64_t *revision, struct err *err);
/**
 * Writes stocksync.settled.
 * @param durable  waits until it is on disk, with everything that was committed before
 * @return pg_query's statuses
 */
NODISCARD enum status
stream_rows_write_settled(struct pg_conn *conn, int64_t revision, bool durable, struct err *err);

#endif

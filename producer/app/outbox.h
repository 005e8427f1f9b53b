/**
 * outbox: products in, settled marks out.
 *
 * Owns the Kafka transaction and what belongs to it: the client, the publisher, the chunks in
 * flight, the marks whose records it holds, and the last revision. A mark is deleted only after the
 * transaction that holds its record is committed:
 *
 *     submit ──▶ acknowledged ──▶ covered ──▶ committed ──▶ digests stored ──▶ marks deleted
 *
 * After a failure in between, the marks stay and their records come again with a newer revision.
 *
 * Calling sequence: outbox_new; outbox_open; for each batch outbox_begin_batch, outbox_submit and
 * outbox_finish for its chunks, outbox_end_batch; outbox_settle_if_due; outbox_abort after a
 * failure; outbox_close; outbox_free. Thread: the producer's main thread.
 */
#ifndef STOCKSYNC_PRODUCER_APP_OUTBOX_H
#define STOCKSYNC_PRODUCER_APP_OUTBOX_H

#include "common/core/conf.h"
#include "producer/app/chunk.h"
#include "producer/odoo/stream_rows.h"

struct outbox;

/** Chunks in flight at a time, and the products in all of them. */
#define OUTBOX_CHUNKS   8
#define OUTBOX_PRODUCTS ((size_t)2 * CHUNK_PRODUCTS)
/** A transaction that is open for this long is settled. What the tail asks of the database meanwhile
 * has the rest of KAFKA_TRANSACTION_TIMEOUT_MS to end. */
#define OUTBOX_OPEN_MS 4000

/**
 * Products are parked because of so many others or themselves that cannot be read, or of a tenth of
 * a chunk. More of them, or more in a row without a product that can be read, mean that a table is
 * at fault: nothing is parked then. Those that are parked already do not count.
 */
#define OUTBOX_UNREADABLE ((size_t)10)

/** What the outbox needs of the databases: functions of producer/odoo with their first argument. */
struct outbox_port {
    struct leader *leader;
    struct pg_conn *conn;
    enum status (*next_revision)(struct leader *leader, int64_t *revision, struct err *err);
    enum status (*park)(struct leader *leader,
                        const struct leader_parked *list,
                        size_t count,
                        struct err *err);
    enum status (*unpark)(struct leader *leader,
                          const int32_t *product_ids,
                          size_t count,
                          struct err *err);
    bool (*is_parked)(const struct leader *leader, int32_t product_id);
    enum status (*store_digests)(struct pg_conn *conn,
                                 const struct published_list *list,
                                 struct err *err);
    enum status (*delete_marks)(struct pg_conn *conn,
                                const int64_t *ids,
                                size_t count,
                                struct err *err);
    enum status (*write_settled)(struct pg_conn *conn,
                                 int64_t revision,
                                 bool durable,
                                 struct err *err);
};

struct outbox_options {
    const struct conf_pairs *kafka; /* borrowed until free, like topic */
    const char *topic;
    int64_t max_message_bytes;
    int64_t
        settle_us; /* under load: longest time between two settlements; at most OUTBOX_OPEN_MS */
    bool stores_digests; /* the full pass is on */
};

/** @param options, port  copied. @param status, metrics  borrowed until free */
NODISCARD struct outbox *outbox_new(const struct outbox_options *options,
                                    const struct outbox_port *port,
                                    struct producer_status *status,
                                    const struct producer_metrics *metrics);
/** Closes without settling. Accepts NULL. */
void outbox_free(struct outbox *outbox);

/**
 * Connects to Kafka and takes over: fences and aborts a predecessor. Call again after a failure.
 * @param database  of the leader; borrowed until outbox_close
 * @return record_sink_new's, record_sink_take_over's and publisher_new's statuses
 */
NODISCARD enum status
outbox_open(struct outbox *outbox, int64_t epoch, const char *database, struct err *err);
bool outbox_is_open(const struct outbox *outbox);
/** Of every later record. @param settled  the revision that this stream has settled */
void outbox_set_stream(struct outbox *outbox, const char *stream, int64_t settled);
/**
 * Where the acknowledged records of this stream end, as far as this process wrote them.
 * @param next_offsets  [out] by partition; -1: not known; borrowed until the next call of another
 *                      function
 * @return how many
 */
size_t outbox_acknowledged(const struct outbox *outbox, const int64_t **next_offsets);
/**
 * The last revision that is settled in this stream. Its marks, and those of all before, are deleted.
 * @param next_offsets  [out] by partition: every record before is that old; -1: not known; borrowed
 *                      until the next call of another function
 */
int64_t outbox_settled(const struct outbox *outbox, const int64_t **next_offsets, size_t *count);
/** Leaves an open transaction to the next take-over. A closed one is fine. */
void outbox_close(struct outbox *outbox);

/** Begins to count the products that the search for a poison record holds back. */
void outbox_begin_batch(struct outbox *outbox);
/**
 * Puts a chunk in flight, behind the others. Finishes them first when there is no room.
 * @param stock  of the chunk; gets revision, cause and time; borrowed for the call
 * @param fresh  a batch whose only chunk this is: its marks are covered once the chunk is
 *               acknowledged; sorted (batch_sort_marks), borrowed until then. NULL: the marks
 *               are those of outbox_end_batch
 * @return the port's, publisher_submit's and outbox_finish's statuses
 *         STATUS_DATABASE_UNFIT  more products than a few cannot be read: see OUTBOX_UNREADABLE
 */
NODISCARD enum status outbox_submit(struct outbox *outbox,
                                    const struct chunk *chunk,
                                    struct stock_batch *stock,
                                    const struct batch *fresh,
                                    struct err *err);
/** Chunks in flight. */
size_t outbox_in_flight(const struct outbox *outbox);
/** True when chunks are in flight and outbox_finish would not wait for Kafka. */
bool outbox_is_acknowledged(struct outbox *outbox);
/** Waits until all chunks in flight are acknowledged. Parks the refused products. */
NODISCARD enum status outbox_finish(struct outbox *outbox, struct err *err);
/** True when a transaction is open and the last settlement is OUTBOX_OPEN_MS ago. */
bool outbox_is_overdue(const struct outbox *outbox);
/** Finishes the chunks in flight, and settles when overdue: Kafka would end a transaction that stays
 * open for a long batch. */
NODISCARD enum status outbox_flush(struct outbox *outbox, struct err *err);
/**
 * Covers the marks of a batch whose products are all published, parked or held back. Marks of held
 * products are not covered. Settles at once when the batch has more than SETTLEMENT_MAX_MARKS.
 * @param last  the batch's last page of marks: all of them while outbox_is_bisecting
 */
NODISCARD enum status outbox_end_batch(struct outbox *outbox,
                                       const struct batch *batch,
                                       const struct mark_list *last,
                                       struct err *err);

/** Commits the transaction, then deletes exactly the marks that it covers. */
NODISCARD enum status outbox_settle(struct outbox *outbox, struct err *err);
/** @param idle  nothing else waits to be published: settle at once */
NODISCARD enum status outbox_settle_if_due(struct outbox *outbox, bool idle, struct err *err);
/** Marks that are covered and not settled. */
size_t outbox_unsettled(const struct outbox *outbox);
/** True when the mark is one of those, or of a fresh batch in flight: its record must not be made
 * again. */
bool outbox_has_mark(const struct outbox *outbox, int64_t mark_id);
/** True while a poison record is searched for. Batches are one page and one chunk then, each is
 * settled, and each read begins at the start. */
bool outbox_is_bisecting(const struct outbox *outbox);
/** The last one issued. */
int64_t outbox_revision(const struct outbox *outbox);

/** Serves Kafka's callbacks: once a second. @return record_sink_poll's statuses */
NODISCARD enum status outbox_poll(struct outbox *outbox, struct err *err);
/** Uncovers all marks, for a process that stops after a failure. */
void outbox_uncover(struct outbox *outbox);
/** After a failure: aborts the transaction and forgets all that belonged to it. @return
 * record_sink_abort's statuses */
NODISCARD enum status outbox_abort(struct outbox *outbox, struct err *err);

#endif

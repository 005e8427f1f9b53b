/**
 * round: what to publish next. One round reads marks from where the read cursor says, folds them to
 * a batch, publishes its immediate products, then its deferred ones, and settles when due. When
 * little waits, it marks more for a backfill or compares for the full pass.
 *
 * Thread: the producer's main thread.
 */
#ifndef STOCKSYNC_PRODUCER_APP_ROUND_H
#define STOCKSYNC_PRODUCER_APP_ROUND_H

#include "producer/app/chunk.h"
#include "producer/app/deferred.h"
#include "producer/app/full_pass.h"
#include "producer/app/outbox.h"
#include "producer/app/upkeep.h"

struct round;

/** What a backfill needs: functions of producer/odoo with their first arguments. */
struct round_port {
    struct pg_conn *conn;
    enum status (*mark_more)(struct pg_conn *conn,
                             int32_t after_product,
                             size_t limit,
                             int32_t *last_product,
                             size_t *inserted,
                             struct err *err);
};

/** All borrowed until round_free. */
struct round_parts {
    const struct chunk_port *chunks; /* the tail's */
    struct outbox *outbox;
    struct deferred *deferred;
    struct full_pass *pass;
    struct upkeep *upkeep;
    struct streams *streams;
    struct producer_status *status;
    const struct producer_metrics *metrics;
};

/** @param port  copied. @param page_marks  marks read at a time */
NODISCARD struct round *
round_new(const struct round_parts *parts, const struct round_port *port, size_t page_marks);
/** Accepts NULL. */
void round_free(struct round *round);

/** At start and at take-over: the first read begins at the start, at once. */
void round_begin(struct round *round);
/** After a failure: the next read begins at the start. */
void round_read_again(struct round *round);
/** From now on, rounds mark all products, in pieces, while few marks wait. */
void round_begin_backfill(struct round *round);
/**
 * Runs one round. The outbox and the tail are open.
 * @return STATUS_OK also when the process was asked to stop and the batch was given up: its marks
 *         stay; the statuses of the ports and the floors below
 */
NODISCARD enum status round_run(struct round *round, struct err *err);
/** How long to wait before the next round, ms. @param idle_ms  at most, when reads are not slow */
int64_t round_pace_ms(const struct round *round, int64_t idle_ms);

#endif

/**
 * producer_internal: what the files of the producer's loop share: producer.c (ownership, recovery,
 * what others see) and round.c (marks to records, settling).
 */
#ifndef STOCKSYNC_PRODUCER_APP_PRODUCER_INTERNAL_H
#define STOCKSYNC_PRODUCER_APP_PRODUCER_INTERNAL_H

#include <pthread.h>

#include "common/core/backoff.h"
#include "common/core/metric.h"
#include "producer/app/cycle.h"
#include "producer/app/producer.h"
#include "producer/odoo/hint.h"
#include "producer/odoo/marks.h"
#include "producer/odoo/owner.h"
#include "producer/odoo/stock_reader.h"
#include "producer/publish/publisher.h"
#include "producer/publish/record_sink.h"
#include "producer/publish/settlement.h"

/* Products whose state is in memory at a time. */
#define CHUNK_PRODUCTS 5000

enum producer_state { PRODUCER_STARTING, PRODUCER_STANDBY, PRODUCER_OWNER, PRODUCER_STOPPING };

struct producer_metrics {
    struct metric *marks, *records, *tombstones, *parked, *rounds, *settled, *failures, *unsettled,
        *oldest, *owner, *commit_to_acknowledged;
};

/* What other threads may see; copied out under the mutex. */
struct producer_view {
    enum producer_state state;
    bool publishing;
    char why[320];
    int64_t epoch, revision, oldest_us;
    uint64_t marks, records, tombstones, parked;
    size_t unsettled;
};

struct producer {
    const struct producer_conf *conf;
    struct owner *owner;
    struct pg_conn *tail;
    struct stock_reader *reader;
    struct record_sink *sink;
    struct publisher *publisher;
    struct settlement settlement;
    struct hint hint;
    struct mark_list marks;
    struct cycle cycle;
    struct publish_item *items; /* of the chunk on its way, by the index of its products */
    size_t held;                /* products held back in this round */
    struct backoff backoff;
    struct producer_metrics m;
    int64_t tick_us, progress_us, published_us;
    uint64_t progress_records;
    int64_t revision; /* last one issued */
    bool topic_seen;
    int32_t backfill_after; /* a whole backfill is under way: products up to this one are marked */
    bool backfilling;
    pthread_mutex_t mutex;
    struct producer_view view;
};

/* producer.c */
/** Copies counts and ages for other threads. */
void producer_publish_view(struct producer *p, int64_t oldest_us);

/* round.c */
/** One round of the tail: reads, publishes, settles when due, and looks after the lock once a
 * second. */
NODISCARD enum status round_run(struct producer *p, struct err *err);
/** Commits what is published and deletes its marks. */
NODISCARD enum status round_settle(struct producer *p, struct err *err);

#endif

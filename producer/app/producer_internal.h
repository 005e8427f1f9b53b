/**
 * producer_internal: what the files of the producer's loop share: producer.c (ownership, recovery,
 * what others see), round.c (marks to records, settling), waiting.c (products that may wait),
 * chunk.c (one slice of products to acknowledged records) and full_pass.c.
 */
#ifndef STOCKSYNC_PRODUCER_APP_PRODUCER_INTERNAL_H
#define STOCKSYNC_PRODUCER_APP_PRODUCER_INTERNAL_H

#include <pthread.h>

#include "common/core/backoff.h"
#include "common/core/metric.h"
#include "producer/app/chunk_reader.h"
#include "producer/app/cycle.h"
#include "producer/app/producer.h"
#include "producer/app/slice_reader.h"
#include "producer/odoo/kit_table.h"
#include "producer/odoo/leader.h"
#include "producer/odoo/marks.h"
#include "producer/odoo/odoo_version.h"
#include "producer/odoo/published.h"
#include "producer/odoo/read_cursor.h"
#include "producer/odoo/stock_reader.h"
#include "producer/publish/publisher.h"
#include "producer/publish/record_sink.h"
#include "producer/publish/settlement.h"

/* Products whose state is read at a time; a wave may have as many more that were set aside. */
#define CHUNK_PRODUCTS 5000
#define WAVE_PRODUCTS  ((size_t)2 * CHUNK_PRODUCTS)

/* Of waves and slices: so many are on their way at a time, and one more is read. */
#define SHIPMENTS_MAX 8
#define WAVES         (SHIPMENTS_MAX + 1)

/* Products that may wait are published by slices of this many while others change too. */
#define WAITING_SLICE_MIN 250

enum producer_state { PRODUCER_STARTING, PRODUCER_STANDBY, PRODUCER_LEADER, PRODUCER_STOPPING };

struct producer_metrics {
    struct metric *marks, *records, *tombstones, *parked, *rounds, *settled, *failures, *unsettled,
        *oldest, *owner, *kits, *kit_problems, *compared, *republished, *commit_to_acknowledged;
};

/* What other threads may see; copied out under the mutex. */
struct producer_view {
    enum producer_state state;
    bool publishing;
    char why[320];
    int64_t epoch, revision, oldest_us;
    uint64_t marks, records, tombstones, parked;
    size_t unsettled;
    char database[ODOO_UUID_SIZE];
    struct full_pass_state pass;
};

struct producer {
    const struct producer_conf *conf;
    struct leader *owner;
    struct pg_conn *tail;
    struct odoo_shape shape;
    struct chunk_reader state;   /* over the tail's connection */
    struct slice_reader *slices; /* over one of its own */
    struct record_sink *sink;
    struct publisher *publisher;
    struct settlement settlement;
    struct read_cursor hint;
    struct mark_list marks;
    struct cycle cycle;
    struct cycle_products urgent, waiting; /* of the round: see cycle_may_wait */
    size_t waiting_slice;                  /* products of `waiting` that are published together */
    struct mark_place newest;              /* where the reads of this round ended */
    struct mark_list fresh,
        aside;                  /* that came while the waiting ones are worked off: see waiting.c */
    struct cycle waves[WAVES];  /* of fresh marks: on their way, and next */
    int64_t fresh_us;           /* monotonic, when urgent products came last */
    struct publish_item *items; /* of the chunks on their way, one behind the other */
    size_t held;                /* products held back in this round */
    struct published_list digests; /* of records that are acknowledged and not settled */
    struct full_pass_state pass;
    struct id_list pass_ids;
    struct published_list pass_digests;
    int64_t pass_after_us; /* monotonic: the next slice of the pass */
    struct backoff backoff;
    struct producer_metrics m;
    int64_t tick_us, shape_us, progress_us, published_us, commit_us;
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
/** Tells the consumers which warehouses there are now. */
NODISCARD enum status producer_share_warehouses(struct producer *p, struct err *err);
/** Says which kits have no number. */
void producer_log_kits(struct producer *p, const struct kit_table_changes *changes);

/* round.c */
/** One round of the tail: reads, publishes, settles when due, and looks after the lock once a
 * second. */
NODISCARD enum status round_run(struct producer *p, struct err *err);
/** Commits what is published and deletes its marks. */
NODISCARD enum status round_settle(struct producer *p, struct err *err);

/** Settles within a long round, when it has been long enough. Call when nothing is on its way. */
NODISCARD enum status round_settle_within(struct producer *p, struct err *err);
/** Once a second: does the lock still hold, how old is the oldest mark, are Odoo's modules the
 * same. */
NODISCARD enum status round_tick(struct producer *p, struct err *err);

/* waiting.c */
/** Publishes p->waiting, and what changes meanwhile. @return also STATUS_STOPPING: the round is
 * given up; its marks stay, its records come again */
NODISCARD enum status waiting_publish(struct producer *p, struct err *err);

/* chunk.c */
/** Explodes what has to be and reads the state, inside the tail's present snapshot; tells the
 * consumers of warehouses that it found. */
NODISCARD enum status chunk_read_here(struct producer *p,
                                      const struct chunk *chunk,
                                      struct stock_batch *batch,
                                      struct err *err);
/** The same in a snapshot of its own: later than the marks, so it holds their changes too. */
NODISCARD enum status chunk_read(struct producer *p,
                                 const struct chunk *chunk,
                                 struct stock_batch *batch,
                                 struct err *err);
/** Queues the records: they are on their way while something else is read, behind those of other
 * chunks. No more than WAVE_PRODUCTS at a time: publisher_count. */
NODISCARD enum status chunk_submit(struct producer *p,
                                   const struct chunk *chunk,
                                   struct stock_batch *batch,
                                   struct err *err);
/** After a failure: what is on its way does not count. */
void chunks_drop(struct producer *p);
/** Whether chunks_finish would not wait. */
bool chunks_are_acknowledged(struct producer *p);
/** Waits until what is on its way is acknowledged. @param list  all of it, as it was submitted */
NODISCARD enum status
chunks_finish(struct producer *p, const struct chunk *list, size_t count, struct err *err);

/* full_pass.c */
/** What was left of it at the last stop; forgets the digests when it is off. */
NODISCARD enum status full_pass_open(struct producer *p, struct err *err);
/** Compares one slice, if the pass is on, due and nothing else is. Call when nothing is unsettled.
 */
NODISCARD enum status full_pass_step(struct producer *p, struct err *err);

#endif

/**
 * fake_odoo: Odoo's database, the leader's lock and a test clock, for tests of the producer's loop.
 *
 * Fills the loop's ports with functions over these structs. A test prepares them, lets functions
 * fail, and looks at what happened. The linker puts the functions of fake_process where the clock
 * and the signals are called. One thread, and the one that reads deferred chunks.
 */
#ifndef STOCKSYNC_PRODUCER_APP_FAKE_ODOO_H
#define STOCKSYNC_PRODUCER_APP_FAKE_ODOO_H

#include <stdatomic.h>

#include "producer/app/producer.h"

#define FAKE_MARKS    60000
#define FAKE_PRODUCTS 12000

/** Places where a test can make something fail or happen. */
enum fake_call {
    FAKE_SNAPSHOT,
    FAKE_READ_MARKS,
    FAKE_READ,
    FAKE_READ_DEFERRED,
    FAKE_SHARE,
    FAKE_REVISION,
    FAKE_PARK,
    FAKE_UNPARK,
    FAKE_STORE,
    FAKE_DELETE,
    FAKE_MARK_MORE,
    FAKE_BACKFILL_DONE,
    FAKE_CHECK,
    FAKE_SHAPE,
    FAKE_KITS,
    FAKE_VERIFY,
    FAKE_FORGET,
    FAKE_LOAD,
    FAKE_BEGIN,
    FAKE_NEXT,
    FAKE_READ_IDS,
    FAKE_MARK,
    FAKE_NOTE,
    FAKE_TAKE,
    FAKE_CONFIRM,
    FAKE_TOPIC,
    FAKE_OPEN,
    FAKE_CALLS
};

struct fake_odoo {
    /* the marks table, by id ascending */
    struct mark marks[FAKE_MARKS];
    size_t mark_count;
    int64_t next_mark;
    /* products 1 … product_count exist; others are gone */
    char *sku[64]; /* of the first ones; NULL: none */
    int32_t product_count;
    bool kits_filled;
    struct odoo_shape shape;
    struct stock_warehouse_row warehouses[2];
    size_t warehouse_count;
    /* the full pass */
    struct full_pass_state pass;
    int64_t digests[64]; /* stored, by product */
    size_t stored_digests;
    /* what is to happen, and what happened */
    struct kit_table_changes changes; /* what the next read with an explosion reports */
    void (*before[FAKE_CALLS])(void);
    enum status fail[FAKE_CALLS]; /* by the next call, once */
    int calls[FAKE_CALLS];
};

struct fake_leader {
    int64_t epoch, revision;  /* the last one of each */
    size_t shared_warehouses; /* how many the consumers know */
    size_t parked_count;
    int32_t parked[8];
    enum leader_backfill backfill;
    int drops;
    bool held;
};

struct fake_process {
    int64_t clock_us; /* added to the real clocks */
    int64_t slept_ms; /* sleeping takes no time, but the clock shows it */
    void (*on_sleep)(void);
    int release_after;         /* turns after which hold_deferred ends; 0: never */
    atomic_bool hold_deferred; /* the reader of deferred chunks waits while it is set */
    bool stop;                 /* the process is asked to stop */
};

extern struct fake_odoo fake;
extern struct fake_leader fake_leader;
extern struct fake_process fake_process;

/** An empty marks table, two warehouses, this leader. */
void fake_reset(void);
void fake_ports(struct producer_ports *ports);
/** Adds a mark. @return its id */
int64_t fake_mark(int32_t product_id, enum cause cause);
/** Adds a mark that asks for an explosion. */
int64_t fake_mark_structure(int32_t product_id);
/** True while the mark is in the table. */
bool fake_has_mark(int64_t id);
/** Metrics of the producer, registered once and kept by the process. */
const struct producer_metrics *fake_metrics(void);

#endif

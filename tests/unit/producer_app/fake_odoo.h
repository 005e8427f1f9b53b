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

#define FAKE_MARKS      60000
#define FAKE_PRODUCTS   12000
#define FAKE_PARTITIONS 4

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
    FAKE_STREAM_READ,
    FAKE_STREAM_BEGIN,
    FAKE_STREAM_NOTE,
    FAKE_STREAM_MARKED,
    FAKE_IDENTITY,
    FAKE_SETTLED_READ,
    FAKE_SETTLED_WRITE,
    FAKE_OPEN_TOPIC,
    FAKE_FACTS,
    FAKE_READ_FROM,
    FAKE_READ_NEWEST,
    FAKE_READ_KEYS,
    FAKE_MARK_GONE,
    FAKE_CHECK,
    FAKE_LIST_PARKED,
    FAKE_SHAPE,
    FAKE_KITS,
    FAKE_VERIFY,
    FAKE_TRIGGERS,
    FAKE_WAREHOUSES,
    FAKE_WANT,
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
    int32_t unreadable[64]; /* products that cannot be read, ascending; the first 0 ends them */
    int32_t culprit;        /* why they cannot: a component of all; 0: each itself */
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
    size_t due_count; /* of these: to be tried again */
    int32_t parked[64];
    char parked_reason[16]; /* of the last one */
    struct leader_identity identity;
    int64_t ceiling;
    int drops;
    bool held;
};

/* Odoo's database and the state know this of the stream, and the topic holds this. */
struct fake_stream {
    struct stream known; /* arrays of FAKE_PARTITIONS */
    int streams;         /* begun so far */
    int64_t settled;     /* of Odoo's database */
    bool durable;        /* the last write of settled was */
    char cluster[32];
    size_t partition_count;
    int64_t end_offsets[FAKE_PARTITIONS];
    struct topic_probe_record records[8]; /* of the topic, in order */
    size_t record_count;
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
extern struct fake_stream fake_stream;
extern struct fake_process fake_process;

/** An empty marks table, two warehouses, this leader, a stream that was published before. */
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

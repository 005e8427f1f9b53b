/**
 * bench: the surroundings of one module of a lane: a context with a real plan, ports that record
 * their calls, and a clock that only the test moves. One at a time.
 */
#ifndef STOCKSYNC_TESTS_UNIT_LANE_BENCH_H
#define STOCKSYNC_TESTS_UNIT_LANE_BENCH_H

#include "consumer/lane/context.h"
#include "consumer/lane/outcomes.h"
#include "consumer/lane/streams.h"

#define BENCH_MAX 16 /* things that are remembered of a kind */

/** A row as it was parked; its texts are copies. */
struct bench_row {
    char reason[32], detail[300], code[64], request_id[64];
    bool has_record;
    struct state_parked row;
};

struct bench_levels {
    struct level_write noted[BENCH_MAX];
    size_t noted_count;
    struct state_orphan orphans[BENCH_MAX];
    size_t orphan_count;
    struct state_owner followed[BENCH_MAX];
    size_t followed_count;
    const struct level_known *known; /* what a read answers, in order of the keys */
    const struct level_known *moved; /* the same after levels followed; NULL: none does */
    struct level_seen seen[BENCH_MAX];
    size_t seen_count;
    bool see_notes, see_first; /* what sales_see answers */
    struct state_unimported due[BENCH_MAX];
    size_t due_count;
    int64_t wake_us; /* what sales_next answers */
    size_t held_back;
    char settled[200];  /* "KEY:OUTCOME …" */
    char begun[400];    /* keys of the attempts that were stored */
    bool attempts_lost; /* another process has given them up */
    int64_t abandoned, abandon_before_us;
    struct state_attempt *adoptable;
    size_t adoptable_count;
};

struct bench_parked {
    struct bench_row rows[BENCH_MAX];
    size_t count;
    bool known;         /* rows were parked before */
    char unparked[400]; /* subjects */
    char settled[8000]; /* subjects */
    bool again;         /* settled rows were parked again meanwhile */
    const struct state_parked *given;
    size_t given_count;
    size_t share_max; /* of the last look */
    int64_t rested_ms;
    const char *in_memory[BENCH_MAX + 4];
};

struct bench_blocked {
    struct state_blocked noted[BENCH_MAX];
    size_t noted_count;
    bool skip;                       /* what a note answers */
    const struct state_blocked *row; /* what the state has; NULL: nothing */
    char ended[80];                  /* partitions */
};

struct bench_products {
    char noted[400]; /* "ID=TEXT …" */
    const struct state_product *others;
    size_t other_count;
    int32_t seconds; /* of the last question */
};

struct bench_planned {
    char digests[BENCH_MAX][STATE_DIGEST_SIZE]; /* by partition */
    bool has_levels;
    const struct state_leftover *leftovers;
    size_t leftover_count;
};

struct bench_streams {
    struct state_stream list[4]; /* the first is the present one */
    size_t count;
    int64_t first_offsets[4];
    char positions[4][STATE_STREAM_SIZE];
    struct streams known; /* as a session has them; opened without any */
};

struct bench_guard {
    struct state_guard row;
    struct state_contact contact;
    bool asked_go; /* by the last contact */
    bool adopts;   /* a hold becomes ours */
    struct state_guard held;
    int64_t held_revision;
    const char *pinned; /* by another process; NULL: nobody */
    size_t levels;
    const struct level_write *journal;
    size_t journal_count;
    int64_t journal_since_us;
};

struct bench_catalogue {
    int64_t read_us; /* what a look answers */
    bool wanted, locked;
    int64_t now_us; /* the server's clock */
    int64_t stored_read_us;
    char domain[64], match[16];
    const struct state_item *items;
    size_t item_count;
    char stored[400], removed[400]; /* "TEXT=ITEM …" */
};

struct bench_sent {
    enum operation op;
    char *variables;
    void *owner;
};

struct bench_store {
    struct bench_sent sent[BENCH_MAX];
    size_t sent_count;
    size_t running;
    char url[100];
    struct sku_index *(*load)(void); /* the catalogue that is read; NULL: the reading fails */
};

struct bench_source {
    size_t assigned;
    const struct source_event *events;
    size_t event_count, next;
    char from_start[100]; /* partitions that are read from their beginning, or "PARTITION@OFFSET" */
    char committed[100];  /* "PARTITION@OFFSET …" that were waited for */
    char paused[80];      /* "+PARTITION …": paused, "-PARTITION …": resumed */
    size_t lost_at;       /* the broker is lost before this event; 0: never */
};

struct bench {
    struct store_conf conf;
    struct lane_options options;
    struct lane_metrics metrics;
    struct store store;
    struct sink sink;
    struct location_rule location;
    int32_t warehouse;
    struct lane_context c;
    int64_t monotonic_us, wall_us;
    const char *fails; /* this function of a port fails */
    char calls[20000]; /* functions that were called, each with a blank behind */
    struct bench_levels levels;
    struct bench_parked parked;
    struct bench_blocked blocked;
    struct bench_products products;
    struct bench_planned planned;
    struct bench_streams streams;
    struct bench_guard guard;
    struct bench_catalogue catalogue;
    struct bench_store requests;
    struct bench_source input;
};

extern struct bench bench;

#define BENCH_TEST(function) cmocka_unit_test_setup_teardown(function, bench_open, bench_close)
#define BENCH_LOCATION       70     /* the one location of the store */
#define BENCH_OTHERS         900000 /* products from this id on belong to another process */

/** An empty lane; its clocks stand at 1000 s and at 1,795,000,000 s. For cmocka. */
int bench_open(void **state);
int bench_close(void **state);
/** Forgets the calls so far. */
void bench_forget(void);
void bench_pass_s(double seconds);

/** The next record of partition 0, with one hold. */
struct record_position bench_record(void);
/** A level of a new record, taken for work: BUSY. */
struct level *bench_level(int64_t item, int32_t product_id, int32_t quantity, int64_t revision);
/** The same, taken for a write while the store holds change_from. */
struct level *bench_ready(int64_t item, int32_t product_id, int32_t quantity, int32_t change_from);
/** A product that is sold and its item. */
void bench_product(int32_t product_id, const char *sku, int64_t item);
size_t bench_unfinished(void);
size_t bench_stage(enum level_stage stage);
/** The answer to an operation with HTTP status 200. */
void bench_answer(struct answer *answer, enum operation op, const char *body);
void bench_answer_http(struct answer *answer, enum operation op, long status, const char *body);

#endif

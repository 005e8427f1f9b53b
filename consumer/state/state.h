/**
 * state: a lane's memory in the schema stocksync: levels, attempts, products, catalogue,
 * parked rows, guard.
 * Functions over one pg_conn.
 *
 * Every write is one statement a batch. synchronous_commit stays on: an attempt must be durable
 * before it is sent. Outcomes alone need not be: a lost one is like a process that died before it
 * stored it. One owner: the lane's thread. Tables: schemas/sql/state_*.sql. Statuses are
 * pg_query's.
 */
#ifndef STOCKSYNC_STATE_STATE_H
#define STOCKSYNC_STATE_STATE_H

#include "common/core/bytes.h"
#include "common/pg/pg_conn.h"
#include "consumer/plan/level_write.h"

struct state;

/** @param dsn, store  borrowed until freed */
NODISCARD struct state *state_new(const char *dsn, const char *store);
/** The same, for a dry run: functions that would write do nothing and say STATUS_OK, with nothing
 * found or given out; the server refuses whatever is forgotten here. */
NODISCARD struct state *state_new_read_only(const char *dsn, const char *store);
void state_free(struct state *s);
/**
 * Connects if needed, checks the schema's version and takes the advisory lock that says "this
 * process lives". Every other function does so too: after STATUS_SOURCE_LOST the next call connects
 * anew.
 * @return STATUS_OK, STATUS_DATABASE_UNFIT (err: run install), pg_conn's statuses;
 *         STATUS_SOURCE_BUSY: the server still believes in the connection that we lost
 */
NODISCARD enum status state_open(struct state *s, struct err *err);

/* warehouses */
struct state_warehouse {
    int32_t id;
    char *code;
    char *company; /* company's name */
    bool active;
};
NODISCARD enum status
state_warehouses(struct state *s, struct state_warehouse **list, size_t *count, struct err *err);
void state_warehouses_release(struct state_warehouse *list, size_t count);

/* levels */
/** Fills known[i] for keys[i]. @param now_us  wall clock: units whose grace ended before do not
 * count */
NODISCARD enum status state_levels_read(struct state *s,
                                        const struct level_key *keys,
                                        size_t count,
                                        int64_t now_us,
                                        struct level_known *known,
                                        struct err *err);
/** Notes values that need no request because Shopify has them already (equal to what we wrote, or
 * read): upserts quantity, wanted and revision, never lowering a revision, and clears parked rows
 * of those levels up to that revision. */
NODISCARD enum status
state_levels_note(struct state *s, const struct level_write *list, size_t count, struct err *err);

/* units in flight */
/**
 * Units are missing in Shopify: notes what it holds now and until when the units are held back.
 * Levels that moved meanwhile are left alone, and what an open attempt asked for is recorded as
 * ours: read the levels again before deciding.
 */
NODISCARD enum status
state_unimported_see(struct state *s, struct level_seen *list, size_t count, struct err *err);
/** A level whose grace is over: to be brought to what Odoo wanted when it was last written. */
struct state_unimported {
    struct level_key key;
    int32_t product_id;
    int32_t desired;
    int64_t revision; /* of the last write */
};
#define STATE_UNIMPORTED_MAX 1000
/** Gives each level to one process; one that is not written within a minute is given out again.
 * @param list  [out] room for STATE_UNIMPORTED_MAX */
NODISCARD enum status state_unimported_due(
    struct state *s, int64_t now_us, struct state_unimported *list, size_t *count, struct err *err);
/** @param wake_us  [out] wall clock at which something is due; INT64_MAX: nothing is remembered
 *  @param levels    [out] levels with units held back, whichever process holds them */
NODISCARD enum status
state_unimported_next(struct state *s, int64_t *wake_us, size_t *levels, struct err *err);

/* attempts */
struct state_attempt {
    char key[37];
    unsigned generation;
    char *variables; /* the exact JSON that was or will be sent */
    struct level_write *list;
    size_t count;
};
/* Attempts that are stored at a time. */
#define STATE_ATTEMPTS_MAX 8
/**
 * Before the first send: makes attempts durable, all or none, waiting for the disk once. Calling
 * again after a lost connection is fine.
 * @param count  at most STATE_ATTEMPTS_MAX
 * @return STATUS_OK, pg_query's, and STATUS_SOURCE_BUSY also when another attempt used a key
 * before: build it anew with another generation
 */
NODISCARD enum status state_attempts_begin(struct state *s,
                                           const struct state_attempt *const *list,
                                           size_t count,
                                           struct err *err);
/** What became of an attempt. */
struct state_outcome {
    const struct state_attempt *attempt;
    const char *outcome;    /* "applied", "refused", "stale", "superseded" */
    const char *request_id; /* may be NULL */
};
/**
 * Outcomes are known. In one statement: marks the attempts answered (outcome, request id, wall
 * time), and, of those applied, upserts the levels where their revision does not fall and clears
 * parked rows of those levels up to that revision. Calling again is fine.
 */
NODISCARD enum status state_attempts_settle(struct state *s,
                                            const struct state_outcome *list,
                                            size_t count,
                                            int64_t answered_at_us,
                                            struct err *err);
/**
 * Attempts without outcome whose process is gone (its advisory lock is free): becomes theirs.
 * Called at start and after partitions were assigned. The server may notice a moment late that a
 * process is gone: what is missed now is found by a later call. In order of sending; list is owned
 * by the caller: state_attempts_release.
 */
NODISCARD enum status
state_attempts_adopt(struct state *s, struct state_attempt **list, size_t *count, struct err *err);
void state_attempts_release(struct state_attempt *list, size_t count);

/* products: how each is known, for plan/sku_claims */
struct state_product {
    int32_t product_id;
    bool sellable;
    const char *text; /* NULL: none; on load valid during the callback only */
    int64_t revision;
};
NODISCARD enum status state_products_load(struct state *s,
                                          void (*each)(void *arg,
                                                       const struct state_product *product),
                                          void *arg,
                                          struct err *err);
/** Upserts, never lowering a revision. */
NODISCARD enum status state_products_note(struct state *s,
                                          const struct state_product *list,
                                          size_t count,
                                          struct err *err);
/** As state_products_load, what other processes of the store noted within these seconds. */
NODISCARD enum status state_products_noted(struct state *s,
                                           int32_t seconds,
                                           void (*each)(void *arg,
                                                        const struct state_product *product),
                                           void *arg,
                                           struct err *err);

/* catalogue: what the store's variants carry; for plan/sku_index */
struct state_item {
    const char *text; /* SKU or barcode; on load valid during the callback only */
    int64_t item;
    bool tracked;
    bool bundle;
};
/** Of which shop and of which of its texts the rows are: of any other they count as absent. */
struct state_catalogue {
    const char *match;
    const char *domain;
};
/**
 * @param read_us  [out] wall clock at which the whole reading began that the rows are of; 0: none
 * @param wanted   [out] a person asked for another one since
 */
NODISCARD enum status state_catalogue_look(struct state *s,
                                           const struct state_catalogue *which,
                                           int64_t *read_us,
                                           bool *wanted,
                                           struct err *err);
/** A whole reading that began then is stored. */
NODISCARD enum status state_catalogue_read(struct state *s,
                                           const struct state_catalogue *which,
                                           int64_t read_us,
                                           struct err *err);
/** Asks the processes that serve the store for another reading. */
NODISCARD enum status state_catalogue_want(struct state *s, struct err *err);
/** One process reads a store's catalogue. Taken with the connection, and lost with it.
 * @param taken  [out] false: another process has it
 * @param now_us [out] wall clock of the server: when a reading begins */
NODISCARD enum status
state_catalogue_lock(struct state *s, bool *taken, int64_t *now_us, struct err *err);
NODISCARD enum status state_catalogue_unlock(struct state *s, struct err *err);
/** For a person. Texts are the caller's (state_catalogue_report_release), NULL: no example. */
struct state_catalogue_report {
    int64_t read_us; /* 0: never read */
    int64_t texts;
    int64_t shared, untracked, unmapped; /* texts on several items; items; products */
    char *shared_examples, *untracked_examples, *unmapped_examples;
};
NODISCARD enum status
state_catalogue_report(struct state *s, struct state_catalogue_report *report, struct err *err);
void state_catalogue_report_release(struct state_catalogue_report *report);
/** Calls each for every row; it must not call functions of state. */
NODISCARD enum status state_items_load(struct state *s,
                                       void (*each)(void *arg, const struct state_item *item),
                                       void *arg,
                                       struct err *err);
/** Upserts; each (text, item) at most once in a list. */
NODISCARD enum status
state_items_store(struct state *s, const struct state_item *list, size_t count, struct err *err);
NODISCARD enum status
state_items_remove(struct state *s, const struct state_item *list, size_t count, struct err *err);
/** Forgets the store's catalogue. */
NODISCARD enum status state_items_clear(struct state *s, struct err *err);
/** Items that lost their text: in one statement, levels that were written to them become parked
 * rows (reason "item_changed", with the wanted number), and are no levels any more. */
struct state_orphan {
    int64_t item;
    char detail[200];
};
NODISCARD enum status state_levels_orphan(struct state *s,
                                          const struct state_orphan *list,
                                          size_t count,
                                          struct err *err);

/* parked */
/** What is parked: exactly one of product, level or record. */
struct state_parked {
    char subject[160];    /* "product/17", "level/4401/7001", "record/<topic>/<partition>/<offset>":
                             see state_subject_* */
    int32_t product_id;   /* 0: none */
    int32_t partition;    /* -1: none */
    struct level_key key; /* 0, 0: none */
    const char *topic;
    int64_t offset;
    int64_t revision;
    int32_t quantity; /* level: wanted */
    int32_t wait_s;   /* before the first retry, growing with each that fails; 0: none before a
                         start */
    /* "no_sku", "unmapped", "sku_shared_in_odoo", "sku_shared_in_shopify", "bundle",
     * "item_changed", "item_missing", "level_missing", "level_inactive", "tracking_locked",
     * "refused", "stale", "undecodable" … */
    const char *reason;
    const char *code;        /* Shopify's code, may be NULL */
    const char *detail;      /* a sentence for a person */
    const char *request_id;  /* may be NULL */
    struct bytes record_key; /* product and record: the record itself, so that it can be tried
                                again; ptr NULL: none */
    struct bytes record_value;
    int32_t attempts; /* [out] of a row that is read: how often it was tried and failed */
    bool first;       /* [out] of state_park: it was not parked before */
};
/* A topic name over 110 bytes is cut and a hash of it put behind: subjects stay unique. */
void state_subject_product(char subject[160], int32_t product_id);
void state_subject_level(char subject[160], struct level_key key);
void state_subject_record(char subject[160], const char *topic, int32_t partition, int64_t offset);
/**
 * Upserts: first_at stays, last_at and attempts move, the next retry is put off; a row of an older
 * revision never replaces a newer one. Position and record of the row before stay when the new one
 * has none (partition and offset -1, ptr NULL).
 */
NODISCARD enum status
state_park(struct state *s, struct state_parked *list, size_t count, struct err *err);
/** Deletes rows by subject; missing ones are fine. */
NODISCARD enum status
state_unpark(struct state *s, const char *const *subjects, size_t count, struct err *err);
/** Calls each for every product that has a row of its own, ascending. */
NODISCARD enum status state_parked_products(struct state *s,
                                            void (*each)(void *arg, int32_t product_id),
                                            void *arg,
                                            struct err *err);

/* parked rows are tried again: each is given to one process, for a minute */
#define STATE_RETRY_MAX 200
/** Which rows this process may take: those of its partitions, and those that have none. */
struct state_share {
    const int32_t *partitions;
    size_t partition_count;
    size_t max; /* rows, at most STATE_RETRY_MAX */
};
typedef void (*state_parked_fn)(void *arg, const struct state_parked *row);
/** Calls each for the rows that are due. Values are valid during the callback only; it may call
 * functions of state. @param count  [out] rows given out */
NODISCARD enum status state_parked_due(struct state *s,
                                       const struct state_share *share,
                                       state_parked_fn each,
                                       void *arg,
                                       size_t *count,
                                       struct err *err);
/** A page of all rows, due or not. */
struct state_sweep {
    const char *const *reasons; /* NULL-terminated; none or NULL: all */
    int64_t rested_ms;          /* not those that were parked, or parked again, within so long */
    char after[160];            /* moved to the page's last subject; "" at first */
};
/** As state_parked_due. A page that is not full is the last. */
NODISCARD enum status state_parked_sweep(struct state *s,
                                         const struct state_share *share,
                                         struct state_sweep *sweep,
                                         state_parked_fn each,
                                         void *arg,
                                         size_t *count,
                                         struct err *err);
/** A row that was given out, as it was then. */
struct state_tried {
    char subject[160];
    int64_t revision;
    int32_t attempts;
    bool cured; /* [out] it is gone */
};
/** What was tried is through: takes off the rows that were not parked again meanwhile. */
NODISCARD enum status
state_parked_settle(struct state *s, struct state_tried *list, size_t count, struct err *err);

/* guard: what stops a store as a whole (brake, clone guard) */
#define STATE_DATABASE_SIZE 64
struct state_guard {
    bool loaded;                        /* the first load is over */
    char database[STATE_DATABASE_SIZE]; /* whose records are applied; "": none yet */
    int64_t database_since;             /* revision: older ones of other databases are skipped */
    int64_t accepted_revision;          /* up to here a person has accepted what would be written */
    int64_t held_at_us;                 /* wall clock; 0: not held */
    bool ours;                          /* held by this process */
    char reason[32];
    char detail[320];
    char examples[1200]; /* one line each */
};
/** A store without a row has an empty guard. */
NODISCARD enum status state_guard_read(struct state *s, struct state_guard *guard, struct err *err);
/** A hold whose process is gone becomes ours; read again. */
NODISCARD enum status state_guard_adopt(struct state *s, struct err *err);
/** Holds the store, or tells anew why, unless another living process does.
 * @param revision  the greatest one planned */
NODISCARD enum status state_guard_hold(struct state *s,
                                       const struct state_guard *guard,
                                       int64_t revision,
                                       struct err *err);
/** Ends our hold; another one's stays. */
NODISCARD enum status state_guard_release(struct state *s, struct err *err);
/** The first load is over, for good. */
NODISCARD enum status state_guard_loaded(struct state *s, struct err *err);
/** Pins the database if none is pinned. @param database  [in, out] becomes the pinned one */
NODISCARD enum status
state_guard_pin(struct state *s, char database[STATE_DATABASE_SIZE], struct err *err);
/** A person says go on. Accepts what Odoo said up to now if the store is held. @param database
 * NULL: stays; else confirmed as of now */
NODISCARD enum status state_guard_resume(struct state *s, const char *database, struct err *err);
/** Levels of the store that are known. */
NODISCARD enum status state_guard_levels(struct state *s, size_t *levels, struct err *err);
/** Calls each for every level that was written since then, from its first value to its last; nothing
 * of the first load, nothing accepted. In order of time. */
NODISCARD enum status
state_guard_journal(struct state *s,
                    int64_t since_us,
                    int64_t accepted_revision,
                    void (*each)(void *arg, const struct level_write *write, int64_t at_us),
                    void *arg,
                    struct err *err);

#endif

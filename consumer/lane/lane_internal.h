/**
 * lane_internal: what the files of the lane share: lane.c (thread and states), lane_session.c
 * (start of a session, rebalances), lane_records.c (records into the plan), lane_requests.c (the
 * plan into requests), lane_answers.c (answers into the state), lane_breaker.c (a store that does
 * not answer), lane_brake.c (holding the store), lane_guard.c (whose records are applied),
 * lane_in_flight.c (units sold and not yet imported), lane_parked.c (parked rows: stored, tried
 * again, taken off), lane_levels.c (levels that must be activated or tracked first),
 * lane_dry_run.c. The mapping: lane_catalogue.h.
 */
#ifndef STOCKSYNC_CONSUMER_LANE_LANE_INTERNAL_H
#define STOCKSYNC_CONSUMER_LANE_LANE_INTERNAL_H

#include "common/core/backoff.h"
#include "common/core/metric.h"
#include "consumer/intake/decode.h"
#include "consumer/intake/record_source.h"
#include "consumer/lane/catalogue.h"
#include "consumer/lane/lane.h"
#include "consumer/lane/rule_table.h"
#include "consumer/plan/brake.h"
#include "consumer/plan/breaker.h"
#include "consumer/plan/budget.h"
#include "consumer/plan/coalescer.h"
#include "consumer/plan/foreign_records.h"
#include "consumer/plan/offset_ledger.h"
#include "consumer/plan/parked_set.h"
#include "consumer/plan/rules.h"
#include "consumer/plan/sku_claims.h"
#include "consumer/plan/sku_index.h"
#include "consumer/shopify/catalog.h"
#include "consumer/shopify/graphql.h"
#include "consumer/shopify/inventory.h"
#include "consumer/state/state.h"

/* Records planned before the lane looks at answers again; bounds the memory of one turn. */
#define LANE_TURN_RECORDS 2000
/* Pairs whose last written values are asked for in one statement. */
#define LANE_RESOLVE_PAIRS 1000
/* Attempts that are stored together, and outcomes. More would keep the first one waiting. */
#define LANE_GROUP 4
/* STALE answers for one wanted value before the level is parked. */
#define LANE_MAX_TRIES 6
/* Codes that a store's lane has told loudly: what comes after them is only counted. */
#define LANE_TOLD_CODES 16

/* Parked rows that are being tried at a time. */
#define LANE_RETRIES_MAX 1000
/* Reasons that several files know. */
#define LANE_UNMAPPED       "unmapped"
#define LANE_SHARED_IN_ODOO "sku_shared_in_odoo"
/* Reasons of one sweep over parked rows. */
#define LANE_REASONS 12

/* Examples of a kind in /status. */
#define LANE_EXAMPLES 3

enum request_phase {
    REQUEST_FREE,
    REQUEST_BUILT,  /* its attempt is not stored yet */
    REQUEST_SENT,   /* waiting for the answer */
    REQUEST_WAITING /* same bytes again at retry_at_us */
};

/* One mutation or read on its way. */
struct request {
    enum request_phase phase;
    enum operation op;
    struct level
        *levels[INVENTORY_MAX_ENTRIES]; /* NULLs for an adopted attempt: its levels belong to
                                                  nobody here */
    struct level_write list[INVENTORY_MAX_ENTRIES];
    size_t count;
    struct state_attempt
        attempt;         /* OP_STOCK_SET: key, generation, variables; list and count point here */
    char *variables;     /* owned */
    char request_id[64]; /* of the answer, once it was applied */
    bool noop;           /* that answer: Shopify held every value already */
    bool adopted;
    unsigned sends; /* how often it went out: after the first, it may have been executed before */
    double cost;
    struct budget_ticket ticket;
    int64_t begun_us;    /* monotonic; when it was made, 0: before our time */
    int64_t retry_at_us; /* monotonic */
    struct backoff backoff;
};

struct lane_metrics {
    struct metric *records, *applied, *unchanged, *superseded, *excluded[EXCLUSION_COUNT], *parked,
        *requests, *reads, *throttled, *stale, *unknown, *refused, *state, *pending, *age, *halved,
        *odd_codes, *unfinished, *parked_again, *cured, *parked_now, *points, *in_flight_levels,
        *unimported_seen, *in_flight_units, *commit_to_applied, *charged, *throttle_wait, *breaker,
        *activated, *tracked, *untracked_now, *catalogue_age, *held, *holds, *brake_fallen,
        *brake_changed, *foreign;
};

#define HOLD_EXAMPLES 10

/* Why nothing is written. */
struct lane_hold {
    bool on;
    bool ours; /* false: another process of this store holds it */
    char reason[32];
    char detail[320];
    struct brake_figures figures;
    struct hold_example {
        int32_t product_id;
        char sku[48];
        struct level_key key;
        int32_t from, to;
    } examples[HOLD_EXAMPLES];
    size_t example_count;
    int64_t told_us;  /* monotonic: the state was told */
    int64_t revision; /* that it was told */
    int64_t calm_us;  /* monotonic: the cause is gone since then; 0: it is not */
};

/* What a dry run has to say at its end. */
struct dry_run_figures {
    size_t would_write, equal, settled, foreign;
    struct {
        char reason[32];
        size_t count;
    } parked[16];
    size_t parked_count;
    char brake[320]; /* "": it would not hold */
};

/* A record that was parked and may be cured by a later one; owned. A real run has them in the
 * state.
 */
struct dry_run_record {
    int32_t product_id;
    int32_t partition;
    int64_t offset;
    unsigned char *key, *value;
    size_t key_len, value_len;
};

/* What the status shows. */
struct lane_view {
    enum lane_state state;
    char why[320];
    int64_t since_us; /* wall */
    size_t pending, in_flight, unfinished, partitions, mapped, ambiguous, untracked, parked,
        unimported_levels;
    uint64_t records, applied;
    double points, points_maximum, restore_rate;
    enum breaker_state breaker;
    int64_t token_left_s;    /* -1: static token, or none yet */
    char token_problem[240]; /* why the last asking for a token failed */
    struct lane_hold hold;
    char database[STATE_DATABASE_SIZE]; /* whose records are applied */
    bool joined;
    int64_t catalogue_us;   /* wall: when the catalogue in use was read */
    bool catalogue_reading; /* another reading is going on */
    size_t searched;        /* texts that are searched for */
    char ambiguous_sku[LANE_EXAMPLES][80], untracked_sku[LANE_EXAMPLES][80],
        searched_sku[LANE_EXAMPLES][80];
};

/* Notes of one turn, stored together before any hold of the turn's records is released. */
struct turn {
    struct state_product *products;
    char **texts; /* of the products, by the same index; owned */
    size_t product_count;
    struct parked_note {
        char subject[160];
        char reason[32];
        char detail[240];
        int32_t product_id;
        int32_t partition;
        int64_t offset;
        int64_t revision;
        unsigned char *key, *value; /* owned copies */
        size_t key_len, value_len;
    } * parks;
    size_t park_count, park_capacity;
    int32_t *unparks; /* product ids */
    size_t unpark_count;
    struct record_position positions[LANE_TURN_RECORDS];
    size_t position_count;
};

/* A parked row that is being tried again. */
struct retry {
    struct state_tried row;
    int32_t product_id;        /* product/ID: whose; else 0 */
    int32_t partition;         /* -1: not known */
    struct record_position at; /* in the ledger: finished when all its levels are */
};

struct retries {
    struct state_sweep sweep;              /* over rows that something may have cured */
    const char *reasons[LANE_REASONS + 1]; /* of the sweep; none: all */
    const char *next[LANE_REASONS + 1];    /* of the one after it */
    bool sweeping, next_all;
    int64_t opened_us;                 /* monotonic: when the lane began to read */
    int64_t look_at_us, learned_at_us; /* monotonic */
    uint64_t settled;                  /* identity's, as last looked at */
    int64_t number;                    /* of the last one: its place in the ledger */
    struct retry *list;                /* under way: LANE_RETRIES_MAX */
    size_t count;
};

struct lane {
    const struct store_conf *sc;
    struct lane_options options;
    struct thread *thread; /* of the session */
    bool dry;              /* a dry run */
    char group_id[64], client_id[64];

    /* lives across sessions */
    bool swept_at_start; /* parked rows were all tried once in this life of the process */
    struct store store;
    struct graphql *graphql;
    struct sku_index *mapping;
    struct lane_catalogue catalogue;
    struct shop_location *locations;
    size_t location_count;
    struct budget budget;
    struct breaker breaker;
    int64_t grace_us; /* for units in flight; 0: none */
    double
        costs[OPERATION_COUNT]; /* points that each operation asks for, as the last answer told */
    char told_codes[LANE_TOLD_CODES][64];
    size_t told_code_count;
    struct lane_metrics m;

    /* one session */
    struct state *state;
    struct record_source *source;
    struct decoder *decoder;
    struct store_rules rules;
    struct offset_ledger *ledger;
    struct coalescer *coalescer;
    struct sku_claims *identity;
    struct parked_set *parked; /* product ids that are parked */
    struct retries retries;
    struct turn turn;
    struct request *requests;
    size_t request_count;                /* slots; one more than go out at a time */
    struct request *applied[LANE_GROUP]; /* answered, outcome not stored yet */
    size_t applied_count;
    struct state_attempt *adopted; /* of dead processes, not sent again yet: from adopted_next on */
    size_t adopted_count, adopted_next;
    bool pinned; /* database is the state's */
    bool told_headerless;
    bool replaced; /* a waiting value was replaced since the brake's last count */
    int64_t commit_at_us, adopt_at_us;
    int64_t cured_at_us;           /* monotonic: last mutation of lane_levels */
    int64_t in_flight_at_us;       /* monotonic: when to look for ended graces */
    struct level_write *uncertain; /* refused as stale, but an earlier sending may have been
                                     executed: a ring */
    size_t uncertain_count;        /* ever added */
    size_t unimported_levels;      /* of the store, as that look told */
    struct brake *brake;
    struct lane_hold hold;
    struct state_guard guard;           /* as the last look found it */
    struct foreign_records *foreign;    /* records of another database, not applied */
    char database[STATE_DATABASE_SIZE]; /* whose records are applied; "": no record seen yet */
    char other_database[STATE_DATABASE_SIZE];     /* of the newest foreign record */
    int64_t newest_revision;                      /* that was planned */
    int64_t look_at_us, recount_us, levels_at_us; /* monotonic */
    size_t levels_for;   /* partitions assigned when the levels were counted */
    size_t known_levels; /* of the store, then */
    bool spare;          /* in the group, but more processes than partitions: none is here */
    struct dry_run_figures dry_figures;
    struct dry_run_record *dry_records;
    size_t dry_record_count;
    unsigned char *at_end; /* by partition: end seen since the last record */
    size_t at_end_size;

    struct lane_view view;
};

/* lane.c */
void lane_set_state(struct lane *l, enum lane_state state, const char *why);
void lane_publish_view(struct lane *l);
/** Every assigned partition is read to its end. */
bool lane_is_at_end(const struct lane *l);

/* lane_session.c */
NODISCARD enum status lane_session_open(struct lane *l, struct err *err);
void lane_session_close(struct lane *l, int leave_ms);
/** Takes in how products are known in the state: other processes note theirs there. */
NODISCARD enum status lane_load_identity(struct lane *l, struct err *err);
NODISCARD enum status lane_commit(struct lane *l, bool wait, struct err *err);
NODISCARD enum status
lane_handle_assignment(struct lane *l, const struct source_event *event, struct err *err);

/* lane_records.c */
/** Takes up to LANE_TURN_RECORDS events from the source and plans them. @param busy [out] more may
 * be waiting */
NODISCARD enum status lane_take_records(struct lane *l, bool *busy, struct err *err);
/** Starts what a turn notes, plans one record, stores the notes and lets the records go.
 * at.partition OFFSET_LEDGER_RETRY: a parked record tried again. */
void lane_turn_begin(struct lane *l);
NODISCARD enum status lane_plan_record(struct lane *l,
                                       const struct source_event *event,
                                       struct record_position at,
                                       struct err *err);
NODISCARD enum status lane_turn_store(struct lane *l, struct err *err);
/** How a product is known now: into the identity, and into the turn's notes unless another process
 * has stored it. Whoever claimed its text alone until now is parked in this turn. */
void lane_note_product(struct lane *l, const struct state_product *product, bool stored);
/** The inventory item that a SKU or barcode stands for, or the reason why there is none, and a
 * sentence about it. @return NULL when found */
const char *lane_find_item(
    const struct lane *l, const char *text, struct mapped_item *item, char *detail, size_t size);
void lane_turn_release(struct turn *turn);

/* lane_parked.c */
/** Stores rows; says loudly what was not parked before, counts the rest. Fills wait_s. */
NODISCARD enum status
lane_park(struct lane *l, struct state_parked *rows, size_t count, struct err *err);
/** What a row says of a level's level and of where it came from; without reason and words. */
void lane_describe_level(const struct lane *l, const struct level *p, struct state_parked *row);
/** Takes levels out of the list whose product shares its SKU by now: parked with what they wanted,
 * so that nothing is written for either product. @param count  [in, out] */
NODISCARD enum status
lane_stop_shared(struct lane *l, struct level **levels, size_t *count, struct err *err);
/**
 * Whether a level's number may not be written because another product's newer one stands there,
 * although the item is its own by now and it has no newer record: that is no end to be silent
 * about.
 */
bool lane_is_outdone(const struct lane *l, const struct level *p, const struct level_known *known);
NODISCARD enum status
lane_park_outdone(struct lane *l, struct level **levels, size_t count, struct err *err);
/** Something may have cured rows of these reasons (static, NULL-terminated; NULL: all): tries them
 * again, a page a turn, and the first one now. */
NODISCARD enum status
lane_retry_parked(struct lane *l, const char *const *reasons, struct err *err);
/** Tries what is due, and goes on with what was asked for. */
NODISCARD enum status lane_tend_parked(struct lane *l, struct err *err);
/** Takes rows off whose retry went through. */
NODISCARD enum status lane_settle_retries(struct lane *l, struct err *err);
/** Partitions leave: other processes may try the rows from now on. */
void lane_drop_retries(struct lane *l);
/** Monotonic time at which lane_tend_parked has something to do. */
int64_t lane_retries_due_us(const struct lane *l);
bool lane_retries_done(const struct lane *l);
/** Says that rows are cured. */
void lane_report_cured(const struct lane *l, const char *const *subjects, size_t count);

/* lane_requests.c */
/** Sends whatever may be sent now. */
NODISCARD enum status lane_dispatch(struct lane *l, struct err *err);
/** Takes over the open attempts of dead processes; lane_dispatch sends them again as they were,
 * before anything new. */
NODISCARD enum status lane_adopt_attempts(struct lane *l, struct err *err);
size_t lane_in_flight(const struct lane *l);
/** false: held, or a dry run: no mutation goes out, not even one that waits to be sent again. */
bool lane_may_write(const struct lane *l);
/** false: a mutation, while nothing may be written. */
bool lane_may_send(const struct lane *l, const struct request *r);
/** In the present state only requests that wait are sent again, as probes. */
bool lane_is_held(const struct lane *l);
/** Monotonic time at which a waiting request or the budget wants a turn; INT64_MAX: none. */
int64_t lane_next_deadline_us(const struct lane *l);
/** No new work: waits for the answers on their way, at most limit_ms. */
NODISCARD enum status lane_finish_requests(struct lane *l, int64_t limit_ms, struct err *err);
/** A person has acted: requests that wait as probes of a store that was held are due at once. */
void lane_probe_now(struct lane *l);
void lane_drop_requests(struct lane *l);
/** What a level asks for now. */
struct level_write lane_write_of(const struct level *p);
/** Part of an idempotency key: never the same within the 24 hours that a key lives. */
unsigned lane_new_generation(void);
/** Sends what was built; the slot waits for the answer. */
NODISCARD enum status lane_request_send(struct lane *l, struct request *r, struct err *err);
/** The slot is free again; its levels are somebody else's. */
void lane_request_end(struct request *r);
/** The same bytes go out again, not before that wait and the budget's own. */
void lane_request_wait(struct lane *l, struct request *r, int64_t wait_ms);
void lane_put_back(struct lane *l, struct level *level, enum level_stage stage);
/** READY again, but only in requests of their own: coalescer_bisect. */
void lane_put_apart(struct lane *l, struct level **levels, size_t count, size_t parts);
/** Shopify holds the wanted value already: remembered with its revision, so that an older record
 * can never overwrite it. list[i] belongs to levels[i]. */
NODISCARD enum status lane_note_equal(struct lane *l,
                                      struct level **levels,
                                      const struct level_write *list,
                                      size_t count,
                                      struct err *err);

/* lane_answers.c */
/** Handles every answer that has arrived. */
NODISCARD enum status lane_take_answers(struct lane *l, struct err *err);
/** What a level is parked with. */
struct level_verdict {
    struct level *level;
    const char *reason;
    const char *code; /* may be NULL */
    char detail[280];
};
/** Parks BUSY levels, at most INVENTORY_MAX_ENTRIES, and finishes them. */
NODISCARD enum status lane_park_levels(struct lane *l,
                                       const struct level_verdict *list,
                                       size_t count,
                                       const char *request_id,
                                       struct err *err);

/* lane_levels.c */
/** The mapping says that the level's item is not tracked, and the store is to be told. */
bool lane_levels_is_untracked(const struct lane *l, const struct level *p);
/** After a read: puts a level into the stage in which it is activated or tracked.
 * @return false: there is nothing to cure, or it may not be */
bool lane_levels_cure(struct lane *l, struct level *p, const struct level_read *read);
/** Monotonic µs from which on one may be sent; INT64_MAX: none waits. */
int64_t lane_levels_deadline_us(const struct lane *l);
/** Sends the next one through a free slot; one must wait. */
NODISCARD enum status lane_levels_send(struct lane *l, struct request *r, struct err *err);
NODISCARD enum status lane_levels_answered(struct lane *l,
                                           struct request *r,
                                           const struct answer *answer,
                                           struct err *err);

/* lane_breaker.c */
/** The store answered, or a request ended without a usable answer: before its answer is handled. */
void lane_note_outcome(struct lane *l, const struct request *r, const struct answer *answer);
/** The one request that may be sent while the breaker is not closed, when it is time; NULL: none.
 */
struct request *lane_probe_due(struct lane *l, int64_t now_us);

/* lane_in_flight.c */
/** What the state knows becomes what the level remembers. */
void lane_remember(const struct lane *l, struct level *level, const struct level_known *known);
/** A request whose outcome was unknown once was refused as stale when it was sent again: should
 * Shopify hold what it asked for, that is no sale. */
void lane_note_uncertain(struct lane *l, const struct request *r);
/** Units that a read found missing: remembered with their grace, unless the number is a uncertain
 * request's: then that is recorded. Their levels (BUSY) are resolved anew. */
NODISCARD enum status lane_note_seen(struct lane *l,
                                     struct level **levels,
                                     const struct level_seen *list,
                                     size_t count,
                                     struct err *err);
/** Offers levels whose grace is over, so that their absolute value is written. */
NODISCARD enum status lane_end_graces(struct lane *l, struct err *err);

/* lane_brake.c */
void lane_brake_register(struct lane *l);
/** Takes up what the state says: a hold that a restart must not forget, what was written lately. */
NODISCARD enum status lane_brake_open(struct lane *l, struct err *err);
void lane_brake_close(struct lane *l);
/** Once a second or two: has a person or another process of the store said something?
 * @return STATUS_RENEW: begin a new session */
NODISCARD enum status lane_brake_look(struct lane *l, struct err *err);
/** Before anything is sent: holds the store, or lets it go when the cause is gone. */
NODISCARD enum status lane_brake_judge(struct lane *l, struct err *err);
/** A level has become READY. */
void lane_brake_expect(struct lane *l, struct level *level);
/** May these be sent? Those that became READY unseen are counted. */
bool lane_brake_admits(struct lane *l, struct level *const *levels, size_t count);
void lane_brake_sending(struct lane *l, struct level *const *levels, size_t count);
/** The stored request of a process that died is about to go out: the journal knows nothing of it
 * yet. */
void lane_brake_adopted(struct lane *l, const struct level_write *list, size_t count);
/** Counts what waits. @param verdict, hold  [out] figures and, when the verdict is not BRAKE_OFF,
 * reason, detail and examples */
NODISCARD enum status lane_brake_count(struct lane *l,
                                       enum brake_verdict *verdict,
                                       struct lane_hold *hold,
                                       struct err *err);
void lane_hold_append_status(const struct lane_hold *hold, struct strbuf *out);

/* lane_guard.c */
/** Whether a record may be planned: false for one of another database. */
bool lane_guard_admits(struct lane *l, const struct source_event *event, struct record_position at);
/** The greatest revision seen is what a person accepts, should the store be held. */
void lane_guard_note_revision(struct lane *l, int64_t revision);
/** Before the first write: this is the store's database from now on.
 * @return STATUS_RENEW: another process has pinned another one */
NODISCARD enum status lane_guard_pin(struct lane *l, struct err *err);
/** Records of another database wait: the hold that follows. */
void lane_guard_describe(const struct lane *l, struct lane_hold *hold);

/* lane_dry_run.c */
/** Prints what would be written once everything is read. */
NODISCARD enum status lane_dry_run_turn(struct lane *l, struct err *err);
/** A level that would be parked for this reason. */
void lane_dry_run_count_parked(struct lane *l, const char *reason);
/** Before the product is among the parked ones. What a later record may cure is kept: a real run
 * has it in the state. */
void lane_dry_run_note_parked(struct lane *l, const struct parked_note *note);
void lane_dry_run_forget(struct lane *l, int32_t product_id);
/** Plans those that were kept and share their SKU no longer. */
NODISCARD enum status lane_dry_run_retry(struct lane *l, struct err *err);
void lane_dry_run_close(struct lane *l);
void lane_dry_run_end(struct lane *l);

#endif

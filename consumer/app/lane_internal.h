/**
 * lane_internal: what the files of the lane share: lane.c (thread and states), lane_session.c
 * (start of a session, rebalances), lane_records.c (records into the plan), lane_requests.c (the
 * plan into requests), lane_answers.c (answers into the state), lane_in_flight.c (units sold and
 * not yet imported), lane_brake.c (holding the store), lane_guard.c (whose records are applied),
 * lane_dry_run.c.
 */
#ifndef STOCKSYNC_CONSUMER_APP_LANE_INTERNAL_H
#define STOCKSYNC_CONSUMER_APP_LANE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/core/backoff.h"
#include "common/core/metric.h"
#include "consumer/app/lane.h"
#include "consumer/app/parked_set.h"
#include "consumer/app/rule_table.h"
#include "consumer/intake/decode.h"
#include "consumer/intake/record_source.h"
#include "consumer/plan/brake.h"
#include "consumer/plan/budget.h"
#include "consumer/plan/coalescer.h"
#include "consumer/plan/foreign_records.h"
#include "consumer/plan/identity.h"
#include "consumer/plan/mapping.h"
#include "consumer/plan/offset_ledger.h"
#include "consumer/plan/rules.h"
#include "consumer/shopify/catalog.h"
#include "consumer/shopify/graphql.h"
#include "consumer/shopify/inventory.h"
#include "consumer/state/state.h"

/* Records planned before the lane looks at answers again; bounds the memory of one turn. */
#define LANE_TURN_RECORDS 2000
/* Pairs whose last written values are asked for in one statement. */
#define LANE_RESOLVE_PAIRS 1000
/* STALE answers for one wanted value before the pair is parked. */
#define LANE_MAX_TRIES 6

enum request_phase {
    REQUEST_FREE,
    REQUEST_SENT,   /* waiting for the answer */
    REQUEST_WAITING /* same bytes again at retry_at_us */
};

/* One mutation or read on its way. */
struct request {
    enum request_phase phase;
    enum operation op;
    struct pair *pairs[INVENTORY_MAX_ENTRIES]; /* NULLs for an adopted attempt: its pairs belong to
                                                  nobody here */
    struct level_write list[INVENTORY_MAX_ENTRIES];
    size_t count;
    struct state_attempt
        attempt;     /* OP_STOCK_SET: key, generation, variables; list and count point here */
    char *variables; /* owned */
    bool adopted;
    double cost;
    int64_t retry_at_us; /* monotonic */
    struct backoff backoff;
};

struct lane_metrics {
    struct metric *records, *applied, *unchanged, *superseded, *excluded[EXCLUSION_COUNT], *parked,
        *requests, *reads, *throttled, *stale, *unknown, *refused, *state, *pending, *age,
        *unfinished, *parked_now, *points, *in_flight_levels, *in_flight_seen, *in_flight_units,
        *commit_to_applied, *held, *holds, *brake_fallen, *brake_changed, *foreign;
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

/* What other threads may see; copied out under the mutex. */
struct lane_view {
    enum lane_state state;
    char why[320];
    int64_t since_us; /* wall */
    size_t pending, in_flight, unfinished, partitions, mapped, ambiguous, untracked, parked,
        levels_in_flight;
    uint64_t records, applied;
    double points, points_maximum, restore_rate;
    int64_t token_left_s;    /* -1: static token, or none yet */
    char token_problem[240]; /* why the last asking for a token failed */
    struct lane_hold hold;
    char database[STATE_DATABASE_SIZE]; /* whose records are applied */
    bool joined;
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
    size_t park_count;
    int32_t *unparks; /* product ids */
    size_t unpark_count;
    struct record_position positions[LANE_TURN_RECORDS];
    size_t position_count;
};

struct lane {
    const struct consumer_conf *conf;
    const struct store_conf *sc;
    struct lane_options options;
    struct thread thread;
    atomic_bool reload;
    bool dry; /* a dry run */
    enum status result;
    struct err result_err;
    char group_id[64], client_id[64];

    /* lives across sessions */
    struct store store;
    struct graphql *graphql;
    struct mapping *mapping;
    int64_t mapping_at_us; /* monotonic; 0: must be read */
    struct shop_location *locations;
    size_t location_count;
    struct budget budget;
    int64_t grace_us; /* for units in flight; 0: none */
    double read_cost; /* points that a read of levels asks for, as the last answer told */
    struct lane_metrics m;
    struct backoff backoff;

    /* one session */
    struct state *state;
    struct record_source *source;
    struct decoder *decoder;
    struct store_rules rules;
    struct offset_ledger *ledger;
    struct coalescer *coalescer;
    struct identity *identity;
    struct parked_set *parked; /* product ids that are parked */
    struct turn turn;
    struct request *requests;
    size_t request_count;          /* slots */
    size_t batch_limit;            /* halved when a refusal names no entry */
    bool check_ambiguous;          /* a SKU may have become unique: try parked products again */
    struct state_attempt *adopted; /* of dead processes, not sent again yet: from adopted_next on */
    size_t adopted_count, adopted_next;
    bool suspect_mapping;
    bool pinned; /* database is the state's */
    bool told_headerless;
    bool replaced; /* a waiting value was replaced since the brake's last count */
    int64_t commit_at_us, adopt_at_us, mapping_retry_us;
    int64_t in_flight_at_us;      /* monotonic: when to look for ended graces */
    struct level_write *doubtful; /* refused as stale, but an earlier sending may have been
                                     executed: a ring */
    size_t doubtful_count;        /* ever added */
    size_t levels_in_flight;      /* of the store, as that look told */
    size_t replanned;             /* parked products offered again and not yet taken off the list */
    int32_t *replanned_ids;
    struct brake *brake;
    struct lane_hold hold;
    struct state_guard guard;           /* as the last look found it */
    struct foreign_records *foreign;    /* records of another database, not applied */
    char database[STATE_DATABASE_SIZE]; /* whose records are applied; "": no record seen yet */
    char other_database[STATE_DATABASE_SIZE];    /* of the newest foreign record */
    int64_t newest_revision;                     /* that was planned */
    int64_t look_at_us, recount_us, pairs_at_us; /* monotonic */
    size_t pairs_for;    /* partitions assigned when the pairs were counted */
    size_t known_levels; /* of the store, then */
    struct dry_run_figures dry_figures;
    struct dry_run_record *dry_records;
    size_t dry_record_count;
    unsigned char *at_end; /* by partition: end seen since the last record */
    size_t at_end_size;

    pthread_mutex_t mutex;
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
NODISCARD enum status lane_load_mapping(struct lane *l, struct err *err);
NODISCARD enum status lane_commit(struct lane *l, bool wait, struct err *err);
NODISCARD enum status
lane_handle_assignment(struct lane *l, const struct source_event *event, struct err *err);

/* lane_records.c */
/** Takes up to LANE_TURN_RECORDS events from the source and plans them. @param busy [out] more may
 * be waiting */
NODISCARD enum status lane_take_records(struct lane *l, bool *busy, struct err *err);
/** Offers the products again that were parked for one of these reasons. */
NODISCARD enum status
lane_retry_parked(struct lane *l, const char *const *reasons, struct err *err);
/** Once nothing is pending: takes products off the parked list whose retry went through. */
NODISCARD enum status lane_settle_retries(struct lane *l, struct err *err);
void lane_turn_release(struct turn *turn);

/* lane_requests.c */
/** Sends whatever may be sent now. */
NODISCARD enum status lane_dispatch(struct lane *l, struct err *err);
/** Takes over the open attempts of dead processes; lane_dispatch sends them again as they were,
 * before anything new. */
NODISCARD enum status lane_adopt_attempts(struct lane *l, struct err *err);
size_t lane_in_flight(const struct lane *l);
/** Monotonic time at which a waiting request or the budget wants a turn; INT64_MAX: none. */
int64_t lane_next_deadline_us(const struct lane *l);
/** No new work: waits for the answers on their way, at most limit_ms. */
NODISCARD enum status lane_finish_requests(struct lane *l, int64_t limit_ms, struct err *err);
/** A person has acted: requests that wait as probes of a store that was held are due at once. */
void lane_probe_now(struct lane *l);
void lane_drop_requests(struct lane *l);
/** The slot is free again; its pairs are somebody else's. */
void lane_request_end(struct request *r);
/** The same bytes go out again, not before that wait and the budget's own. */
void lane_request_wait(struct lane *l, struct request *r, int64_t wait_ms);
void lane_put_back(struct lane *l, struct pair *pair, enum pair_stage stage);
/** Shopify holds the wanted value already: remembered with its revision, so that an older record
 * can never overwrite it. list[i] belongs to pairs[i]. */
NODISCARD enum status lane_note_equal(struct lane *l,
                                      struct pair **pairs,
                                      const struct level_write *list,
                                      size_t count,
                                      struct err *err);

/* lane_answers.c */
/** Handles every answer that has arrived. */
NODISCARD enum status lane_take_answers(struct lane *l, struct err *err);

/* lane_in_flight.c */
/** What the state knows becomes what the pair remembers. */
void lane_remember(const struct lane *l, struct pair *pair, const struct level_known *known);
/** A request whose outcome was unknown once was refused as stale when it was sent again: should
 * Shopify hold what it asked for, that is no sale. */
void lane_doubt(struct lane *l, const struct request *r);
/** Units that a read found missing: remembered with their grace, unless the number is a doubtful
 * request's: then that is recorded. Their pairs (BUSY) are resolved anew. */
NODISCARD enum status lane_note_seen(struct lane *l,
                                     struct pair **pairs,
                                     const struct level_seen *list,
                                     size_t count,
                                     struct err *err);
/** Offers pairs whose grace is over, so that their absolute value is written. */
NODISCARD enum status lane_end_graces(struct lane *l, struct err *err);

/* lane_brake.c */
void lane_brake_register(struct lane *l);
/** Takes up what the state says: a hold that a restart must not forget, what was written lately. */
NODISCARD enum status lane_brake_open(struct lane *l, struct err *err);
void lane_brake_close(struct lane *l);
/** Once a second or two: has a person or another process of the store said something?
 * @return STATUS_AGAIN: begin a new session */
NODISCARD enum status lane_brake_look(struct lane *l, struct err *err);
/** Before anything is sent: holds the store, or lets it go when the cause is gone. */
NODISCARD enum status lane_brake_judge(struct lane *l, struct err *err);
/** A pair has become READY. */
void lane_brake_expect(struct lane *l, struct pair *pair);
/** May these be sent? Those that became READY unseen are counted. */
bool lane_brake_admits(struct lane *l, struct pair *const *pairs, size_t count);
void lane_brake_sending(struct lane *l, struct pair *const *pairs, size_t count);
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
 * @return STATUS_AGAIN: another process has pinned another one */
NODISCARD enum status lane_guard_pin(struct lane *l, struct err *err);
/** Records of another database wait: the hold that follows. */
void lane_guard_describe(const struct lane *l, struct lane_hold *hold);

/* lane_dry_run.c */
/** Prints what would be written once everything is read. */
NODISCARD enum status lane_dry_run_turn(struct lane *l, struct err *err);
void lane_dry_run_note_parked(struct lane *l, const char *reason);
/** A product's record is parked, or its SKU is claimed by one product again: as the state keeps it
 * in a real run. */
void lane_dry_run_keep(struct lane *l, const struct parked_note *note);
void lane_dry_run_forget(struct lane *l, int32_t product_id);
/** Calls each for what is kept; it may not keep or forget. */
void lane_dry_run_each_kept(const struct lane *l,
                            void (*each)(void *arg, const struct state_parked *row),
                            void *arg);
void lane_dry_run_close(struct lane *l);
void lane_dry_run_end(struct lane *l);

#endif

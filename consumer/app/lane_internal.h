/**
 * lane_internal: what the files of the lane share: lane.c (thread and states), lane_session.c
 * (start of a session, rebalances), lane_records.c (records into the plan), lane_requests.c (the
 * plan into requests), lane_answers.c (answers into the state), lane_in_flight.c (units sold and
 * not yet imported), lane_levels.c (levels that must be activated or tracked first). The mapping:
 * lane_catalogue.h.
 */
#ifndef STOCKSYNC_CONSUMER_APP_LANE_INTERNAL_H
#define STOCKSYNC_CONSUMER_APP_LANE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/core/backoff.h"
#include "common/core/metric.h"
#include "consumer/app/lane.h"
#include "consumer/app/lane_catalogue.h"
#include "consumer/app/parked_set.h"
#include "consumer/app/rule_table.h"
#include "consumer/intake/decode.h"
#include "consumer/intake/record_source.h"
#include "consumer/plan/budget.h"
#include "consumer/plan/coalescer.h"
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

/* Examples of a kind in /status. */
#define LANE_EXAMPLES 3

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
        *commit_to_applied, *activated, *tracked, *untracked_now, *catalogue_age;
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
    size_t park_count;
    int32_t *unparks; /* product ids */
    size_t unpark_count;
    struct record_position positions[LANE_TURN_RECORDS];
    size_t position_count;
};

struct lane {
    const struct consumer_conf *conf;
    const struct store_conf *sc;
    bool once;
    struct thread thread;
    atomic_bool reload;
    enum status result;
    struct err result_err;
    char group_id[64], client_id[64];

    /* lives across sessions */
    struct store store;
    struct graphql *graphql;
    struct mapping *mapping;
    struct lane_catalogue catalogue;
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
    int64_t commit_at_us, adopt_at_us;
    int64_t cured_at_us;          /* monotonic: last mutation of lane_levels */
    int64_t in_flight_at_us;      /* monotonic: when to look for ended graces */
    struct level_write *doubtful; /* refused as stale, but an earlier sending may have been
                                     executed: a ring */
    size_t doubtful_count;        /* ever added */
    size_t levels_in_flight;      /* of the store, as that look told */
    size_t replanned;             /* parked products offered again and not yet taken off the list */
    int32_t *replanned_ids;
    unsigned char *at_end; /* by partition: end seen since the last record */
    size_t at_end_size;

    pthread_mutex_t mutex;
    struct lane_view view;
};

/* lane.c */
void lane_set_state(struct lane *l, enum lane_state state, const char *why);
void lane_publish_view(struct lane *l);

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
/** In the present state only requests that wait are sent again, as probes. */
bool lane_is_held(const struct lane *l);
/** Monotonic time at which a waiting request or the budget wants a turn; INT64_MAX: none. */
int64_t lane_next_deadline_us(const struct lane *l);
/** No new work: waits for the answers on their way, at most limit_ms. */
NODISCARD enum status lane_finish_requests(struct lane *l, int64_t limit_ms, struct err *err);
/** A person has acted: requests that wait as probes of a store that was held are due at once. */
void lane_probe_now(struct lane *l);
void lane_drop_requests(struct lane *l);
/** What a pair asks for now. */
struct level_write lane_write_of(const struct pair *p);
/** Part of an idempotency key: never the same within the 24 hours that a key lives. */
unsigned lane_new_generation(void);
/** Sends what was built; the slot waits for the answer. */
NODISCARD enum status lane_request_send(struct lane *l, struct request *r, struct err *err);
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
/** What a pair is parked with. */
struct pair_verdict {
    struct pair *pair;
    const char *reason;
    const char *code; /* may be NULL */
    char detail[200];
};
/** Parks BUSY pairs, at most INVENTORY_MAX_ENTRIES, and finishes them. */
NODISCARD enum status lane_park_pairs(struct lane *l,
                                      const struct pair_verdict *list,
                                      size_t count,
                                      const char *request_id,
                                      struct err *err);

/* lane_levels.c */
/** The mapping says that the pair's item is not tracked, and the store is to be told. */
bool lane_levels_is_untracked(const struct lane *l, const struct pair *p);
/** After a read: puts a pair into the stage in which it is activated or tracked.
 * @return false: there is nothing to cure, or it may not be */
bool lane_levels_cure(struct lane *l, struct pair *p, const struct level_read *read);
/** Monotonic µs from which on one may be sent; INT64_MAX: none waits. */
int64_t lane_levels_deadline_us(const struct lane *l);
/** Sends the next one through a free slot; one must wait. */
NODISCARD enum status lane_levels_send(struct lane *l, struct request *r, struct err *err);
NODISCARD enum status lane_levels_answered(struct lane *l,
                                           struct request *r,
                                           const struct answer *answer,
                                           struct err *err);

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

#endif

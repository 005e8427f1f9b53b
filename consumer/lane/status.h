/**
 * status: what a lane shows of itself: its metrics and its status document.
 */
#ifndef STOCKSYNC_LANE_STATUS_H
#define STOCKSYNC_LANE_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include "common/core/health.h"
#include "common/core/metric.h"
#include "common/core/strbuf.h"
#include "consumer/lane/hold.h"
#include "consumer/lane/lane_state.h"
#include "consumer/plan/breaker.h"
#include "consumer/plan/drift.h"
#include "consumer/plan/rules.h"
#include "consumer/state/blocked_store.h"
#include "consumer/state/guard_store.h"
#include "consumer/state/stream_store.h"

struct record_metrics {
    struct metric *read, *superseded, *excluded[EXCLUSION_COUNT], *foreign, *unfinished, *blocked,
        *earlier, *unknown_stream, *streams;
};

struct level_metrics {
    struct metric *applied, *unchanged, *refused, *stale, *activated, *tracked, *excluded, *pending,
        *age, *commit_to_applied, *last_write, *unimported_seen, *unimported_units,
        *unimported_levels;
};

struct request_metrics {
    struct metric *mutations, *reads, *throttled, *throttle_wait, *unknown, *bisected, *odd_codes,
        *points, *charged, *breaker;
};

struct parked_metrics {
    struct metric *parked, *again, *fixed, *products;
};

struct brake_metrics {
    struct metric *held, *holds, *checks, *fallen, *changed;
};

struct catalogue_metrics {
    struct metric *untracked, *shared, *ambiguous, *age, *suspect, *suspect_skus;
};

struct verify_metrics {
    struct metric *found[DRIFT_KIND_COUNT], *repaired[DRIFT_KIND_COUNT], *open, *age;
};

struct lane_metrics {
    struct metric *state[LANE_STATE_COUNT];
    struct record_metrics record;
    struct level_metrics level;
    struct request_metrics request;
    struct parked_metrics parked;
    struct brake_metrics brake;
    struct catalogue_metrics catalogue;
    struct verify_metrics verify;
    struct metric *leftovers, *replanning, *rules_outdated, *partitions, *ready;
    struct metric *answered[HEALTH_MAX_SERVERS]; /* by enum lane_server */
};

/** Label: store. */
extern const struct metric_table lane_metric_table;

/* Examples of a kind in the status document. */
#define STATUS_EXAMPLES 3

/* Partitions of them. */
#define BLOCKED_SHOWN 8

struct blocked_view {
    size_t count;
    struct state_blocked shown[BLOCKED_SHOWN]; /* the first ones */
};

struct catalogue_view {
    size_t skus, shared, ambiguous, untracked, searched;
    size_t suspect;       /* SKUs that the last reading lost; it is not believed yet */
    int64_t read_wall_us; /* when the reading in use began; 0: none */
    bool is_reading;      /* another one is going on */
    char shared_sku[STATUS_EXAMPLES][80];
    char ambiguous_sku[STATUS_EXAMPLES][80];
    char untracked_sku[STATUS_EXAMPLES][80];
    char searched_sku[STATUS_EXAMPLES][80];
};

/** Last numbers of products that the store does not sell any more. */
struct leftovers_view {
    size_t products, levels;
    char examples[STATUS_EXAMPLES][80];
};

struct store_view {
    double points, points_maximum, restore_rate;
    enum breaker_state breaker;
    int64_t token_left_s;      /* -1: static token, or none yet */
    const char *token_problem; /* "": none */
};

/** The comparison with the store. */
struct verify_view {
    int64_t
        oldest_us; /* wall clock: every level was compared since then; 0: no comparison goes on */
    size_t open;   /* differences that remain */
    int64_t round; /* that a command asked for; 0: none */
};

/** The figures of one moment. Texts are borrowed. */
struct lane_view {
    const char *store;
    enum lane_state state;
    const char *why;
    int64_t since_us;             /* wall clock: of the state */
    int64_t oldest_changed_at_us; /* wall clock: of the oldest pending level; 0: none */
    size_t partitions;
    size_t pending, in_flight;        /* levels, requests */
    size_t unfinished;                /* records that hold back the offset */
    size_t parked, unimported_levels; /* products, levels */
    size_t replanning;                /* partitions that are planned again with new rules */
    const char *rules_problem;        /* NULL or "": the options mean what the rules say */
    bool is_dry_run;
    char database[STATE_DATABASE_SIZE]; /* "": not known */
    struct state_stream stream;         /* the present one */
    struct lane_hold hold;
    struct blocked_view blocked;
    struct store_view client;
    struct catalogue_view catalogue;
    struct verify_view verify;
    struct leftovers_view leftovers;
};

/** Sets the gauges. */
void status_set_gauges(const struct lane_metrics *metrics, const struct lane_view *view);
/** Appends the status document, one JSON object. */
void status_append_json(const struct lane_metrics *metrics,
                        const struct lane_view *view,
                        struct strbuf *out);

#endif

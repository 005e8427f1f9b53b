/**
 * verify_store: how far the comparison with the store is, what it found, and the rounds that
 * commands ask for: a lane's side. round_store has the command's.
 */
#ifndef STOCKSYNC_STATE_VERIFY_STORE_H
#define STOCKSYNC_STATE_VERIFY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/plan/level_write.h"
#include "consumer/state/state.h"

/* A number that is not there. */
#define STATE_NO_NUMBER INT32_MIN
/* Differences, levels of a push and ends of one statement. */
#define STATE_DRIFT_MAX 1000

/** A pass over the products of one partition. */
struct state_pass {
    int32_t partition;
    int64_t began_us;   /* wall clock */
    int32_t product_id; /* compared up to this one */
    int64_t done_us;    /* wall clock: when the last complete pass began; 0: none */
};

struct state_drift {
    struct level_key key;
    int32_t product_id;
    const char *kind;
    int32_t expected, found; /* STATE_NO_NUMBER: none */
    int64_t request;         /* 0: found by the rolling pass */
    const char *what;        /* why it stays; NULL: it is repaired */
    int64_t first_us;        /* [out] of a look: wall clock; 0: not seen before */
    bool older_of_ours;      /* [out] of a look: an older attempt put the number there */
    bool is_new;             /* [out] of a note: not known, or known as another kind */
};

/** A difference that ended. */
struct state_drift_end {
    struct level_key key;
    const char *what; /* why it stays; NULL: the store holds the number again */
};

struct state_round {
    int64_t id;
    bool push, repair;
    int32_t product_id; /* 0: every product */
    char done[4096];    /* partitions that are done: "1,5" */
};

struct state_round_part {
    int32_t partition, total, compared, waiting;
};

/** What a push did with one level. */
struct state_pushed {
    struct level_key key;
    int32_t product_id;
    int32_t before, after; /* STATE_NO_NUMBER: none */
    const char *what;      /* why it was not written; NULL: it was */
};

/** Shows commands that a lane of the store lives, until the state is freed. */
NODISCARD enum status state_lane_lock(struct state *s, struct err *err);

/** Calls each for every partition that a pass was begun in. */
NODISCARD enum status state_passes(struct state *s,
                                   void (*each)(void *arg, const struct state_pass *pass),
                                   void *arg,
                                   struct err *err);
NODISCARD enum status
state_pass_store(struct state *s, const struct state_pass *pass, struct err *err);

/** Fills first_us and older_of_ours. @param count  at most STATE_DRIFT_MAX, as below */
NODISCARD enum status
state_drift_look(struct state *s, struct state_drift *list, size_t count, struct err *err);
/** Stores differences, and fills is_new. */
NODISCARD enum status
state_drift_note(struct state *s, struct state_drift *list, size_t count, struct err *err);
/** Ends open differences. Calls closed with the kind of each that was repaired. */
NODISCARD enum status state_drift_settle(struct state *s,
                                         const struct state_drift_end *list,
                                         size_t count,
                                         void (*closed)(void *arg, size_t at, const char *kind),
                                         void *arg,
                                         struct err *err);
/** @param count  [out] differences of the store that remain */
NODISCARD enum status state_drift_open(struct state *s, size_t *count, struct err *err);
/** Forgets old differences. */
NODISCARD enum status state_drift_tidy(struct state *s, struct err *err);

/** The oldest round that a command waits for and that is not `but`. @param round  [out] id 0: none */
NODISCARD enum status state_round_look(struct state *s,
                                       bool (*fits)(void *arg, const struct state_round *round),
                                       void *arg,
                                       struct state_round *round,
                                       struct err *err);
/** Stores the progress of our partitions. @param partitions  that take part, of all lanes */
NODISCARD enum status state_round_progress(struct state *s,
                                           int64_t id,
                                           int32_t partitions,
                                           const struct state_round_part *list,
                                           size_t count,
                                           bool done,
                                           struct err *err);
NODISCARD enum status state_round_levels(
    struct state *s, int64_t id, const struct state_pushed *list, size_t count, struct err *err);

#endif

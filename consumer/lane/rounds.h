/**
 * rounds: rounds of comparison, and pushes, that a command asks for through the state.
 *
 * Each lane of the store does its partitions, at once and with points above the reserve. One round
 * at a time, the oldest first.
 */
#ifndef STOCKSYNC_LANE_ROUNDS_H
#define STOCKSYNC_LANE_ROUNDS_H

#include "consumer/lane/comparison.h"

/** Partitions that this lane reads; borrowed. */
struct own_partitions {
    const int32_t *list;
    size_t count;
};

struct rounds {
    const struct lane_context *c;
    struct comparison *x;
    struct own_partitions own;
    struct state_round now;         /* id 0: none */
    bool is_open;                   /* a command still waits for it */
    struct state_round_part *parts; /* our partitions; owned */
    size_t part_count;
    struct level_walk walk;
    int64_t began_us;               /* wall clock */
    int64_t look_at_us, tell_at_us; /* monotonic */
    bool looked;                    /* at the end of the topic, since it began */
};

/** A round over all products has ended: its partitions are compared as by a pass. */
struct round_end {
    bool complete;
    int64_t began_us;
};

void rounds_open(struct rounds *r, const struct lane_context *c, struct comparison *x);
/** Zero is fine. */
void rounds_close(struct rounds *r);
/** Partitions have changed hands: a round under way begins again. */
void rounds_note_partitions(struct rounds *r, struct own_partitions own);
/** @param end  [out] whether a round has ended */
NODISCARD enum status
rounds_turn(struct rounds *r, bool may_read, struct round_end *end, struct err *err);
bool rounds_is_busy(const struct rounds *r);
/** Nobody waits for a round, as far as the last look says. */
bool rounds_are_done(const struct rounds *r);
/** Monotonic time at which a turn has something to do. */
int64_t rounds_due_us(const struct rounds *r, bool may_read);

#endif

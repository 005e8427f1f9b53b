/**
 * verify: compares every level that the lane knows with the store, again and again.
 *
 * The unit is a pass over the products of one partition. Its progress is stored, so that restarts
 * and rebalances go on where it was. Passes follow each other at an even pace, such that all
 * partitions take a little less than verify_every.
 */
#ifndef STOCKSYNC_LANE_VERIFY_H
#define STOCKSYNC_LANE_VERIFY_H

#include "consumer/lane/rounds.h"

#define VERIFY_PARTITIONS 1024

struct verify {
    const struct lane_context *c;
    struct comparison comparison;
    struct rounds rounds;
    int32_t own[VERIFY_PARTITIONS]; /* partitions that this lane reads */
    size_t own_count;
    struct state_pass passes[VERIFY_PARTITIONS]; /* the same order */
    bool is_known;                               /* passes are read from the state */
    size_t pass;                                 /* the one under way */
    bool is_on;                                  /* there is one */
    int64_t opened_us; /* wall clock: partitions without a pass wait since then */
    struct level_walk walk;
    int64_t paced_us;    /* monotonic: when the last read was due; 0: none was sent */
    int64_t store_at_us; /* monotonic */
};

NODISCARD enum status verify_open(struct verify *v,
                                  const struct lane_context *c,
                                  struct requests *requests,
                                  struct err *err);
/** Zero is fine. */
void verify_close(struct verify *v);
/** Partitions came. */
void verify_note_assigned(struct verify *v, const int32_t *partitions, size_t count);
/** Partitions left. */
void verify_note_revoked(struct verify *v, const int32_t *partitions, size_t count);
/**
 * One turn: behind everything else that is sent.
 * @param may_read  nothing blocks the lane, and the topic is read to its end
 * @param held      why the store is held; NULL: it is not
 */
NODISCARD enum status
verify_turn(struct verify *v, bool may_read, const char *held, struct err *err);
/** Monotonic time at which a turn has something to do. */
int64_t verify_due_us(const struct verify *v, bool may_read, bool is_held);
/** A run with --once need not wait for it. */
bool verify_is_done(const struct verify *v);
void verify_fill_view(const struct verify *v, struct verify_view *view);

#endif

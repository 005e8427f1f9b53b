/**
 * retries: tries parked rows again, when they are due or when something may have fixed them.
 * plan/parked_pace says which reason waits how long.
 *
 * A row under way has a place in the offset ledger. When all its levels are complete, it is taken
 * off the list unless it was parked again.
 */
#ifndef STOCKSYNC_LANE_RETRIES_H
#define STOCKSYNC_LANE_RETRIES_H

#include "consumer/lane/planner.h"

/* Rows that are tried at a time. */
#define RETRIES_MAX 1000
/* Reasons of one rescan. */
#define RETRIES_REASONS 12

/** A parked row under way. */
struct retry {
    struct state_tried row;
    int32_t product_id;        /* of a row "product/ID"; else 0 */
    struct record_position at; /* in the ledger */
};

/** Which rows something may have fixed. */
struct rescan {
    const char *reasons[RETRIES_REASONS + 1]; /* static texts; none: see all */
    bool all;
};

struct retries {
    const struct lane_context *c;
    struct planner *planner;
    bool *rescanned_at_start; /* once in the life of the lane */
    struct state_rescan page; /* of the rescan that is going on */
    struct rescan now, next;
    bool is_rescanning;
    int64_t opened_us;                 /* monotonic: when the lane began to read */
    int64_t look_at_us, learned_at_us; /* monotonic */
    uint64_t settled;                  /* of the SKU claims, at the last look */
    int64_t number;                    /* of the last retry: its place in the ledger */
    struct retry *list;                /* under way: RETRIES_MAX */
    size_t count;
};

/** @param rescanned_at_start  borrowed; lives as long as the lane */
void retries_open(struct retries *r,
                  const struct lane_context *c,
                  struct planner *planner,
                  bool *rescanned_at_start);
/** Zero is fine. */
void retries_close(struct retries *r);

/** One turn: takes off what went through, tries what is due and what was asked for. */
NODISCARD enum status retries_turn(struct retries *r, bool at_end, struct err *err);
/** Something may have fixed rows of these reasons (static, NULL-terminated; NULL: all): they are
 * tried again, a page a turn. */
void retries_ask(struct retries *r, const char *const *reasons);
/** Takes rows off whose retry went through. */
NODISCARD enum status retries_settle(struct retries *r, struct err *err);
/** Partitions leave: other processes may try the rows from now on. */
void retries_drop(struct retries *r);
/** Monotonic time at which a turn has something to do. */
int64_t retries_due_us(const struct retries *r);
bool retries_are_done(const struct retries *r);

#endif

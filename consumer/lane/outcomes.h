/**
 * outcomes: the one place where a level is completed, or goes back to wait.
 *
 * Everybody else maps what happened to values of struct outcome. outcomes_apply stores them,
 * then counts, finishes or puts back each level, and informs the brake.
 */
#ifndef STOCKSYNC_LANE_OUTCOMES_H
#define STOCKSYNC_LANE_OUTCOMES_H

#include "common/core/attributes.h"
#include "consumer/lane/context.h"

enum level_end {
    /* complete */
    END_APPLIED,    /* a write was accepted; the attempt's settlement stores it. Uses .write */
    END_CONFIRMED,  /* the store holds the number: stored with its revision. Uses .write */
    END_SUPERSEDED, /* the state has a newer number */
    END_EXCLUDED,   /* a newer record of the product asks nothing of this item */
    END_PARKED,     /* uses .reason, .code, .detail, .request_id */
    /* not complete */
    END_RETRY,   /* back to .stage */
    END_BISECT,  /* back to READY, with the others of .group, in .parts requests of their own */
    END_SIGHTED, /* units are missing in the store: stored, then resolved again. Uses .seen */
    END_OURS     /* the number is a write of ours that was taken for lost: stored, then resolved
                    again. Uses .write */
};

/** What an answer says about the item of a level. catalogue.c learns it. */
enum item_fact { ITEM_UNCHANGED, ITEM_IS_TRACKED, ITEM_IS_LOCKED, ITEM_IS_GONE };

struct outcome {
    struct level *level; /* BUSY */
    enum level_end end;
    enum item_fact item;
    enum level_stage stage;
    bool has_change_from; /* the level gets this one */
    bool tried;           /* one more request ended without success for this level */
    int32_t change_from;
    unsigned parts;
    const void *group;      /* compared only */
    struct metric *counted; /* also counts the level; NULL: only its end is counted */
    const char *reason, *code, *request_id; /* borrowed until they are applied; code and request_id
                                               may be NULL */
    char *detail;                           /* owned */
    union {
        struct level_write write;
        struct level_seen seen;
    };
};

/** The end of a stored attempt. */
struct settlement {
    const struct state_attempt *attempt; /* borrowed until applied */
    const char *outcome;                 /* "applied", "stale", "refused" */
    const char *request_id;
    bool applied, noop; /* noop: the store held every number already */
};

struct outcomes {
    struct outcome *list;
    size_t count, room;
    struct settlement settled[LANE_GROUP];
    size_t settled_count;
};

/** Zero is empty. */
void outcomes_release(struct outcomes *o);
/** @return the new outcome, valid until the next is added */
struct outcome *outcomes_add(struct outcomes *o, struct level *level, enum level_end end);
struct outcome *outcomes_retry(struct outcomes *o, struct level *level, enum level_stage stage);
/** The level goes to a stage in which change_from is known: CONFIRM, READY or HOT. */
void outcomes_ready(struct outcomes *o,
                    struct level *level,
                    enum level_stage stage,
                    int32_t change_from);
struct outcome *
outcomes_park(struct outcomes *o, struct level *level, const char *reason, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void outcomes_settle(struct outcomes *o, const struct settlement *settlement);

/** What a level asks for now. */
struct level_write outcomes_write_of(const struct lane_context *c, const struct level *level);
/** Its quantity: the store's rules are applied to Odoo's number without the units held back. */
int32_t outcomes_target(const struct lane_context *c, const struct level *level);
/** How the brake counts a level that would be written now. */
struct brake_change outcomes_change_of(const struct lane_context *c, const struct level *level);

/**
 * Stores everything, then completes or puts back every level, and empties the list.
 * @return pg_query's statuses: nothing was completed, the session must end
 */
NODISCARD enum status
outcomes_apply(const struct lane_context *c, struct outcomes *o, struct err *err);

#endif

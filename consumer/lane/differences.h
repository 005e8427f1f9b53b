/**
 * differences: levels that the store holds otherwise than the state remembers: seen once, looked at
 * again, noted, repaired.
 *
 *     SEEN ──some seconds──▶ LOOKING ──▶ NOTED ──▶ REPAIRING ──completed──▶ gone
 *                               └─ equal, or the row has changed: gone
 *
 * Those of the rolling pass are repaired at once. Those of a round wait as NOTED until all its
 * levels are compared: a repair at one location may change the item, and so its other levels.
 *
 * A difference counts when two looks find it and the state's row did not change between them, since
 * a write may have been under way. A repair is an ordinary desired quantity of the coalescer. Its
 * completion is Shopify's confirmation.
 */
#ifndef STOCKSYNC_LANE_DIFFERENCES_H
#define STOCKSYNC_LANE_DIFFERENCES_H

#include "consumer/lane/level_walk.h"
#include "consumer/lane/outcomes.h"
#include "consumer/plan/drift.h"

/** On whose behalf levels are compared. */
struct compare_task {
    int64_t request; /* the requested round; 0: the rolling pass */
    bool repair;
    bool push; /* write every level, also where nothing differs */
};

enum difference_phase {
    DIFFERENCE_SEEN,
    DIFFERENCE_LOOKING,
    DIFFERENCE_NOTED,
    DIFFERENCE_REPAIRING
};

struct difference {
    struct level_key key;
    int32_t product_id;
    enum difference_phase phase;
    struct level_known known; /* the state's row at the first look */
    struct compare_task task;
    int64_t look_at_us; /* monotonic */
    int32_t found;      /* STATE_NO_NUMBER: no level */
};

/** A level that was completed while something is repaired. */
struct level_end_note {
    struct level_key key;
    bool is_right; /* the store confirmed the number */
    int32_t quantity;
    char what[200]; /* why not */
};

struct differences {
    const struct lane_context *c;
    int64_t grace_us;
    struct difference *list;
    size_t count, room;
    size_t repairing; /* of them */
    struct level_end_note *ended;
    size_t ended_count, ended_room;
    size_t open;         /* differences of the store that remain, by the state; an upper bound */
    size_t logged;       /* since the pass or round began */
    size_t found;        /* as well */
    int64_t check_at_us; /* monotonic: repairs that were dropped */
};

void differences_open(struct differences *d, const struct lane_context *c);
/** Zero is fine. */
void differences_close(struct differences *d);
/** Forgets everything that is under way: partitions have changed hands. */
void differences_drop(struct differences *d);

/**
 * Judges a first look.
 * @param portion  what was asked for
 * @param read, known  of the same order
 */
NODISCARD enum status differences_judge(struct differences *d,
                                        const struct level_portion *portion,
                                        const struct level_read *read,
                                        const struct level_known *known,
                                        const struct compare_task *task,
                                        struct err *err);
/** Levels of one location that are due for another look. @return false: none */
bool differences_take_due(struct differences *d, struct level_portion *portion);
/** Judges another look: notes and repairs what differs still. */
NODISCARD enum status differences_judge_again(struct differences *d,
                                              const struct level_portion *portion,
                                              const struct level_read *read,
                                              const struct level_known *known,
                                              struct err *err);
/** A level is complete. Fits struct sink: arg is a struct differences. */
void differences_note_completed(void *arg, const struct outcome *one);
/**
 * Ends repairs whose levels are complete.
 * @param held  why the store is held: repairs of requested rounds end with it; NULL: it is not
 */
NODISCARD enum status differences_turn(struct differences *d, const char *held, struct err *err);
/** The task is given up; what is being repaired goes on. */
void differences_forget(struct differences *d, int64_t request);
/** All levels of a round are compared: repairs what was noted. Waits for further looks. */
void differences_repair(struct differences *d, int64_t request);
/** Differences of a task that are under way. */
size_t differences_of(const struct differences *d, int64_t request);
/** Those of one product's partition, for the progress of a round. */
size_t differences_where(const struct differences *d,
                         int64_t request,
                         bool (*fits)(void *arg, int32_t product_id),
                         void *arg);
/** Monotonic time of the next look; INT64_MAX: none. */
int64_t differences_due_us(const struct differences *d);
/** A pass or round ends: logs how many differences it found beyond those that were logged. */
void differences_end_log(struct differences *d);

#endif

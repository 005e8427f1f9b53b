/**
 * brake_control: holds a store and releases it. plan/brake counts, the state remembers, so that a
 * restart or another process of the store does not go on where this one stopped.
 *
 * Before the brake holds a store it asks: levels that count, and whose number in the store is only
 * our memory, are read. Meanwhile no mutation goes out. An item that the store itself sold out then
 * has not fallen. Each level is read once for its desired value, so the check ends; it ends with a
 * hold when its reads take too long.
 */
#ifndef STOCKSYNC_LANE_BRAKE_CONTROL_H
#define STOCKSYNC_LANE_BRAKE_CONTROL_H

#include "consumer/lane/first_load.h"
#include "consumer/lane/outcomes.h"
#include "consumer/lane/source_guard.h"

/* Why nothing is written during a check. */
#define BRAKE_CHECKING                                                                             \
    "many levels would change: the store is asked what it holds before anything is written"

struct brake_control {
    const struct lane_context *c;
    struct source_guard *guard;
    struct first_load first_load;
    struct lane_hold hold;
    bool is_checking;          /* levels are read before the verdict */
    int64_t check_until_us;    /* monotonic: then the store is held without their answers */
    int64_t count_took_us;     /* the last count */
    bool loaded;               /* the first load of the store is over */
    int64_t accepted_revision; /* up to here a person has accepted */
    bool replaced;             /* a pending level was replaced since the last count */
    bool unassigned; /* in the group, but no partition is here: more processes than partitions */
    int64_t look_at_us, recount_us, levels_at_us; /* monotonic */
    size_t levels_for;                            /* partitions assigned at the count of levels */
    size_t known_levels;                          /* of the store, then */
};

/**
 * Takes up the hold that the state remembers, and the recent writes.
 * @param row  the state's guard, see brake_control_read_row
 */
NODISCARD enum status brake_control_open(struct brake_control *b,
                                         const struct lane_context *c,
                                         struct source_guard *guard,
                                         const struct state_guard *row,
                                         struct err *err);
/** Reads the state's guard. A hold whose process is gone becomes ours. */
NODISCARD enum status brake_control_read_row(const struct lane_context *c,
                                             bool adopt,
                                             struct state_guard *row,
                                             struct err *err);

/** A pending level was replaced: the figures may be too high until the next count. */
void brake_control_note_replaced(struct brake_control *b);
/** Whether the end of every assigned partition was read once. */
void brake_control_note_caught_up(struct brake_control *b, bool caught_up);
/** The store cannot be read now: a check waits for it. */
void brake_control_note_blocked(struct brake_control *b);
/** Partitions were assigned: a release must be calm again for its whole time. */
void brake_control_note_assigned(struct brake_control *b, size_t assigned);
/** Once a second or two: has a person or another process of the store decided something?
 * @return STATUS_OK, STATUS_RENEW (see source_guard_compare), pg_query's */
NODISCARD enum status brake_control_look(struct brake_control *b, struct err *err);
/** Before anything is sent: holds the store, or releases it when the cause is gone. */
NODISCARD enum status brake_control_judge(struct brake_control *b, bool at_end, struct err *err);
/** No mutation may go out: a hold, a check, or a first load that may not begin yet. */
bool brake_control_stops(const struct brake_control *b);
/** Monotonic time at which a check counts again; INT64_MAX: none. */
int64_t brake_control_deadline_us(const struct brake_control *b);
/** Whether these may be sent. Levels that became READY uncounted are counted first. */
bool brake_control_admits(struct brake_control *b, struct level *const *levels, size_t count);
/** These are about to be written. */
void brake_control_note_sending(struct brake_control *b, struct level *const *levels, size_t count);
/** The stored request of a process that died is about to go out; the journal does not know it. */
void brake_control_note_adopted(struct brake_control *b,
                                const struct level_write *list,
                                size_t count);
/**
 * Counts the levels that wait, all of them as certain.
 * @param hold  [out] figures; reason, detail and examples unless the verdict is BRAKE_OFF
 */
NODISCARD enum status brake_control_count(struct brake_control *b,
                                          enum brake_verdict *verdict,
                                          struct lane_hold *hold,
                                          struct err *err);

#endif

/**
 * blocked_partitions: partitions whose next record cannot be read, because a newer producer wrote
 * it with a schema that this program does not know.
 *
 * Such a partition is paused, so that no later record overtakes the one that waits. The record's
 * bytes are kept and its offset is held back. The other partitions go on. Each look reads the
 * record again and asks the state whether an operator passes over it. Then it is parked, and the
 * partition goes on. Memory: one record for each partition.
 */
#ifndef STOCKSYNC_LANE_BLOCKED_PARTITIONS_H
#define STOCKSYNC_LANE_BLOCKED_PARTITIONS_H

#include "consumer/lane/planner.h"

/* The last record that blocked a partition. */
struct blocked_partition {
    struct state_blocked row;
    bool is_blocked;
    bool is_noted; /* in the state */
    struct record_position at;
    struct source_event event; /* the record; its other texts are left out */
    char *key, *value;         /* its bytes; owned; NULL: none */
};

struct blocked_partitions {
    const struct lane_context *c;
    struct planner *planner;
    struct blocked_partition *list;
    size_t list_count, list_capacity;
    size_t count; /* blocked ones */
    int64_t look_at_us;
    /* rows of the state that may be history, of partitions that were assigned; and what ended */
    struct state_blocked *rows;
    size_t row_count, row_capacity;
    bool must_load;
    int32_t *ended;
    size_t ended_count, ended_capacity;
};

void blocked_partitions_open(struct blocked_partitions *b,
                             const struct lane_context *c,
                             struct planner *planner);
/** Zero is fine. */
void blocked_partitions_close(struct blocked_partitions *b);

/** A partition was assigned: it may have a row of an earlier process. */
void blocked_partitions_note_assigned(struct blocked_partitions *b);
/** Blocks a partition. @param at  the record's place, with at least one hold  @param why  copied */
void blocked_partitions_add(struct blocked_partitions *b,
                            const struct source_event *event,
                            struct record_position at,
                            const struct err *why);
/** A record of a partition was planned, or its end was reached (offset INT64_MAX). */
void blocked_partitions_note_passed(struct blocked_partitions *b,
                                    int32_t partition,
                                    int64_t offset);
/** A partition left. */
void blocked_partitions_drop(struct blocked_partitions *b, int32_t partition);
/** Within a turn of the planner: reads blocked records again, and obeys the operator. */
NODISCARD enum status blocked_partitions_turn(struct blocked_partitions *b, struct err *err);
/** After the turn was stored: forgets the rows of what ended. */
NODISCARD enum status blocked_partitions_settle(struct blocked_partitions *b, struct err *err);
bool blocked_partitions_has(const struct blocked_partitions *b, int32_t partition);
/** For the status. */
void blocked_partitions_fill_view(const struct blocked_partitions *b, struct blocked_view *view);
/** Why a run with --once cannot finish. @return STATUS_OK: nothing is blocked, or not noted yet */
NODISCARD enum status blocked_partitions_check(const struct blocked_partitions *b, struct err *err);

#endif

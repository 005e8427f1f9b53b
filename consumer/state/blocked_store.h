/**
 * blocked_store: the partitions of a store whose next record cannot be read, and an operator's
 * decision to pass over such a record. Statuses are pg_query's.
 */
#ifndef STOCKSYNC_STATE_BLOCKED_STORE_H
#define STOCKSYNC_STATE_BLOCKED_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/state/state.h"

struct state_blocked {
    int32_t partition;
    int64_t offset;
    char schema[24]; /* fingerprint of the record */
    char detail[240];
    int64_t blocked_us; /* [out] wall clock */
    bool skip;          /* [out] an operator passes over the record */
};

/** Stores what blocks. @param list  skip is set; without effect, and false, in a dry run */
NODISCARD enum status state_blocked_note(
    struct state *s, const char *topic, struct state_blocked *list, size_t count, struct err *err);
/** Calls each for every row of the store. */
NODISCARD enum status state_blocked_list(struct state *s,
                                         const char *topic,
                                         void (*each)(void *arg, const struct state_blocked *row),
                                         void *arg,
                                         struct err *err);
/** Forgets partitions that are read on. */
NODISCARD enum status state_blocked_end(
    struct state *s, const char *topic, const int32_t *partitions, size_t count, struct err *err);
/** Passes over a record. @param found  [out] it blocks its partition */
NODISCARD enum status state_blocked_skip(struct state *s,
                                         const char *topic,
                                         int32_t partition,
                                         int64_t offset,
                                         bool *found,
                                         struct err *err);

#endif

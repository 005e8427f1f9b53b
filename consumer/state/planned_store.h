/**
 * planned_store: which rules planned each partition of the topic. Several processes share a store
 * by partition. See state.h for statuses.
 */
#ifndef STOCKSYNC_STATE_PLANNED_STORE_H
#define STOCKSYNC_STATE_PLANNED_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/state/state.h"

#define STATE_DIGEST_SIZE 37

/** @param partition  [in]; the rest [out] */
struct state_planned {
    int32_t partition;
    char digest[STATE_DIGEST_SIZE]; /* "": not known */
};

/** @param has_levels  [out] the store has levels that were written */
NODISCARD enum status state_planned_read(
    struct state *s, struct state_planned *list, size_t count, bool *has_levels, struct err *err);
/** These partitions were planned with the rules of this digest. */
NODISCARD enum status state_planned_store(
    struct state *s, const int32_t *partitions, size_t count, const char *digest, struct err *err);

#endif

/**
 * leftovers: last numbers of products that the store does not sell any more: archived, not enabled,
 * deleted, or with another SKU. Option excluded: they stay and are counted, or become 0.
 */
#ifndef STOCKSYNC_LANE_LEFTOVERS_H
#define STOCKSYNC_LANE_LEFTOVERS_H

#include "consumer/lane/planner.h"

struct leftovers {
    const struct lane_context *c;
    struct planner *planner;
    bool wanted;                /* a look is due at the next end of the topic */
    uint64_t changes;           /* of the planner, at the last look */
    int64_t look_at_us;         /* monotonic: not before */
    struct leftovers_view view; /* of the last look */
};

void leftovers_open(struct leftovers *l, const struct lane_context *c, struct planner *planner);
/** Partitions came: their products are looked at. */
void leftovers_note_assigned(struct leftovers *l);
/**
 * Looks, if a product may have been excluded since the last time. With excluded = zero, offers 0
 * for each level.
 * @param at_end  every assigned partition is read to its end
 * @return pg_query's
 */
NODISCARD enum status leftovers_turn(struct leftovers *l, bool at_end, struct err *err);

#endif

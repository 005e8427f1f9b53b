/**
 * unimported_sales: units that Shopify has sold and Odoo has not imported yet. plan/unimported
 * decides, the state remembers.
 */
#ifndef STOCKSYNC_LANE_UNIMPORTED_SALES_H
#define STOCKSYNC_LANE_UNIMPORTED_SALES_H

#include "consumer/lane/outcomes.h"
#include "consumer/plan/hot_levels.h"

struct unimported_sales {
    const struct lane_context *c;
    int64_t grace_us; /* 0: none */
    struct hot_levels hot;
    int64_t look_at_us;            /* monotonic: when to look for ended grace periods */
    size_t levels;                 /* of the store with units held back, at that look */
    struct level_write *uncertain; /* a ring: refused as stale when sent again, so the first
                                       sending may have been executed */
    size_t uncertain_count;        /* ever added */
};

void unimported_sales_open(struct unimported_sales *u, const struct lane_context *c);
/** Zero is fine. */
void unimported_sales_close(struct unimported_sales *u);

/** What a level needs next, whose row of the state was read just now. */
void unimported_sales_resolve(struct unimported_sales *u,
                              struct level *level,
                              const struct level_known *known,
                              struct outcomes *out);
/** A compare-and-set of this level came too late, not for the first time. */
void unimported_sales_note_stale(struct unimported_sales *u, struct level_key key);
/** These writes had an unknown outcome and were refused as stale when they were sent again. If
 * Shopify holds one of their numbers, that is no sale. */
void unimported_sales_note_uncertain(struct unimported_sales *u,
                                     const struct level_write *list,
                                     size_t count);
/** Takes levels out of the list that would hold units back without a grace period: the imported
 * number that explained them was replaced before it was written. They are resolved again.
 * @param count  [in, out] */
void unimported_sales_stop_unnoted(struct level **levels, size_t *count, struct outcomes *out);
/** Offers levels whose grace period is over, so that Odoo's number is written. */
NODISCARD enum status unimported_sales_end_graces(struct unimported_sales *u, struct err *err);

#endif

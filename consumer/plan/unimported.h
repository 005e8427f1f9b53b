/**
 * in_flight: units that Shopify has sold and Odoo does not know of yet. Pure.
 *
 * Shopify lowers `available` at checkout, Odoo's number falls when the order is imported. A number
 * of Odoo's from before the import must not put the sold units back on sale, so what is written is
 *
 *     desired - held,   held = min(missing, live)
 *     missing = min(desired, desired when it was written) - what Shopify held then
 *     live    = units seen missing in Shopify within the grace
 *
 * For a desired number that rose, this is what Shopify holds plus what Odoo added; for one that
 * fell, at most what Shopify holds: the fall is taken for the import of the units that are missing.
 * With nothing missing, or after the grace, it is the desired number itself.
 *
 * Documented windows, in which more than is free may be offered:
 *   - a fall in Odoo that was no import (sold elsewhere) while units are in flight: as many as
 * fell, never more than are in flight, until none is;
 *   - units sold while others came back in Shopify (returns, cancellations, a person) and nobody
 *     looked in between: as many, until their import;
 *   - orders that are imported later than the grace; the first write of a level.
 * On the other side less may be offered than is free, never by more than the units seen missing
 * within the last grace.
 *
 * Only for stores that set `available`: an order does not change `on_hand`.
 */
#ifndef STOCKSYNC_PLAN_UNIMPORTED_H
#define STOCKSYNC_PLAN_UNIMPORTED_H

#include <stdbool.h>
#include <stdint.h>

/** What is remembered of a level. */
struct unimported_memory {
    bool written;     /* false: we never wrote it, the rest means nothing */
    int32_t quantity; /* what Shopify held when we last wrote it or saw units missing */
    int32_t desired;  /* Odoo's number when it was written */
    int32_t live;     /* units seen missing within the grace; 0 where there is no grace */
};

/** What a value read in Shopify, after a write was refused as stale, asks for. */
enum unimported_verdict {
    UNIMPORTED_EQUAL, /* it is what would be written: note it */
    UNIMPORTED_SEEN,  /* below what was remembered: units are missing; remember that (see
                        unimported_see) before anything is written */
    UNIMPORTED_WRITE  /* write unimported_target against the value read: never written before, no
                        grace, or it is above: edited, returned, cancelled; that is no unit in
                        flight */
};

/** What to write. Below 0 only where Shopify itself holds less than 0. */
int32_t unimported_target(const struct unimported_memory *m, int32_t desired);
/** Units held back of the desired number. */
int32_t unimported_held(const struct unimported_memory *m, int32_t desired);
/**
 * @param grace_us  0: none, every value is written as it is wanted
 * @param current   Shopify's value now
 */
enum unimported_verdict unimported_judge(const struct unimported_memory *m,
                                         int64_t grace_us,
                                         int32_t desired,
                                         int32_t current);
/** Remembers that Shopify holds `current`, which is less than before. @return units missing */
int32_t unimported_see(struct unimported_memory *m, int32_t current);
/** Remembers that the target for `wanted` was written. */
void unimported_written(struct unimported_memory *m, int32_t quantity, int32_t desired);
/**
 * Until when units count that are seen missing now: the grace, and up to an eighth of it more, so
 * that what is seen about the same time shares one row of the state.
 */
int64_t unimported_until_us(int64_t now_us, int64_t grace_us);

#endif

/**
 * unimported: units that Shopify has sold and Odoo has not imported yet. Pure.
 *
 * Shopify lowers `available` at checkout. Odoo's number falls later, when the order is imported. A
 * number of Odoo's from before the import must not put the sold units back on sale. So this is
 * written:
 *
 *     desired - held,   held = min(missing, live)
 *
 *     missing   min(desired, desired at the last write) - Shopify's quantity after it
 *     live      units seen missing in Shopify within the grace
 *
 * For a desired quantity that rose, this is Shopify's quantity plus the units that Odoo added. For
 * one that fell, it is at most Shopify's quantity: the fall counts as the import of the missing
 * units. With nothing missing, or after the grace, it is the desired quantity.
 *
 * More than the free stock may be offered in these documented windows:
 *
 *     a fall in Odoo that was no import (sold elsewhere) during unimported sales: as many units as
 *     fell, at most the unimported ones, until all are imported;
 *     units sold while others came back in Shopify (returns, cancellations, a person), with no read
 *     in between: as many, until their import;
 *     orders imported later than the grace, and the first write of a level.
 *
 * Less than the free stock may be offered by at most the units seen missing within the last grace.
 *
 * Only for stores that set `available`: an order does not change `on_hand`.
 */
#ifndef STOCKSYNC_PLAN_UNIMPORTED_H
#define STOCKSYNC_PLAN_UNIMPORTED_H

#include <stdbool.h>
#include <stdint.h>

/** The memory of one level. */
struct unimported_memory {
    bool written;     /* false: we never wrote it, and the rest means nothing */
    int32_t quantity; /* Shopify's, when we last wrote it or saw units missing */
    int32_t desired;  /* Odoo's number when it was written */
    int32_t live;     /* units seen missing within the grace; 0 where there is no grace */
};

/**
 * What to do with a value read in Shopify after a write was refused as stale.
 *
 * EQUAL  it is the value that would be written: note it
 * SEEN   it is below the memory: units are missing; call unimported_see before writing
 * WRITE  write unimported_target against the value read. The level was never written, there is no
 *        grace, or the value is above the memory: edited, returned or cancelled units, no sale
 */
enum unimported_verdict { UNIMPORTED_EQUAL, UNIMPORTED_SEEN, UNIMPORTED_WRITE };

/** What to write. Below 0 only where Shopify itself holds less than 0. */
int32_t unimported_target(const struct unimported_memory *m, int32_t desired);
/** Units of the desired quantity that are held back. */
int32_t unimported_held(const struct unimported_memory *m, int32_t desired);
/**
 * @param grace_us  0: none, every value is written as desired
 * @param current   Shopify's value now
 */
enum unimported_verdict unimported_judge(const struct unimported_memory *m,
                                         int64_t grace_us,
                                         int32_t desired,
                                         int32_t current);
/** Remembers that Shopify holds `current`, which is less than before. @return units missing */
int32_t unimported_see(struct unimported_memory *m, int32_t current);
/** Remembers that `quantity`, the target for `desired`, was written. */
void unimported_written(struct unimported_memory *m, int32_t quantity, int32_t desired);
/**
 * End of the grace of units seen missing now. Rounded up by at most an eighth of the grace, so that
 * units seen at about the same time share one row of the state.
 */
int64_t unimported_until_us(int64_t now_us, int64_t grace_us);

#endif

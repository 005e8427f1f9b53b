/**
 * in_flight: units that Shopify has sold and Odoo does not know of yet. Pure.
 *
 * Shopify lowers `available` at checkout, Odoo's number falls when the order is imported. A number
 * of Odoo's from before the import must not put the sold units back on sale, so what is written is
 *
 *     wanted - held,   held = min(missing, live)
 *     missing = min(wanted, wanted when it was written) - what Shopify held then
 *     live    = units seen missing in Shopify within the grace
 *
 * For a wanted number that rose, this is what Shopify holds plus what Odoo added; for one that
 * fell, at most what Shopify holds: the fall is taken for the import of the units that are missing.
 * With nothing missing, or after the grace, it is the wanted number itself.
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
#ifndef STOCKSYNC_PLAN_IN_FLIGHT_H
#define STOCKSYNC_PLAN_IN_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

/** What is remembered of a pair. */
struct in_flight_memory {
    bool written;     /* false: we never wrote it, the rest means nothing */
    int32_t quantity; /* what Shopify held when we last wrote it or saw units missing */
    int32_t wanted;   /* Odoo's number when it was written */
    int32_t live;     /* units seen missing within the grace; 0 where there is no grace */
};

/** What a value read in Shopify, after a write was refused as stale, asks for. */
enum in_flight_verdict {
    IN_FLIGHT_EQUAL, /* it is what would be written: note it */
    IN_FLIGHT_SEEN,  /* below what was remembered: units are missing; remember that (see
                        in_flight_see) before anything is written */
    IN_FLIGHT_WRITE  /* write in_flight_target against the value read: never written before, no
                        grace, or it is above: edited, returned, cancelled; that is no unit in
                        flight */
};

/** What to write. Below 0 only where Shopify itself holds less than 0. */
int32_t in_flight_target(const struct in_flight_memory *m, int32_t wanted);
/** Units held back of the wanted number. */
int32_t in_flight_held(const struct in_flight_memory *m, int32_t wanted);
/**
 * @param grace_us  0: none, every value is written as it is wanted
 * @param current   Shopify's value now
 */
enum in_flight_verdict in_flight_judge(const struct in_flight_memory *m,
                                       int64_t grace_us,
                                       int32_t wanted,
                                       int32_t current);
/** Remembers that Shopify holds `current`, which is less than before. @return units missing */
int32_t in_flight_see(struct in_flight_memory *m, int32_t current);
/** Remembers that the target for `wanted` was written. */
void in_flight_written(struct in_flight_memory *m, int32_t quantity, int32_t wanted);
/**
 * Until when units count that are seen missing now: the grace, and up to an eighth of it more, so
 * that what is seen about the same time shares one row of the state.
 */
int64_t in_flight_until_us(int64_t now_us, int64_t grace_us);

#endif

/**
 * unimported: units that Shopify does not offer any more and that Odoo still counts. Pure.
 *
 * Shopify lowers `available` at checkout, and `on_hand` at the fulfilment. Odoo's number falls
 * later, when the order is imported or delivered there. A number of Odoo's from before the import
 * must not put the sold units back on sale. So this is offered:
 *
 *     rules(raw - held),   held = min(missing - fall, live) + reserved
 *
 *     raw       Odoo's number, before buffer, percent and cap
 *     missing   units seen missing in Shopify and not imported yet
 *     fall      how much raw is lower than when `missing` was counted: the import. What is left of
 *               it lowers `reserved`
 *     live      units seen missing in Shopify within the grace period
 *     reserved  units that Shopify reserves, for example for a transfer, and that Odoo does not.
 *               They are no sales and have no grace period
 *
 * Units are counted in Odoo's numbers, since buffer, percent and cap hide them: a shop that offers
 * at most 10 of 1,000 still holds 10 after a sale.
 *
 * More than the free stock may be offered in these documented windows:
 *
 *     a fall in Odoo that was no import (sold elsewhere) during unimported sales: as many units as
 *     fell, at most the unimported ones, until all are imported;
 *     units sold while others came back in Shopify (returns, cancellations, a person), with no look
 *     at the store in between: as many, until their import;
 *     orders imported later than the grace period, and the first write of a level.
 *
 * Less than the free stock may be offered by at most the units seen missing within the last grace
 * period, and by units that both Shopify and Odoo reserve, until Shopify releases them.
 */
#ifndef STOCKSYNC_PLAN_UNIMPORTED_H
#define STOCKSYNC_PLAN_UNIMPORTED_H

#include <stdbool.h>
#include <stdint.h>

/** The memory of one level. */
struct unimported_memory {
    bool written;     /* false: we never wrote it, and the rest means nothing */
    int32_t quantity; /* Shopify's, when we last wrote it or saw units missing */
    double raw;       /* Odoo's number at that time; NAN: not known */
    int32_t missing;
    int32_t reserved;
    int32_t live; /* 0 where there is no grace period */
};

/** Units of raw that are not on offer, at a new number of Odoo's. */
struct unimported_units {
    double missing; /* min(missing - fall, live) */
    double reserved;
};

/** @param raw  NAN: not known, nothing was imported */
struct unimported_units unimported_left(const struct unimported_memory *m, double raw);
/** Their sum. */
double unimported_held(const struct unimported_memory *m, double raw);
/**
 * Remembers that Shopify holds `current`, and reserves `reserved` units.
 * @return units that are missing and not reserved: sold
 */
int32_t unimported_see(struct unimported_memory *m, int32_t current, int32_t reserved);
/** Remembers that `quantity` was written for Odoo's number `raw`. */
void unimported_written(struct unimported_memory *m, int32_t quantity, double raw);
/**
 * End of the grace of units seen missing now. Rounded up by at most an eighth of the grace, so that
 * units seen at about the same time share one row of the state.
 */
int64_t unimported_until_us(int64_t now_us, int64_t grace_us);

#endif

/**
 * kit_number: computes the quantities of a kit from those of its components. Pure.
 *
 * Source: Odoo 15.0 (late), addons/mrp/models/product.py, _compute_quantities_dict.
 *
 *   - Quantities are doubles, and negative ones pass through.
 *   - Each field is computed separately: a kit's forecast is not on hand + incoming - outgoing.
 *   - The result is rounded down to a whole number.
 *   - Each kit is computed as if no other kit needed its components.
 */
#ifndef STOCKSYNC_ODOO_KIT_NUMBER_H
#define STOCKSYNC_ODOO_KIT_NUMBER_H

#include <stddef.h>

/** One component's share. */
struct kit_share {
    const double *values; /* one quantity per field, rounded to its unit; borrowed */
    double need;          /* units for one batch; not 0 */
    double rounding;      /* of its unit */
};

/** What Odoo rounds before the floor. */
enum kit_rounding {
    KIT_ROUND_NOT,    /* 15, 17 */
    KIT_ROUND_RESULT, /* 16: the number of kits, HALF-UP to the unit of the last component (2.995
                         becomes 3) */
    KIT_ROUND_RATIO   /* 18: each component's ratio, DOWN to its unit */
};

/**
 * A kit: each field is the least number of batches over its components, times yield, rounded down.
 * @param out  [out] one quantity per field; all 0 without shares
 */
void kit_number_least(const struct kit_share *shares,
                      size_t share_count,
                      double yield,
                      enum kit_rounding rounding,
                      size_t fields,
                      double *out);
/** A commingled product: each field is the sum of its children's, times their need. */
void kit_number_sum(const struct kit_share *shares, size_t share_count, size_t fields, double *out);

#endif

/**
 * quantity: Odoo's rounding and the floor of store rules. Pure. Source: Odoo 15.0,
 * odoo/tools/float_utils.py.
 */
#ifndef STOCKSYNC_MODEL_QUANTITY_H
#define STOCKSYNC_MODEL_QUANTITY_H

#include <stdint.h>

/** Odoo's float_round(value, precision_rounding=rounding, HALF-UP); rounding <= 0 or not finite
 * returns value unchanged. */
double quantity_round_half_up(double value, double rounding);
/** Odoo's float_round, UP: away from zero, unless a step is missed by an ulp. Else as HALF-UP. */
double quantity_round_up(double value, double rounding);
/** Odoo's float_round, DOWN: towards zero, unless a step is missed by an ulp. Else as HALF-UP. */
double quantity_round_down(double value, double rounding);
/** Greatest whole number <= value. A value within 1e-9 (relative, at most 1e-6) below a whole number
 * counts as that number. Saturates at ±10^15; NaN gives 0. */
int64_t quantity_floor(double value);

#endif

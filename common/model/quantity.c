#include "common/model/quantity.h"

#include <math.h>
#include <stdbool.h>

/* Shopify's own limit is a million times smaller; the sum of a few of these still fits an int64. */
#define QUANTITY_LIMIT 1e15
#define SNAP_RELATIVE  1e-9
#define SNAP_AT_MOST   1e-6

/*
 * Python 2's round, the way Odoo builds it from Python 3's: ties go away from zero, and so does the
 * double just below one half, because adding 1 to it rounds up to a tie. C's round() differs there.
 */
static double round_away(double value)
{
    const double nearest = rint(value);
    if (rint(value + 1.0) - nearest != 1.0) {
        return value + copysign(0.5, value);
    }
    return copysign(nearest, value);
}

static bool is_roundable(double value, double rounding)
{
    return rounding > 0.0 && isfinite(rounding) && isfinite(value);
}

/* About one ulp of the value, with its sign. */
static double epsilon_of(double normalized)
{
    /* log(x)/log(2), not log2(x): Python's two-argument log, whose last bit can differ. */
    const double magnitude = log(fabs(normalized)) / log(2.0);
    return copysign(pow(2.0, magnitude - 52.0), normalized);
}

double quantity_round_half_up(double value, double rounding)
{
    if (!is_roundable(value, rounding)) {
        return value;
    }
    if (value == 0.0) {
        return 0.0;
    }
    const double normalized = value / rounding;
    return round_away(normalized + epsilon_of(normalized)) * rounding;
}

double quantity_round_up(double value, double rounding)
{
    if (!is_roundable(value, rounding)) {
        return value;
    }
    if (value == 0.0) {
        return 0.0;
    }
    const double normalized = value / rounding;
    const double inner = normalized - epsilon_of(normalized);
    return copysign(1.0, normalized) * ceil(fabs(inner)) * rounding;
}

double quantity_round_down(double value, double rounding)
{
    if (!is_roundable(value, rounding)) {
        return value;
    }
    if (value == 0.0) {
        return 0.0;
    }
    const double normalized = value / rounding;
    const double outer = normalized + epsilon_of(normalized);
    return copysign(1.0, normalized) * floor(fabs(outer)) * rounding;
}

int64_t quantity_floor(double value)
{
    if (isnan(value)) {
        return 0;
    }
    if (value >= QUANTITY_LIMIT) {
        return (int64_t)QUANTITY_LIMIT;
    }
    if (value <= -QUANTITY_LIMIT) {
        return -(int64_t)QUANTITY_LIMIT;
    }
    const double nearest = rint(value);
    const double snap = fmin(SNAP_RELATIVE * fmax(1.0, fabs(nearest)), SNAP_AT_MOST);
    if (nearest > value && nearest - value <= snap) {
        return (int64_t)nearest;
    }
    return (int64_t)floor(value);
}

#include "consumer/plan/unimported.h"

#include <math.h>

/* Rows of the state for one level: this many, and one that has begun. */
#define STEPS_PER_GRACE 8

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Of units, after this many were imported. NAN: none were. */
static double without(double units, double imported)
{
    return imported > 0 ? fmax(units - imported, 0) : units;
}

struct unimported_units unimported_left(const struct unimported_memory *m, double raw)
{
    if (!m->written) {
        return (struct unimported_units){0};
    }
    double fall = m->raw - raw; /* NAN when one of them is not known */
    double missing = without(m->missing, fall);
    return (struct unimported_units){.missing = fmin(missing, m->live),
                                     .reserved = without(m->reserved, fall - m->missing)};
}

double unimported_held(const struct unimported_memory *m, double raw)
{
    struct unimported_units left = unimported_left(m, raw);
    return left.missing + left.reserved;
}

int32_t unimported_see(struct unimported_memory *m, int32_t current, int32_t reserved)
{
    int64_t gone = (int64_t)m->quantity - current;
    gone = gone > 0 ? least(gone, INT32_MAX) : 0;
    int64_t newly = (int64_t)reserved - m->reserved;
    int64_t kept = newly > 0 ? least(gone, newly) : 0;
    int64_t sold = gone - kept;
    m->reserved = (int32_t)least(m->reserved + kept, reserved > 0 ? reserved : 0);
    m->quantity = current;
    m->missing = (int32_t)least(m->missing + sold, INT32_MAX);
    m->live = (int32_t)least(m->live + sold, INT32_MAX);
    return (int32_t)sold;
}

void unimported_written(struct unimported_memory *m, int32_t quantity, double raw)
{
    struct unimported_units left = unimported_left(m, raw);
    m->written = true;
    m->quantity = quantity;
    m->raw = raw;
    m->missing = (int32_t)ceil(left.missing);
    m->reserved = (int32_t)ceil(left.reserved);
}

int64_t unimported_until_us(int64_t now_us, int64_t grace_us)
{
    int64_t step = grace_us / STEPS_PER_GRACE;
    int64_t until = now_us + grace_us;
    return step > 0 ? (until + step - 1) / step * step : until;
}

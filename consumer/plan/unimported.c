#include "consumer/plan/unimported.h"

/* Rows of the state for one level: this many, and one that has begun. */
#define STEPS_PER_GRACE 8

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int32_t unimported_held(const struct unimported_memory *m, int32_t desired)
{
    int64_t missing = least(desired, m->desired) - m->quantity;
    int64_t held = least(missing, m->live);
    return m->written && held > 0 ? (int32_t)held : 0;
}

int32_t unimported_target(const struct unimported_memory *m, int32_t desired)
{
    return desired - unimported_held(m, desired);
}

enum unimported_verdict unimported_judge(const struct unimported_memory *m,
                                         int64_t grace_us,
                                         int32_t desired,
                                         int32_t current)
{
    if (!m->written || grace_us == 0) {
        return current == desired ? UNIMPORTED_EQUAL : UNIMPORTED_WRITE;
    }
    if (current < m->quantity) {
        /* equal: all missing units are imported already */
        return current == desired ? UNIMPORTED_EQUAL : UNIMPORTED_SEEN;
    }
    return current == unimported_target(m, desired) ? UNIMPORTED_EQUAL : UNIMPORTED_WRITE;
}

int32_t unimported_see(struct unimported_memory *m, int32_t current)
{
    int64_t units = least((int64_t)m->quantity - current, INT32_MAX);
    m->quantity = current;
    m->live = (int32_t)least(m->live + units, INT32_MAX);
    return (int32_t)units;
}

void unimported_written(struct unimported_memory *m, int32_t quantity, int32_t desired)
{
    m->written = true;
    m->quantity = quantity;
    m->desired = desired;
}

int64_t unimported_until_us(int64_t now_us, int64_t grace_us)
{
    int64_t step = grace_us / STEPS_PER_GRACE;
    int64_t until = now_us + grace_us;
    return step > 0 ? (until + step - 1) / step * step : until;
}

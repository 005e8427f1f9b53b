#include "consumer/plan/in_flight.h"

/* Rows of the state for one pair: this many, and one more that has begun. */
#define STEPS_PER_GRACE 8

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int32_t in_flight_held(const struct in_flight_memory *m, int32_t wanted)
{
    int64_t missing = least(wanted, m->wanted) - m->quantity;
    int64_t held = least(missing, m->live);
    return m->written && held > 0 ? (int32_t)held : 0;
}

int32_t in_flight_target(const struct in_flight_memory *m, int32_t wanted)
{
    return wanted - in_flight_held(m, wanted);
}

enum in_flight_verdict
in_flight_judge(const struct in_flight_memory *m, int64_t grace_us, int32_t wanted, int32_t current)
{
    if (!m->written || grace_us == 0) {
        return current == wanted ? IN_FLIGHT_EQUAL : IN_FLIGHT_WRITE;
    }
    if (current < m->quantity) {
        /* equal: all that is missing has been imported already */
        return current == wanted ? IN_FLIGHT_EQUAL : IN_FLIGHT_SEEN;
    }
    return current == in_flight_target(m, wanted) ? IN_FLIGHT_EQUAL : IN_FLIGHT_WRITE;
}

int32_t in_flight_see(struct in_flight_memory *m, int32_t current)
{
    int64_t units = least((int64_t)m->quantity - current, INT32_MAX);
    m->quantity = current;
    m->live = (int32_t)least(m->live + units, INT32_MAX);
    return (int32_t)units;
}

void in_flight_written(struct in_flight_memory *m, int32_t quantity, int32_t wanted)
{
    m->written = true;
    m->quantity = quantity;
    m->wanted = wanted;
}

int64_t in_flight_until_us(int64_t now_us, int64_t grace_us)
{
    int64_t step = grace_us / STEPS_PER_GRACE;
    int64_t until = now_us + grace_us;
    return step > 0 ? (until + step - 1) / step * step : until;
}

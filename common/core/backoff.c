#include "common/core/backoff.h"

void backoff_init(struct backoff *b, int64_t base_ms, int64_t cap_ms, uint64_t seed)
{
    *b = (struct backoff){.base_ms = base_ms, .cap_ms = cap_ms, .seed = seed};
}

/* splitmix64 (Steele, Lea, Flood 2014): any seed will do, 0 too. */
static uint64_t next_random(uint64_t *seed)
{
    *seed += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *seed;
    z = (z ^ (z >> 30U)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27U)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31U);
}

int64_t backoff_next_ms(struct backoff *b, int64_t minimum_ms)
{
    int64_t ceiling = b->base_ms < b->cap_ms ? b->base_ms : b->cap_ms;
    for (unsigned i = 0; i < b->attempt && ceiling < b->cap_ms; i++) {
        ceiling = ceiling <= b->cap_ms / 2 ? ceiling * 2 : b->cap_ms;
    }
    b->attempt++;
    int64_t delay = 0;
    if (ceiling > 0) {
        delay = (int64_t)(next_random(&b->seed) % ((uint64_t)ceiling + 1));
    }
    return delay > minimum_ms ? delay : minimum_ms;
}

void backoff_reset(struct backoff *b)
{
    b->attempt = 0;
}

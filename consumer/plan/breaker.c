#include "consumer/plan/breaker.h"

/* Five: one connection that breaks with what it carried is no outage, a store that fails each try
 * is known within seconds. */
#define OPEN_IN_A_ROW 5

/* A store that answers every other request only: each try costs it, and us, a request. */
#define WINDOW       20U
#define OPEN_OF_LAST 10

#define WAIT_BASE_MS  1000
#define WAIT_LEAST_MS 500
#define WAIT_CAP_MS   60000

void breaker_init(struct breaker *b, uint64_t seed)
{
    *b = (struct breaker){.state = BREAKER_CLOSED};
    backoff_init(&b->backoff, WAIT_BASE_MS, WAIT_CAP_MS, seed);
}

const char *breaker_state_name(enum breaker_state state)
{
    static const char *const NAMES[] = {
        [BREAKER_CLOSED] = "closed", [BREAKER_HALF_OPEN] = "half_open", [BREAKER_OPEN] = "open"};
    return NAMES[state];
}

bool breaker_wants_probe(const struct breaker *b, int64_t now_us)
{
    return b->state == BREAKER_OPEN && now_us >= b->until_us;
}

void breaker_probe(struct breaker *b, const void *request)
{
    b->state = BREAKER_HALF_OPEN;
    b->probe = request;
}

int64_t breaker_next_us(const struct breaker *b)
{
    return b->state == BREAKER_OPEN ? b->until_us : INT64_MAX;
}

static void note(struct breaker *b, bool unknown)
{
    b->outcomes = (b->outcomes << 1U | unknown) & ((1U << WINDOW) - 1);
    b->in_a_row = unknown ? b->in_a_row + 1 : 0;
}

static int unknown_count(const struct breaker *b)
{
    int count = 0;
    for (uint32_t left = b->outcomes; left != 0; left &= left - 1) {
        count++;
    }
    return count;
}

bool breaker_answered(struct breaker *b, const void *request, bool writes)
{
    bool closes = b->state != BREAKER_CLOSED;
    bool is_probe = b->state == BREAKER_HALF_OPEN && request == b->probe;
    if (b->write_failed && !writes && !is_probe) {
        return false;
    }
    b->write_failed = false;
    note(b, false);
    if (closes) {
        b->state = BREAKER_CLOSED;
        b->outcomes = 0;
        backoff_reset(&b->backoff);
    }
    return closes;
}

bool breaker_failed(
    struct breaker *b, const void *request, bool writes, int64_t least_ms, int64_t now_us)
{
    bool was_closed = b->state == BREAKER_CLOSED;
    if (b->state == BREAKER_OPEN || (b->state == BREAKER_HALF_OPEN && request != b->probe)) {
        return false;
    }
    b->write_failed = b->write_failed || writes;
    note(b, true);
    if (was_closed && b->in_a_row < OPEN_IN_A_ROW && unknown_count(b) < OPEN_OF_LAST) {
        return false;
    }
    int64_t least = least_ms > WAIT_LEAST_MS ? least_ms : WAIT_LEAST_MS;
    b->state = BREAKER_OPEN;
    b->until_us = now_us + backoff_next_ms(&b->backoff, least) * 1000;
    return was_closed;
}

void breaker_probe_now(struct breaker *b)
{
    b->until_us = 0;
    backoff_reset(&b->backoff);
}

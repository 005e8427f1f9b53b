#include "consumer/plan/budget.h"

#include <math.h>

#define US_PER_S 1e6

/* Shopify's buckets fill in 20 s. One that takes over an hour comes from a nonsensical answer, and
 * believing it would stop the store. */
#define LONGEST_FILL_S 3600.0

void budget_init(struct budget *b, double reserve_ratio)
{
    *b = (struct budget){.reserve_ratio = reserve_ratio};
}

static double level_at(const struct budget *b, int64_t now_us)
{
    double passed_s = now_us > b->at_us ? (double)(now_us - b->at_us) / US_PER_S : 0;
    return fmin(b->maximum, b->level + passed_s * b->restore_rate);
}

/* Points that must be there. A request larger than what the reserve leaves may go when the bucket
 * is full, else it could never go. */
static double needed(const struct budget *b, double cost)
{
    return fmin(cost + b->reserve_ratio * b->maximum, b->maximum) + b->in_flight;
}

bool budget_allows(const struct budget *b, double cost, int64_t now_us)
{
    if (now_us < b->blocked_until_us) {
        return false;
    }
    if (b->maximum <= 0) {
        return b->in_flight <= 0;
    }
    return level_at(b, now_us) >= needed(b, cost);
}

int64_t budget_next_us(const struct budget *b, double cost, int64_t now_us)
{
    int64_t earliest = b->blocked_until_us > now_us ? b->blocked_until_us : now_us;
    if (budget_allows(b, cost, earliest)) {
        return earliest;
    }
    double need = needed(b, cost);
    if (b->maximum <= 0 || need > b->maximum) {
        return INT64_MAX; /* only an answer makes room */
    }
    double wait_us = ceil((need - b->level) / b->restore_rate * US_PER_S);
    int64_t next = b->at_us + (int64_t)wait_us;
    next = next > earliest ? next : earliest;
    while (!budget_allows(b, cost, next)) {
        next++; /* the division and the multiplication round apart */
    }
    return next;
}

void budget_sent(struct budget *b, double cost)
{
    b->in_flight += cost;
}

void budget_answered(struct budget *b,
                     double cost,
                     double maximum,
                     double level,
                     double restore_rate,
                     int64_t now_us)
{
    b->in_flight = fmax(0, b->in_flight - cost);
    bool told = isfinite(maximum) && maximum > 0 && isfinite(level) && isfinite(restore_rate) &&
                maximum <= restore_rate * LONGEST_FILL_S;
    if (told) {
        b->maximum = maximum;
        b->restore_rate = restore_rate;
        b->level = fmax(-maximum, fmin(level, maximum));
        b->at_us = now_us;
    } else if (b->maximum > 0) {
        /* perhaps executed, perhaps not: counted as charged until the next answer says better */
        b->level = fmax(-b->maximum, level_at(b, now_us) - cost);
        b->at_us = now_us;
    }
}

void budget_block(struct budget *b, int64_t wait_us, int64_t now_us)
{
    int64_t until = wait_us > INT64_MAX - now_us ? INT64_MAX : now_us + wait_us;
    if (until > b->blocked_until_us) {
        b->blocked_until_us = until;
    }
}

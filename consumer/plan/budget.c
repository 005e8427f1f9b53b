#include "consumer/plan/budget.h"

#include <math.h>

#define US_PER_S 1e6

/* Shopify's buckets fill in 20 s. One that takes over an hour comes from a nonsensical answer, and
 * would stop the store. */
#define LONGEST_FILL_S 3600.0

/* Without an answer for this time, and with none on its way, the account is uncertain. */
#define SILENCE_US INT64_C(1000000)

void budget_init(struct budget *b, double reserve_ratio)
{
    *b = (struct budget){.reserve_ratio = reserve_ratio};
}

static double level_at(const struct budget *b, int64_t now_us)
{
    double passed_s = now_us > b->at_us ? (double)(now_us - b->at_us) / US_PER_S : 0;
    return fmin(b->maximum, b->level + passed_s * b->restore_rate);
}

static double reserve_of(const struct budget *b)
{
    return b->reserve_ratio * b->maximum;
}

/* The store takes no more points than there are. Requests on their way may be charged already, or
 * not. A request larger than the bucket is for the store to refuse. */
static double least_level(const struct budget *b, double cost)
{
    return fmin(cost, b->maximum) + b->in_flight;
}

static double ample_level(const struct budget *b, double cost)
{
    return fmin(cost + reserve_of(b), b->maximum) + 2 * b->in_flight;
}

static int64_t add_s(int64_t from_us, double seconds)
{
    double us = ceil(seconds * US_PER_S);
    return us < (double)(INT64_MAX - from_us) ? from_us + (int64_t)us : INT64_MAX;
}

static int64_t level_reached_us(const struct budget *b, double level)
{
    if (level > b->maximum) {
        return INT64_MAX; /* only an answer makes room */
    }
    return level <= b->level ? b->at_us : add_s(b->at_us, (level - b->level) / b->restore_rate);
}

static int64_t paced_us(const struct budget *b, double cost)
{
    double reserve = reserve_of(b);
    double share = b->level < reserve ? b->level / reserve : 1;
    return share > 0 ? add_s(b->sent_us, cost / (b->restore_rate * share)) : INT64_MAX;
}

/* The request that asks may hang: the others wait no longer than this. */
static int64_t asked_until_us(const struct budget *b)
{
    return b->asking ? b->sent_us + SILENCE_US : 0;
}

bool budget_allows(const struct budget *b, double cost, int64_t now_us)
{
    if (now_us < b->blocked_until_us || now_us < asked_until_us(b)) {
        return false;
    }
    if (b->maximum <= 0) {
        return true; /* this request will ask */
    }
    double level = level_at(b, now_us);
    return level >= least_level(b, cost) &&
           (level >= ample_level(b, cost) || now_us >= paced_us(b, cost));
}

bool budget_spares(const struct budget *b, double cost, int64_t now_us)
{
    return budget_allows(b, cost, now_us) &&
           (b->maximum <= 0 || level_at(b, now_us) >= ample_level(b, cost));
}

int64_t budget_spares_us(const struct budget *b, double cost, int64_t now_us)
{
    int64_t next = budget_next_us(b, cost, now_us);
    if (b->maximum > 0) {
        int64_t ample = level_reached_us(b, ample_level(b, cost));
        next = ample > next ? ample : next;
    }
    while (next < INT64_MAX && !budget_spares(b, cost, next)) {
        next++; /* division and multiplication may round differently */
    }
    return next;
}

int64_t budget_next_us(const struct budget *b, double cost, int64_t now_us)
{
    int64_t next = b->blocked_until_us > now_us ? b->blocked_until_us : now_us;
    next = asked_until_us(b) > next ? asked_until_us(b) : next;
    if (b->maximum > 0) {
        int64_t least = level_reached_us(b, least_level(b, cost));
        int64_t ample = level_reached_us(b, ample_level(b, cost));
        int64_t paced = paced_us(b, cost);
        int64_t way = ample < paced ? ample : paced;
        next = least > next ? least : next;
        next = way > next ? way : next;
    }
    while (next < INT64_MAX && !budget_allows(b, cost, next)) {
        next++; /* division and multiplication may round differently */
    }
    return next;
}

void budget_sent(struct budget *b, double cost, int64_t now_us, struct budget_ticket *ticket)
{
    bool silent = now_us - b->at_us > SILENCE_US;
    b->asking = b->maximum <= 0 || b->uncertain || (silent && b->in_flight <= 0);
    b->in_flight += cost;
    b->sent_us = now_us;
    *ticket = (struct budget_ticket){.cost = cost, .answered = b->answered};
}

static bool is_usable(const struct budget_report *report)
{
    return isfinite(report->maximum) && report->maximum > 0 && isfinite(report->level) &&
           isfinite(report->restore_rate) &&
           report->maximum <= report->restore_rate * LONGEST_FILL_S;
}

static double bounded(double value, double least, double most)
{
    return fmax(least, fmin(value, most));
}

void budget_answered(struct budget *b,
                     const struct budget_ticket *ticket,
                     const struct budget_report *report,
                     int64_t now_us)
{
    bool usable = is_usable(report);
    bool known = b->maximum > 0;
    double charged =
        usable && report->charged >= 0 ? fmin(report->charged, report->maximum) : ticket->cost;
    double before = level_at(b, now_us);
    b->in_flight = fmax(0, b->in_flight - ticket->cost);
    b->asking = false;
    b->uncertain = false;
    if (usable) {
        double since = b->answered - ticket->answered;
        double shown = bounded(report->level, -report->maximum, report->maximum);
        b->maximum = report->maximum;
        b->restore_rate = report->restore_rate;
        b->level = known && since > 0
                       ? bounded(before - charged, fmin(shown - since, before), shown)
                       : shown;
        b->at_us = now_us;
    } else if (known) {
        /* perhaps executed: counted as charged until an answer shows the level */
        b->level = fmax(-b->maximum, before - charged);
        b->at_us = now_us;
    }
    b->answered += charged;
}

void budget_mark_uncertain(struct budget *b)
{
    b->uncertain = true;
}

void budget_block(struct budget *b, int64_t wait_us, int64_t now_us)
{
    int64_t until = wait_us > INT64_MAX - now_us ? INT64_MAX : now_us + wait_us;
    if (until > b->blocked_until_us) {
        b->blocked_until_us = until;
    }
}

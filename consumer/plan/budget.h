/**
 * budget: a store's bucket of query-cost points, as its answers tell it. Pure: the time is a
 * parameter (monotonic µs).
 *
 * level(t) = min(maximum, level(t0) + restore_rate * (t − t0)); a request must fit by its
 * *requested* cost, less what is in flight, keeping a reserve for the merchant's other apps.
 * Nothing is assumed about the plan: before the first answer one request at a time may go. Source:
 * shopify.dev, "Shopify API limits".
 */
#ifndef STOCKSYNC_PLAN_BUDGET_H
#define STOCKSYNC_PLAN_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
    double maximum;      /* points; 0: not known yet */
    double restore_rate; /* points per second */
    double level;        /* points at `at_us` */
    int64_t at_us;
    double in_flight;     /* requested points of requests without an answer */
    double reserve_ratio; /* of maximum, kept free */
    int64_t blocked_until_us;
};

void budget_init(struct budget *b, double reserve_ratio);
/** A request of this requested cost may go now. */
bool budget_allows(const struct budget *b, double cost, int64_t now_us);
/** Monotonic µs from which on budget_allows would say yes if nothing else happens; INT64_MAX: only
 * an answer makes room. */
int64_t budget_next_us(const struct budget *b, double cost, int64_t now_us);
void budget_sent(struct budget *b, double cost);
/** An answer arrived for a request of that requested cost. maximum <= 0: it carried no
 * throttleStatus; then the cost counts as charged. */
void budget_answered(struct budget *b,
                     double cost,
                     double maximum,
                     double level,
                     double restore_rate,
                     int64_t now_us);
/** THROTTLED or 429: nothing goes before now + wait. */
void budget_block(struct budget *b, int64_t wait_us, int64_t now_us);

#endif

/**
 * budget: a store's bucket of query-cost points, as its answers tell it, and when a request may go.
 * Pure: the time is a parameter (monotonic µs).
 *
 * The store takes a request when its *requested* cost is in the bucket, keeps its *actual* cost,
 * and fills the bucket at its restore rate (shopify.dev, "Shopify API limits"). Nothing is assumed
 * about the plan. The bucket has other users, which nobody tells us of: the merchant's programs,
 * and other processes of ours. What an answer shows is all that they know of each other. Three
 * rules:
 *
 *     account   level = what we think is there. An answer shows the level right after its own
 *               charge. Was no other one answered since it was sent, then that is the level.
 *               Otherwise the store may have charged those after it: our account is kept between
 *               that and what it shows, and not lifted. So answers may arrive in any order.
 *     ample     while more than the reserve is there, requests go at once; but at most half of what
 *               stands above it is on its way, for somebody else may believe the same.
 *     paced     below, at most restore_rate * level / reserve points a second go. All processes see
 *               the same level, so all get the same share, and the level settles where the shares
 *               add up to the restore rate: one process finds the reserve untouched, n processes
 *               leave an n-th of it. The bucket never fills meanwhile: no point is lost.
 *
 * After a silence the account is only a belief: one request goes alone and asks, for a second at
 * most: it may hang.
 */
#ifndef STOCKSYNC_PLAN_BUDGET_H
#define STOCKSYNC_PLAN_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
    double maximum;       /* points; 0: not known yet */
    double restore_rate;  /* points per second */
    double level;         /* points at `at_us`; may be below 0: charged, perhaps */
    int64_t at_us;        /* of the last answer */
    double in_flight;     /* requested points of requests without an answer */
    double answered;      /* points charged by all answers so far */
    double reserve_ratio; /* of maximum, left to others */
    int64_t sent_us;      /* of the last request */
    bool uncertain;       /* points were used that nobody told us of */
    bool asking; /* one request went alone: nothing else for a second, or until an answer */
    int64_t blocked_until_us;
};

/** What a request remembers until its answer comes. */
struct budget_ticket {
    double cost;     /* points requested */
    double answered; /* of the budget, when it was sent */
};

/** What an answer says of the bucket. */
struct budget_report {
    double maximum;      /* <= 0: nothing was said; then the requested cost counts as charged */
    double restore_rate; /* points per second */
    double level;        /* after the charge */
    double charged;      /* points; < 0: not said, then as requested */
};

void budget_init(struct budget *b, double reserve_ratio);
/** A request of this requested cost may go now. */
bool budget_allows(const struct budget *b, double cost, int64_t now_us);
/** Monotonic µs from which on budget_allows would say yes if nothing else happens; INT64_MAX: only
 * an answer makes room. */
int64_t budget_next_us(const struct budget *b, double cost, int64_t now_us);
/** @param ticket  [out] to be given back with the answer, once */
void budget_sent(struct budget *b, double cost, int64_t now_us, struct budget_ticket *ticket);
void budget_answered(struct budget *b,
                     const struct budget_ticket *ticket,
                     const struct budget_report *told,
                     int64_t now_us);
/** Points were used past the budget: the next request goes alone and asks. */
void budget_mark_uncertain(struct budget *b);
/** THROTTLED or 429: nothing goes before now + wait. */
void budget_block(struct budget *b, int64_t wait_us, int64_t now_us);

#endif

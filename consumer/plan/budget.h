/**
 * budget: a store's bucket of query-cost points, as its answers show it, and when a request may go.
 * Pure: the time is a parameter (monotonic µs).
 *
 * The store takes a request when its *requested* cost is in the bucket, charges its *actual* cost,
 * and fills the bucket at its restore rate (shopify.dev, "Shopify API limits"). Nothing is assumed
 * about the plan. The bucket has other users that we cannot see: the merchant's programs, and other
 * processes of ours. The answers are all they know of each other. Three rules:
 *
 *     account   level = the points that we expect in the bucket. An answer shows the level right
 *               after its own charge. If no other request was answered since it was sent, that is
 *               the level. Otherwise the store may have charged those later: the level stays
 *               between our account and the shown value, and never rises. So answers may arrive in
 *               any order.
 *     ample     above the reserve, requests go at once. At most half of the points above it are on
 *               their way, since another user may count on the same points.
 *     paced     below the reserve, at most restore_rate * level / reserve points per second go. All
 *               processes see the same level, so all get the same share, and the level settles
 *               where the shares add up to the restore rate: one process leaves the reserve
 *               untouched, n processes leave an n-th of it. The bucket never fills meanwhile, so no
 *               point is lost.
 *
 * After a silence the account is uncertain. One request goes alone and asks. The others wait for it
 * at most a second, since it may hang.
 */
#ifndef STOCKSYNC_PLAN_BUDGET_H
#define STOCKSYNC_PLAN_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
    double maximum;       /* points; 0: not known yet */
    double restore_rate;  /* points per second */
    double level;         /* points at at_us; may be below 0 after uncertain charges */
    int64_t at_us;        /* of the last answer */
    double in_flight;     /* requested points of requests without an answer */
    double answered;      /* points charged by all answers so far */
    double reserve_ratio; /* of maximum, left to others */
    int64_t sent_us;      /* of the last request */
    bool uncertain;       /* points were used outside this account */
    bool asking;          /* one request went alone: the others wait for it, at most a second */
    int64_t blocked_until_us;
};

/** What a request remembers until its answer comes. */
struct budget_ticket {
    double cost;     /* points requested */
    double answered; /* the budget's, when the request was sent */
};

/** The bucket as an answer shows it. */
struct budget_report {
    double maximum;      /* <= 0: not shown; then the requested cost counts as charged */
    double restore_rate; /* points per second */
    double level;        /* after the charge */
    double charged;      /* points; < 0: not shown, then as requested */
};

void budget_init(struct budget *b, double reserve_ratio);
/** A request of this requested cost may go now. */
bool budget_allows(const struct budget *b, double cost, int64_t now_us);
/** As budget_allows, for what nobody waits for: the reserve stays untouched, and so does what
 * requests on their way may need. */
bool budget_spares(const struct budget *b, double cost, int64_t now_us);
/** Monotonic µs from which budget_spares is true if nothing else happens; INT64_MAX: only an answer
 * makes room. */
int64_t budget_spares_us(const struct budget *b, double cost, int64_t now_us);
/** Monotonic µs from which budget_allows is true if nothing else happens; INT64_MAX: only an answer
 * makes room. */
int64_t budget_next_us(const struct budget *b, double cost, int64_t now_us);
/** @param ticket  [out] to be given back with the answer, once */
void budget_sent(struct budget *b, double cost, int64_t now_us, struct budget_ticket *ticket);
void budget_answered(struct budget *b,
                     const struct budget_ticket *ticket,
                     const struct budget_report *report,
                     int64_t now_us);
/** Points were used outside this account: the next request goes alone and asks. */
void budget_mark_uncertain(struct budget *b);
/** THROTTLED or 429: nothing goes before now + wait. */
void budget_block(struct budget *b, int64_t wait_us, int64_t now_us);

#endif

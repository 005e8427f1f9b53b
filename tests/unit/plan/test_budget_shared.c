/*
 * Model test: one simulated bucket, several processes with a backlog and a budget each, and other
 * programs. What is used, how often they are refused, and whether everybody gets a share.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/plan/budget.h"
#include "tests/unit/plan/random.h"

#define SECOND    INT64_C(1000000)
#define STEP_US   INT64_C(1000) /* a lane wakes up at whole milliseconds */
#define WINDOW_S  60
#define SETTLE_S  10 /* after the last one came: what the bucket had saved is gone by then */
#define MAX_SLOTS 64
#define MAX_USERS 4

struct setting {
    const char *name;
    size_t users;
    double rate, maximum, reserve_ratio;
    size_t slots; /* requests in flight, each */
    double requested, actual;
    int64_t latency_us[MAX_USERS]; /* mean of each way, by user; it varies from 0 to twice that */
    int64_t starts_us[MAX_USERS];
    double foreign; /* points a second, in lumps, by somebody who does not look at the level */
    uint32_t lost_of_1000; /* answers without a report */
    bool full;             /* in the beginning; else it holds thrice the reserve */
    double least_used, most_refused, least_share;
};

struct outcome {
    double used;    /* of what was restored, by whomever */
    double refused; /* of our requests */
    double share;   /* of the poorest user, to the richest */
};

struct bucket {
    const struct setting *s;
    double level;
    int64_t at_us;
    double taken; /* within the window */
};

static int64_t window_begin_us(const struct setting *s)
{
    int64_t last = 0;
    for (size_t i = 0; i < s->users; i++) {
        last = s->starts_us[i] > last ? s->starts_us[i] : last;
    }
    return last + SETTLE_S * SECOND;
}

/* As the store does it: the requested cost must be there, the actual one is kept. */
static bool bucket_take(struct bucket *k, double requested, double actual, int64_t now_us)
{
    double restored = k->s->rate * (double)(now_us - k->at_us) / 1e6;
    k->level = fmin(k->level + restored, k->s->maximum);
    k->at_us = now_us;
    if (requested > k->level) {
        return false;
    }
    k->level -= actual;
    k->taken += now_us >= window_begin_us(k->s) ? actual : 0;
    return true;
}

enum stage { FREE, GOING, COMING };

struct model_request {
    enum stage stage;
    struct budget_ticket ticket;
    struct budget_report report;
    bool refused, lost;
    int64_t at_us; /* when it arrives, there or here */
};

struct user {
    const struct setting *s;
    int64_t latency_us;
    struct budget budget;
    struct model_request slots[MAX_SLOTS];
    uint64_t seed;
    size_t sent, refused;
    double charged; /* within the window */
};

static int64_t some_latency(struct user *u)
{
    return u->latency_us == 0 ? 0 : random_below(&u->seed, (uint32_t)(2 * u->latency_us));
}

static void arrive(struct bucket *k, struct user *u, struct model_request *r, int64_t now_us)
{
    const struct setting *s = u->s;
    double charged = bucket_take(k, s->requested, s->actual, now_us) ? s->actual : 0;
    r->refused = charged <= 0;
    u->refused += r->refused;
    u->charged += now_us >= window_begin_us(s) ? charged : 0;
    r->report = (struct budget_report){.maximum = r->lost ? 0 : s->maximum,
                                       .restore_rate = s->rate,
                                       .level = floor(k->level),
                                       .charged = charged};
    r->stage = COMING;
    r->at_us = now_us + some_latency(u);
}

static void come_back(struct user *u, struct model_request *r, int64_t now_us)
{
    budget_answered(&u->budget, &r->ticket, &r->report, now_us);
    if (r->refused && !r->lost) {
        double wait_s = fmax(1, (u->s->requested - r->report.level) / u->s->rate);
        budget_block(&u->budget, (int64_t)(wait_s * 1e6), now_us);
    }
    r->stage = FREE;
}

static void send_all(struct user *u, int64_t now_us)
{
    const struct setting *s = u->s;
    for (size_t i = 0; i < s->slots; i++) {
        struct model_request *r = &u->slots[i];
        if (r->stage == FREE && budget_allows(&u->budget, s->requested, now_us)) {
            budget_sent(&u->budget, s->requested, now_us, &r->ticket);
            r->stage = GOING;
            r->lost = random_below(&u->seed, 1000) < s->lost_of_1000;
            r->at_us = now_us + some_latency(u);
            u->sent++;
        }
    }
}

static void user_step(struct user *u, struct bucket *k, int64_t now_us)
{
    for (size_t i = 0; i < u->s->slots; i++) {
        struct model_request *r = &u->slots[i];
        if (r->stage == GOING && r->at_us <= now_us) {
            arrive(k, u, r, now_us);
        } else if (r->stage == COMING && r->at_us <= now_us) {
            come_back(u, r, now_us);
        }
    }
    send_all(u, now_us);
}

static struct outcome outcome_of(const struct setting *s, const struct user *users, double taken)
{
    double most = 0;
    double least = HUGE_VAL;
    size_t sent = 0;
    size_t refused = 0;
    for (size_t i = 0; i < s->users; i++) {
        most = fmax(most, users[i].charged);
        least = fmin(least, users[i].charged);
        sent += users[i].sent;
        refused += users[i].refused;
    }
    return (struct outcome){.used = taken / (s->rate * WINDOW_S),
                            .refused = (double)refused / (double)sent,
                            .share = least / most};
}

static struct outcome run(const struct setting *s)
{
    static struct user users[MAX_USERS];
    struct bucket k = {.s = s, .level = s->full ? s->maximum : 3 * s->reserve_ratio * s->maximum};
    uint64_t seed = 7;
    memset(users, 0, sizeof users);
    for (size_t i = 0; i < s->users; i++) {
        users[i].s = s;
        users[i].latency_us = s->latency_us[i];
        users[i].seed = i + 1;
        budget_init(&users[i].budget, s->reserve_ratio);
    }
    int64_t end = window_begin_us(s) + WINDOW_S * SECOND;
    for (int64_t now = 0; now < end; now += STEP_US) {
        for (size_t i = 0; i < s->users; i++) {
            if (now >= s->starts_us[i]) {
                user_step(&users[i], &k, now);
            }
        }
        if (s->foreign > 0 && now % (SECOND / 2) == 0) {
            double lump = s->foreign * random_below(&seed, 1001) / 1000.0;
            (void)bucket_take(&k, lump, lump, now);
        }
    }
    return outcome_of(s, users, k.taken);
}

static const struct setting SETTINGS[] = {
#define STANDARD .rate = 100, .maximum = 2000, .reserve_ratio = 0.1
#define PLUS     .rate = 1000, .maximum = 20000, .reserve_ratio = 0.1
#define SMALL    .rate = 1000, .maximum = 2000, .reserve_ratio = 0.1
#define SETS     .slots = 16, .requested = 10, .actual = 10
#define READS    .slots = 16, .requested = 27, .actual = 9
#define MANY     .slots = 64, .requested = 10, .actual = 10
    {"standard", 1, STANDARD, SETS, .least_used = 0.995},
    {"standard, 100 ms each way", 1, STANDARD, SETS, .latency_us = {100000}, .least_used = 0.995},
    {"standard, reads", 1, STANDARD, READS, .latency_us = {50000}, .least_used = 0.98},
    {"plus, 50 ms each way", 1, PLUS, SETS, .latency_us = {50000}, .least_used = 0.995},
    {"small bucket", 1, SMALL, SETS, .latency_us = {50000}, .least_used = 0.995},
    {"small bucket, many in flight", 1, SMALL, MANY, .latency_us = {100000}, .least_used = 0.995},
    {"standard, others", 1, STANDARD, SETS, .latency_us = {20000}, .foreign = 60,
     .least_used = 0.98, .most_refused = 0.005},
    {"standard, answers get lost", 1, STANDARD, SETS, .latency_us = {20000}, .lost_of_1000 = 20,
     .least_used = 0.98},
    {"standard, two", 2, STANDARD, SETS, .latency_us = {1000, 1000}, .least_used = 0.98,
     .most_refused = 0.005, .least_share = 0.9},
    {"standard, two, one far away", 2, STANDARD, SETS, .latency_us = {1000, 150000},
     .least_used = 0.98, .most_refused = 0.005, .least_share = 0.9},
    {"standard, two, one comes later", 2, STANDARD, SETS, .latency_us = {20000, 20000},
     .starts_us = {0, 20 * SECOND}, .least_used = 0.98, .most_refused = 0.005, .least_share = 0.9},
    {"plus, two", 2, PLUS, SETS, .latency_us = {50000, 50000}, .least_used = 0.98,
     .most_refused = 0.005, .least_share = 0.9},
    {"plus, two, one far away", 2, PLUS, SETS, .latency_us = {5000, 100000}, .least_used = 0.98,
     .most_refused = 0.005, .least_share = 0.9},
    {"small bucket, two", 2, SMALL, SETS, .latency_us = {50000, 50000}, .least_used = 0.98,
     .most_refused = 0.005, .least_share = 0.9},
    {"standard, two, others", 2, STANDARD, SETS, .latency_us = {20000, 20000}, .foreign = 40,
     .least_used = 0.98, .most_refused = 0.005, .least_share = 0.9},
    {"standard, four", 4, STANDARD, SETS, .latency_us = {1000, 20000, 50000, 100000},
     .least_used = 0.98, .most_refused = 0.01, .least_share = 0.9},
    {"standard, four, with saved points", 4, STANDARD, SETS, .full = true,
     .latency_us = {1000, 20000, 50000, 100000}, .least_used = 0.98, .most_refused = 0.01,
     .least_share = 0.9},
    {"plus, four", 4, PLUS, SETS, .latency_us = {10000, 20000, 50000, 100000}, .least_used = 0.98,
     .most_refused = 0.01, .least_share = 0.9},
};

static void budget_uses_and_shares_the_bucket(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof SETTINGS / sizeof SETTINGS[0]; i++) {
        const struct setting *s = &SETTINGS[i];
        struct outcome o = run(s);
        if (o.used < s->least_used || o.refused > s->most_refused || o.share < s->least_share) {
            fail_msg("%s: used %.3f, refused %.4f, share of the poorest %.2f", s->name, o.used,
                     o.refused, o.share);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget_uses_and_shares_the_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

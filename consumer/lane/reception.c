#include "consumer/lane/reception.h"

#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"

#define MOD "lane"

/* Least pause between two probes of a store that a person must fix; an answer may ask for more. */
#define CLOSED_PROBE_MS  60000
#define REFUSED_PROBE_MS 5000
/* Shopify refuses documents of more than 1000 points on every plan: more is nonsense. */
#define COST_MAX 1e6

/* --- answers: costs and breaker --- */

static void note_cost(struct requests *rq, const struct request *r, const struct answer *answer)
{
    const struct request_metrics *m = &rq->c->metrics->request;
    const struct budget_report report = {.maximum = answer->maximum,
                                         .restore_rate = answer->restore_rate,
                                         .level = answer->available,
                                         .charged = answer->cost_actual};
    budget_answered(&rq->budget, &r->ticket, &report, clock_monotonic_us());
    if (answer->maximum > 0) {
        metric_set(m->points, answer->available);
    }
    if (answer->cost_actual > 0 && answer->cost_actual < COST_MAX) {
        metric_add(m->charged, (uint64_t)answer->cost_actual);
        rq->charged[r->op] = answer->cost_actual;
    }
    if (answer->cost_requested > 0 && answer->cost_requested < COST_MAX) {
        rq->costs[r->op] = answer->cost_requested;
    }
}

static void set_signal(struct lane_signal *signal,
                       enum signal_kind kind,
                       enum lane_state state,
                       const char *why)
{
    *signal = (struct lane_signal){.kind = kind, .state = state};
    (void)snprintf(signal->why, sizeof signal->why, "%s", why);
}

/* "The same key is still being executed" is an answer. */
static bool is_unknown(const struct answer *answer)
{
    return answer->class == ANSWER_RETRY_SAME && !answer->throttled &&
           strcmp(answer->code, "IDEMPOTENCY_CONCURRENT_REQUEST") != 0;
}

/* What had waited may go at once: the budget spreads it. */
static void note_answered(struct requests *rq, const struct request *r, struct lane_signal *signal)
{
    rq->answers.answered_us = clock_monotonic_us();
    if (!breaker_answered(&rq->breaker, r, operation_is_mutation(r->op))) {
        return;
    }
    for (size_t i = 0; i < rq->count; i++) {
        rq->slots[i].retry_at_us = 0;
    }
    set_signal(signal, SIGNAL_ANSWERS, LANE_CATCHING_UP, "the store answers");
}

static void note_unknown(struct requests *rq,
                         const struct request *r,
                         const struct answer *answer,
                         struct lane_signal *signal)
{
    int64_t now = clock_monotonic_us();
    rq->answers.failed_us = now;
    (void)snprintf(rq->answers.why, sizeof rq->answers.why, "%.239s", answer->err.msg);
    if (strcmp(answer->code, "HTTP_503") == 0) {
        budget_block(&rq->budget, answer->wait_ms * 1000, now); /* overloaded: nobody goes */
    }
    if (!breaker_failed(&rq->breaker, r, operation_is_mutation(r->op), answer->wait_ms, now)) {
        return;
    }
    log_failure(LOG_WARN, MOD, "breaker_open", &answer->err,
                LOG_FIELDS(LF_TEXT("store", rq->c->store->name),
                           LF_INT("count", requests_in_flight(rq)),
                           LF_MSG("the store does not answer: one request at a time probes it")));
    set_signal(signal, SIGNAL_STATE, LANE_BROKEN, answer->err.msg);
}

static void note_breaker(struct requests *rq,
                         const struct request *r,
                         const struct answer *answer,
                         struct lane_signal *signal)
{
    if (is_unknown(answer)) {
        note_unknown(rq, r, answer, signal);
    } else {
        note_answered(rq, r, signal);
    }
    metric_set(rq->c->metrics->request.breaker, (double)rq->breaker.state);
}

/* --- answers: the same bytes later --- */

static int64_t
wait_throttled(struct requests *rq, const struct answer *answer, struct lane_signal *signal)
{
    const struct request_metrics *m = &rq->c->metrics->request;
    budget_block(&rq->budget, answer->wait_ms * 1000, clock_monotonic_us());
    metric_add(m->throttled, 1);
    metric_add_us(m->throttle_wait, answer->wait_ms * 1000);
    set_signal(signal, SIGNAL_STATE, LANE_THROTTLED, answer->err.msg);
    return answer->wait_ms;
}

static int64_t wait_unknown(struct requests *rq,
                            struct request *r,
                            const struct answer *answer,
                            struct lane_signal *signal)
{
    metric_add(rq->c->metrics->request.unknown, 1);
    if (signal->kind == SIGNAL_NONE) { /* else the breaker has opened or closed */
        set_signal(signal, SIGNAL_REASON, LANE_BROKEN, answer->err.msg);
    }
    return backoff_next_ms(&r->backoff, answer->wait_ms);
}

static int64_t
wait_for_person(struct request *r, const struct answer *answer, struct lane_signal *signal)
{
    int64_t least_ms = answer->class == ANSWER_CLOSED ? CLOSED_PROBE_MS : REFUSED_PROBE_MS;
    enum lane_state state = answer->class == ANSWER_AUTH ? LANE_UNAUTHORISED : LANE_MISCONFIGURED;
    state = answer->class == ANSWER_CLOSED ? LANE_CLOSED : state;
    set_signal(signal, SIGNAL_STATE, state, answer->err.msg);
    if (answer->rule != NULL) {
        (void)snprintf(signal->why, sizeof signal->why, "%.200s (%.100s)", answer->err.msg,
                       answer->rule->next);
    }
    return backoff_next_ms(&r->backoff, answer->wait_ms > least_ms ? answer->wait_ms : least_ms);
}

/* The answer says nothing about the entries. */
static void send_again_later(struct requests *rq,
                             struct request *r,
                             const struct answer *answer,
                             struct lane_signal *signal)
{
    int64_t wait_ms = 0;
    if (answer->throttled) {
        wait_ms = wait_throttled(rq, answer, signal);
    } else if (answer->class == ANSWER_RETRY_SAME) {
        wait_ms = wait_unknown(rq, r, answer, signal);
    } else {
        wait_ms = wait_for_person(r, answer, signal);
    }
    if (rq->breaker.state == BREAKER_CLOSED) {
        log_failure(LOG_WARN, MOD, "request_waits", &answer->err,
                    LOG_FIELDS(LF_TEXT("store", rq->c->store->name),
                               LF_TEXT("request", operation_name(r->op)),
                               LF_TEXT("key", operation_is_write(r->op) ? r->attempt.key : ""),
                               LF_TEXT("request_id", answer->request_id),
                               LF_INT("backoff_ms", wait_ms)));
    }
    requests_wait(rq, r, wait_ms);
    if (strcmp(answer->code, "ACCESS_DENIED") == 0) {
        /* scopes that are granted later may need a new token */
        token_mark_uncertain(&rq->c->store->token);
    }
}

/*
 * The stored bytes of a dead process were refused for what they are, and nothing of them was
 * executed. To send them again would block the lane for as long as they are stored, also under a
 * new version of the program. The records come from the topic, under another key.
 */
static bool is_given_up(const struct request *r, const struct answer *answer)
{
    return r->adopted && answer->class == ANSWER_CONFIG && answer->rule != NULL &&
           answer->rule->channel != REACTION_HTTP;
}

/* A proxy or a stand-in for Shopify may know the set alone. Nothing was executed. */
static bool is_unknown_adjustment(const struct request *r, const struct answer *answer)
{
    const struct reaction_rule *rule = answer->rule;
    return r->op == OP_STOCK_ADJUST && rule != NULL && rule->channel == REACTION_TOP_LEVEL &&
           (answer->class == ANSWER_CONFIG || (!answer->throttled && rule->alarm));
}

static void note_cannot_adjust(struct requests *rq, const struct answer *answer)
{
    if (!rq->cannot_adjust) {
        log_failure(LOG_WARN, MOD, "cannot_adjust", &answer->err,
                    LOG_FIELDS(LF_TEXT("store", rq->c->store->name),
                               LF_MSG("items that sell fast are set by compare-and-set instead, "
                                      "which may need many tries")));
    }
    rq->cannot_adjust = true;
}

bool reception_take(struct requests *rq, const struct answer *answer, struct lane_signal *signal)
{
    struct request *r = answer->owner;
    *signal = (struct lane_signal){.kind = SIGNAL_NONE};
    note_cost(rq, r, answer);
    code_log_answer(&rq->codes, rq->c->store->name, answer, rq->c->metrics->request.odd_codes);
    note_breaker(rq, r, answer, signal);
    if (is_unknown_adjustment(r, answer)) {
        note_cannot_adjust(rq, answer);
        return true;
    }
    if (is_given_up(r, answer)) {
        return true;
    }
    switch (answer->class) {
    case ANSWER_DONE:
    case ANSWER_RETRY_NEW:
    case ANSWER_ENTRIES:
        if (rq->breaker.state == BREAKER_CLOSED) {
            set_signal(signal, SIGNAL_ANSWERS, LANE_CATCHING_UP, "the store answers");
        }
        return true;
    case ANSWER_RETRY_SAME:
    case ANSWER_CONFIG:
    case ANSWER_AUTH:
    case ANSWER_CLOSED:
        break;
    }
    send_again_later(rq, r, answer, signal);
    return false;
}

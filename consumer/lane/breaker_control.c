/* A store that does not answer: the breaker's hooks. */
#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "consumer/lane/lane_internal.h"

#define MOD "lane"

/* "The same key is still being executed" is an answer. */
static bool is_unknown(const struct answer *answer)
{
    return answer->class == ANSWER_RETRY_SAME && !answer->throttled &&
           strcmp(answer->code, "IDEMPOTENCY_CONCURRENT_REQUEST") != 0;
}

static void opened(struct lane *l, const struct answer *answer)
{
    log_failure(LOG_WARN, MOD, "breaker_open", &answer->err,
                LOG_FIELDS(LF_TEXT("store", l->store.name), LF_INT("count", lane_in_flight(l)),
                           LF_MSG("the store does not answer: one request at a time probes it")));
    if (l->view.state != LANE_DRAINING) {
        lane_set_state(l, LANE_BROKEN, answer->err.msg);
    }
}

/* What had waited may go at once: the budget spreads it. */
static void closed(struct lane *l)
{
    for (size_t i = 0; i < l->request_count; i++) {
        l->requests[i].retry_at_us = 0;
    }
    if (l->view.state == LANE_BROKEN) {
        lane_set_state(l, LANE_CATCHING_UP, "the store answers");
    }
}

void lane_note_outcome(struct lane *l, const struct request *r, const struct answer *answer)
{
    if (!is_unknown(answer)) {
        if (breaker_answered(&l->breaker)) {
            closed(l);
        }
        metric_set(l->m.breaker, (double)l->breaker.state);
        return;
    }
    int64_t now = clock_monotonic_us();
    if (strcmp(answer->code, "HTTP_503") == 0) {
        budget_block(&l->budget, answer->wait_ms * 1000, now); /* overloaded: nobody goes */
    }
    if (breaker_failed(&l->breaker, r, answer->wait_ms, now)) {
        opened(l, answer);
    }
    metric_set(l->m.breaker, (double)l->breaker.state);
}

struct request *lane_probe_due(struct lane *l, int64_t now_us)
{
    struct request *oldest = NULL;
    if (!breaker_wants_probe(&l->breaker, now_us)) {
        return NULL;
    }
    for (size_t i = 0; i < l->request_count; i++) {
        struct request *r = &l->requests[i];
        if (r->phase == REQUEST_WAITING && lane_may_send(l, r) &&
            (oldest == NULL || r->begun_us < oldest->begun_us)) {
            oldest = r;
        }
    }
    if (oldest == NULL || !budget_allows(&l->budget, oldest->cost, now_us)) {
        return NULL;
    }
    breaker_probe(&l->breaker, oldest);
    return oldest;
}

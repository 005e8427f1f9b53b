#include "consumer/lane/requests.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/outcomes.h"
#include "consumer/shopify/levels.h"

#define MOD "lane"

/* Variables of 250 entries need about 40 kB. */
#define VARIABLES_MAX_BYTES ((size_t)256 * 1024)
/* Least pause between two probes of a store that a person must fix; an answer may ask for more. */
#define CLOSED_PROBE_MS  60000
#define REFUSED_PROBE_MS 5000
/* Shopify refuses documents of more than 1000 points on every plan: more is nonsense. */
#define COST_MAX 1e6
/* Between storing an attempt and sending it. */
#define SEND_LIMIT_US INT64_C(10000000)

/* --- the slots --- */

void requests_open(struct requests *rq, const struct lane_context *c)
{
    *rq = (struct requests){.c = c, .count = (size_t)c->options->shared.max_requests + 1};
    rq->slots = mem_calloc(rq->count, sizeof *rq->slots);
    for (size_t i = 0; i < rq->count; i++) {
        backoff_init(&rq->slots[i].backoff, 500, 60000, (uint64_t)clock_wall_us() + i);
    }
    rq->costs[OP_STOCK_SET] = INVENTORY_SET_COST;
    rq->costs[OP_STOCK_ADJUST] = INVENTORY_SET_COST;
    rq->costs[OP_LEVELS_READ] = INVENTORY_READ_COST;
    rq->costs[OP_ITEM_TRACK] = LEVELS_TRACK_COST;
    rq->costs[OP_LEVEL_ACTIVATE] = LEVELS_ACTIVATE_COST;
    budget_init(&rq->budget, (double)c->options->store_conf->reserve / 100);
    breaker_init(&rq->breaker, (uint64_t)clock_wall_us() ^ (uint64_t)getpid());
}

void requests_close(struct requests *rq)
{
    for (size_t i = 0; i < rq->count; i++) {
        requests_end(&rq->slots[i]);
    }
    mem_free(rq->slots);
    state_attempts_release(rq->adopted, rq->adopted_count);
    *rq = (struct requests){0};
}

size_t requests_in_flight(const struct requests *rq)
{
    size_t n = 0;
    for (size_t i = 0; i < rq->count; i++) {
        n += rq->slots[i].phase != REQUEST_FREE;
    }
    return n;
}

/* While the store is held, mutations that wait may have all other slots, and levels must be read
 * all the same to find the end of the hold. */
struct request *requests_free_slot(const struct requests *rq)
{
    size_t count = rq->is_held ? rq->count : rq->count - 1;
    for (size_t i = 0; i < count; i++) {
        if (rq->slots[i].phase == REQUEST_FREE) {
            return &rq->slots[i];
        }
    }
    return NULL;
}

void requests_end(struct request *r)
{
    mem_free(r->variables);
    r->variables = NULL;
    r->adopted = false;
    r->sends = 0;
    r->count = 0;
    r->phase = REQUEST_FREE;
}

static bool may_send(const struct requests *rq, const struct request *r)
{
    return rq->may_mutate || !operation_is_mutation(r->op);
}

bool requests_may_afford(const struct requests *rq, enum operation op)
{
    return budget_allows(&rq->budget, rq->costs[op], clock_monotonic_us());
}

bool requests_may_spare(const struct requests *rq, enum operation op)
{
    return budget_spares(&rq->budget, rq->costs[op], clock_monotonic_us());
}

double requests_price(const struct requests *rq, enum operation op)
{
    return rq->charged[op] > 0 ? rq->charged[op] : rq->costs[op];
}

/* --- attempts of dead processes --- */

bool requests_adoption_waits(const struct requests *rq)
{
    return rq->adopted_next < rq->adopted_count;
}

bool requests_has_adopted(const struct requests *rq)
{
    if (requests_adoption_waits(rq)) {
        return true;
    }
    for (size_t i = 0; i < rq->count; i++) {
        if (rq->slots[i].phase != REQUEST_FREE && rq->slots[i].adopted) {
            return true;
        }
    }
    return false;
}

enum status requests_adopt(struct requests *rq, struct err *err)
{
    if (requests_adoption_waits(rq)) {
        return STATUS_OK; /* those first */
    }
    state_attempts_release(rq->adopted, rq->adopted_count);
    rq->adopted = NULL;
    rq->adopted_count = 0;
    rq->adopted_next = 0;
    return rq->c->ports->state->levels.attempts_adopt(rq->c->state, &rq->adopted,
                                                      &rq->adopted_count, err);
}

const struct request *requests_seat_adopted(struct requests *rq)
{
    struct request *r = requests_adoption_waits(rq) ? requests_free_slot(rq) : NULL;
    if (r == NULL) {
        return NULL;
    }
    const struct state_attempt *a = &rq->adopted[rq->adopted_next++];
    r->op = a->adjusts ? OP_STOCK_ADJUST : OP_STOCK_SET;
    r->cost = rq->costs[r->op];
    r->begun_us = 0;
    r->count = a->count < INVENTORY_MAX_ENTRIES ? a->count : INVENTORY_MAX_ENTRIES;
    memcpy(r->list, a->list, r->count * sizeof *a->list);
    memset(r->levels, 0, sizeof r->levels);
    r->adopted = true;
    r->attempt = *a;
    r->variables = mem_strdup(a->variables);
    r->attempt.variables = r->variables;
    r->attempt.list = r->list;
    r->phase = REQUEST_WAITING;
    r->retry_at_us = 0;
    backoff_reset(&r->backoff);
    log_info(MOD, "attempt_adopted", LF_TEXT("store", rq->c->store->name), LF_TEXT("key", a->key),
             LF_INT("count", a->count),
             LF_MSG("a process ended before its outcome was known: the same bytes go out again"));
    return r;
}

/* --- sending --- */

/*
 * The generation is the moment of the attempt: it never repeats within the 24 hours that a key
 * lives, also across restarts. A retry of the same bytes reuses the key that was stored.
 */
unsigned requests_new_generation(void)
{
    return (unsigned)((clock_wall_us() / 1000) & 0x7fffffff);
}

/* From here on its points are not free any more. */
static void charge(struct requests *rq, struct request *r)
{
    budget_sent(&rq->budget, r->cost, clock_monotonic_us(), &r->ticket);
}

static void begin(const struct requests *rq, struct request *r, enum operation op, char *variables)
{
    r->op = op;
    r->cost = rq->costs[op];
    r->begun_us = clock_monotonic_us();
    r->variables = variables;
    backoff_reset(&r->backoff);
}

static enum status send_bytes(struct requests *rq, struct request *r, struct err *err)
{
    const struct lane_context *c = rq->c;
    enum status rc = c->ports->store->send(c->graphql, r->op, r->variables, r, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    r->phase = REQUEST_SENT;
    r->sends++;
    metric_add(operation_is_mutation(r->op) ? c->metrics->request.mutations
                                            : c->metrics->request.reads,
               1);
    FAULT_POINT("lane.sent");
    return STATUS_OK;
}

/*
 * Another process gives up the attempts of one that is stopped for minutes. It may have written
 * the levels since then: these bytes could put an older number over a newer one.
 */
static enum status renew(struct requests *rq, struct request *r, struct err *err)
{
    const struct lane_context *c = rq->c;
    bool open = true;
    enum status rc = c->ports->state->levels.attempts_renew(c->state, r->attempt.key,
                                                            clock_wall_us(), &open, err);
    if (rc == STATUS_OK && !open) {
        log_warn(MOD, "attempt_lost", LF_TEXT("store", c->store->name),
                 LF_TEXT("key", r->attempt.key), LF_INT("count", r->count),
                 LF_MSG("another process gave it up while this one was stopped: not sent"));
        r->phase = REQUEST_LOST;
    }
    return rc;
}

enum status requests_send_stored(struct requests *rq, struct request *r, struct err *err)
{
    if (clock_monotonic_us() - r->begun_us > SEND_LIMIT_US) {
        enum status rc = renew(rq, r, err);
        if (rc != STATUS_OK || r->phase == REQUEST_LOST) {
            return rc;
        }
    }
    return send_bytes(rq, r, err);
}

static enum status charge_and_send(struct requests *rq, struct request *r, struct err *err)
{
    charge(rq, r);
    return send_bytes(rq, r, err);
}

static enum status send_again(struct requests *rq, struct request *r, struct err *err)
{
    enum status rc = operation_is_write(r->op) ? renew(rq, r, err) : STATUS_OK;
    return rc == STATUS_OK && r->phase != REQUEST_LOST ? charge_and_send(rq, r, err) : rc;
}

enum status requests_send(
    struct requests *rq, struct request *r, enum operation op, char *variables, struct err *err)
{
    begin(rq, r, op, variables);
    return charge_and_send(rq, r, err);
}

void requests_build(struct requests *rq, struct request *r, enum operation op)
{
    const struct store *store = rq->c->store;
    struct strbuf variables;
    for (size_t i = 0; i < r->count; i++) {
        r->list[i] = outcomes_write_of(rq->c, r->levels[i]);
    }
    r->attempt.generation = requests_new_generation();
    r->attempt.adjusts = op == OP_STOCK_ADJUST;
    inventory_key(store->name, r->attempt.adjusts ? "adjust" : store->quantity_name, r->list,
                  r->count, r->attempt.generation, r->attempt.key);
    strbuf_init(&variables, VARIABLES_MAX_BYTES);
    if (r->attempt.adjusts) {
        inventory_adjust_variables(r->attempt.key, r->list, r->count, &variables);
    } else {
        inventory_set_variables(store->quantity_name, r->attempt.key, r->list, r->count,
                                &variables);
    }
    begin(rq, r, op, strbuf_take(&variables));
    strbuf_release(&variables);
    r->attempt.variables = r->variables;
    r->attempt.list = r->list;
    r->attempt.count = r->count;
    charge(rq, r);
    r->phase = REQUEST_BUILT;
}

enum status
requests_store(struct requests *rq, struct request *const *list, size_t count, struct err *err)
{
    const struct state_attempt *attempts[LANE_GROUP];
    for (size_t i = 0; i < count; i++) {
        attempts[i] = &list[i]->attempt;
    }
    return rq->c->ports->state->levels.attempts_begin(rq->c->state, attempts, count, err);
}

/* --- sending again --- */

static void wait(struct requests *rq, struct request *r, int64_t wait_ms)
{
    r->phase = REQUEST_WAITING;
    r->retry_at_us = clock_monotonic_us() + wait_ms * 1000;
    if (r->retry_at_us < rq->budget.blocked_until_us) {
        r->retry_at_us = rq->budget.blocked_until_us;
    }
}

void requests_ask_again(struct requests *rq, struct request *r)
{
    wait(rq, r, backoff_next_ms(&r->backoff, 500));
}

/* The one request that may be sent while the breaker is not closed, when it is time. */
static struct request *due_probe(struct requests *rq, int64_t now_us)
{
    struct request *oldest = NULL;
    if (!breaker_wants_probe(&rq->breaker, now_us)) {
        return NULL;
    }
    for (size_t i = 0; i < rq->count; i++) {
        struct request *r = &rq->slots[i];
        if (r->phase == REQUEST_WAITING && may_send(rq, r) &&
            (oldest == NULL || r->begun_us < oldest->begun_us)) {
            oldest = r;
        }
    }
    if (oldest == NULL || !budget_allows(&rq->budget, oldest->cost, now_us)) {
        return NULL;
    }
    breaker_probe(&rq->breaker, oldest);
    return oldest;
}

enum status requests_send_due(struct requests *rq, struct err *err)
{
    int64_t now = clock_monotonic_us();
    if (rq->breaker.state != BREAKER_CLOSED) {
        struct request *probe = due_probe(rq, now);
        return probe != NULL ? send_again(rq, probe, err) : STATUS_OK;
    }
    for (size_t i = 0; i < rq->count; i++) {
        struct request *r = &rq->slots[i];
        if (r->phase != REQUEST_WAITING || now < r->retry_at_us || !may_send(rq, r) ||
            !budget_allows(&rq->budget, r->cost, now)) {
            continue;
        }
        enum status rc = send_again(rq, r, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

bool requests_wants_read_probe(const struct requests *rq)
{
    int64_t now = clock_monotonic_us();
    for (size_t i = 0; i < rq->count; i++) {
        const struct request *r = &rq->slots[i];
        if (r->phase == REQUEST_SENT || (r->phase == REQUEST_WAITING && may_send(rq, r))) {
            return false;
        }
    }
    return (rq->breaker.state == BREAKER_CLOSED || breaker_wants_probe(&rq->breaker, now)) &&
           budget_allows(&rq->budget, rq->costs[OP_LEVELS_READ], now);
}

void requests_note_read_probe(struct requests *rq, const struct request *r)
{
    if (r->phase == REQUEST_SENT && rq->breaker.state == BREAKER_OPEN) {
        breaker_probe(&rq->breaker, r);
    }
}

void requests_probe_now(struct requests *rq, bool blocked)
{
    for (size_t i = 0; blocked && i < rq->count; i++) {
        rq->slots[i].retry_at_us = 0;
        backoff_reset(&rq->slots[i].backoff);
    }
    breaker_probe_now(&rq->breaker);
}

int64_t requests_next_retry_us(const struct requests *rq)
{
    int64_t now = clock_monotonic_us();
    int64_t next = INT64_MAX;
    bool closed = rq->breaker.state == BREAKER_CLOSED;
    for (size_t i = 0; i < rq->count; i++) {
        const struct request *r = &rq->slots[i];
        if (r->phase == REQUEST_WAITING && may_send(rq, r)) {
            int64_t due = closed ? r->retry_at_us : breaker_next_us(&rq->breaker);
            int64_t allowed = budget_next_us(&rq->budget, r->cost, now);
            allowed = allowed > due ? allowed : due;
            next = allowed < next ? allowed : next;
        }
    }
    return next;
}

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
static void note_answered(struct requests *rq, struct lane_signal *signal)
{
    if (!breaker_answered(&rq->breaker)) {
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
    if (strcmp(answer->code, "HTTP_503") == 0) {
        budget_block(&rq->budget, answer->wait_ms * 1000, now); /* overloaded: nobody goes */
    }
    if (!breaker_failed(&rq->breaker, r, answer->wait_ms, now)) {
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
        note_answered(rq, signal);
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
    wait(rq, r, wait_ms);
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

bool requests_take_answer(struct requests *rq,
                          const struct answer *answer,
                          struct lane_signal *signal)
{
    struct request *r = answer->owner;
    *signal = (struct lane_signal){.kind = SIGNAL_NONE};
    note_cost(rq, r, answer);
    code_log_answer(&rq->codes, rq->c->store->name, answer, rq->c->metrics->request.odd_codes);
    note_breaker(rq, r, answer, signal);
    if (is_given_up(r, answer)) {
        return true;
    }
    switch (answer->class) {
    case ANSWER_DONE:
    case ANSWER_RETRY_NEW:
    case ANSWER_ENTRIES:
        set_signal(signal, SIGNAL_ANSWERS, LANE_CATCHING_UP, "the store answers");
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

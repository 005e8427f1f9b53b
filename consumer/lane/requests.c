#include "consumer/lane/requests.h"

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
int64_t requests_asked_us(const struct requests *rq)
{
    int64_t since_us = 0;
    for (size_t i = 0; i < rq->count; i++) {
        const struct request *r = &rq->slots[i];
        if (r->phase == REQUEST_SENT && (since_us == 0 || r->sent_us < since_us)) {
            since_us = r->sent_us;
        }
    }
    return since_us;
}

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
    r->purpose = READ_FOR_WRITE;
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
    return rq->c->ports->state->levels.attempts_adopt(rq->c->state, rq->c->first_revision,
                                                      &rq->adopted, &rq->adopted_count, err);
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
    r->sent_us = clock_monotonic_us();
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

void requests_wait(struct requests *rq, struct request *r, int64_t wait_ms)
{
    r->phase = REQUEST_WAITING;
    r->retry_at_us = clock_monotonic_us() + wait_ms * 1000;
    if (r->retry_at_us < rq->budget.blocked_until_us) {
        r->retry_at_us = rq->budget.blocked_until_us;
    }
}

void requests_ask_again(struct requests *rq, struct request *r)
{
    requests_wait(rq, r, backoff_next_ms(&r->backoff, 500));
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

#include <string.h>

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/app/lane_internal.h"

#define MOD "lane"

/* Variables of 250 entries need about 40 kB. */
#define VARIABLES_MAX_BYTES ((size_t)256 * 1024)

size_t lane_in_flight(const struct lane *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->request_count; i++) {
        n += l->requests[i].phase != REQUEST_FREE;
    }
    return n;
}

static bool has_adopted(const struct lane *l)
{
    if (l->adopted_next < l->adopted_count) {
        return true;
    }
    for (size_t i = 0; i < l->request_count; i++) {
        if (l->requests[i].phase != REQUEST_FREE && l->requests[i].adopted) {
            return true;
        }
    }
    return false;
}

bool lane_is_held(const struct lane *l)
{
    enum lane_state s = l->view.state;
    return s == LANE_UNAUTHORISED || s == LANE_CLOSED || s == LANE_MISCONFIGURED ||
           s == LANE_BROKEN || s == LANE_DRAINING;
}

static struct request *free_slot(struct lane *l)
{
    for (size_t i = 0; i < l->request_count; i++) {
        if (l->requests[i].phase == REQUEST_FREE) {
            return &l->requests[i];
        }
    }
    return NULL;
}

void lane_request_end(struct request *r)
{
    mem_free(r->variables);
    r->variables = NULL;
    r->adopted = false;
    r->count = 0;
    r->phase = REQUEST_FREE;
}

void lane_probe_now(struct lane *l)
{
    for (size_t i = 0; lane_is_held(l) && i < l->request_count; i++) {
        l->requests[i].retry_at_us = 0;
        backoff_reset(&l->requests[i].backoff);
    }
}

void lane_drop_requests(struct lane *l)
{
    for (size_t i = 0; i < l->request_count; i++) {
        lane_request_end(&l->requests[i]);
    }
}

enum status lane_request_send(struct lane *l, struct request *r, struct err *err)
{
    enum status rc = graphql_send(l->graphql, r->op, r->variables, r, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    r->phase = REQUEST_SENT;
    budget_sent(&l->budget, r->cost);
    metric_add(operation_is_mutation(r->op) ? l->m.requests : l->m.reads, 1);
    FAULT_POINT("lane.sent");
    return STATUS_OK;
}

void lane_request_wait(struct lane *l, struct request *r, int64_t wait_ms)
{
    r->phase = REQUEST_WAITING;
    r->retry_at_us = clock_monotonic_us() + wait_ms * 1000;
    if (r->retry_at_us < l->budget.blocked_until_us) {
        r->retry_at_us = l->budget.blocked_until_us;
    }
}

struct level_write lane_write_of(const struct pair *p)
{
    return (struct level_write){.key = p->key,
                                .product_id = p->want.product_id,
                                .quantity = in_flight_target(&p->memory, p->want.quantity),
                                .wanted = p->want.quantity,
                                .change_from = p->change_from,
                                .revision = p->want.revision,
                                .changed_at_us = p->want.changed_at_us};
}

void lane_put_back(struct lane *l, struct pair *pair, enum pair_stage stage)
{
    if (coalescer_put_back(l->coalescer, pair, stage)) {
        metric_add(l->m.superseded, 1); /* by the newer value that had waited */
    }
}

enum status lane_note_equal(struct lane *l,
                            struct pair **pairs,
                            const struct level_write *list,
                            size_t count,
                            struct err *err)
{
    if (count == 0) {
        return STATUS_OK;
    }
    enum status rc = state_levels_note(l->state, list, count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    metric_add(l->m.unchanged, count);
    for (size_t i = 0; i < count; i++) {
        in_flight_written(&pairs[i]->memory, list[i].quantity, list[i].wanted);
        coalescer_finish(l->coalescer, pairs[i], &list[i].quantity);
    }
    return STATUS_OK;
}

/* A write that held units back is not the end of its revision. */
static bool is_superseded(const struct level_known *known, const struct want *want)
{
    return known->revision > want->revision ||
           (known->revision == want->revision && known->quantity == known->wanted);
}

/* Pairs as they come in: what did we last write there? */
static enum status resolve(struct lane *l, struct err *err)
{
    struct pair *pairs[LANE_RESOLVE_PAIRS];
    struct level_key keys[LANE_RESOLVE_PAIRS];
    struct level_known known[LANE_RESOLVE_PAIRS];
    struct pair *equal[LANE_RESOLVE_PAIRS];
    struct level_write equal_list[LANE_RESOLVE_PAIRS];
    size_t equal_count = 0;
    size_t count = coalescer_take(l->coalescer, PAIR_UNRESOLVED, pairs, LANE_RESOLVE_PAIRS);
    if (count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        keys[i] = pairs[i]->key;
    }
    enum status rc = state_levels_read(l->state, keys, count, clock_wall_us(), known, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        struct pair *p = pairs[i];
        lane_remember(l, p, &known[i]);
        if (lane_levels_is_untracked(l, p)) {
            lane_put_back(l, p, PAIR_UNTRACKED);
        } else if (!known[i].found) {
            lane_put_back(l, p, PAIR_UNREAD);
        } else if (is_superseded(&known[i], &p->want)) {
            metric_add(l->m.superseded, 1);
            coalescer_finish(l->coalescer, p, NULL);
        } else if (known[i].quantity == in_flight_target(&p->memory, p->want.quantity)) {
            equal[equal_count] = p;
            equal_list[equal_count] = lane_write_of(p);
            equal_count++;
        } else {
            p->change_from = known[i].quantity;
            lane_put_back(l, p, PAIR_READY);
        }
    }
    return lane_note_equal(l, equal, equal_list, equal_count, err);
}

static enum status send_read(struct lane *l, struct request *r, struct err *err)
{
    int64_t items[INVENTORY_MAX_ENTRIES];
    struct strbuf variables;
    r->count = coalescer_take(l->coalescer, PAIR_UNREAD, r->pairs, INVENTORY_MAX_ENTRIES);
    if (r->count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < r->count; i++) {
        items[i] = r->pairs[i]->key.item;
        r->list[i] = lane_write_of(r->pairs[i]);
    }
    strbuf_init(&variables, VARIABLES_MAX_BYTES);
    inventory_read_variables(r->pairs[0]->key.location, items, r->count, &variables);
    r->op = OP_LEVELS_READ;
    r->cost = l->read_cost;
    r->variables = strbuf_take(&variables);
    strbuf_release(&variables);
    backoff_reset(&r->backoff);
    return lane_request_send(l, r, err);
}

/*
 * The generation is the moment of the attempt: it never repeats within the 24 hours that a key
 * lives, also across restarts. A retry of the same bytes does not come through here: it reuses the
 * key that was stored.
 */
unsigned lane_new_generation(void)
{
    return (unsigned)((clock_wall_us() / 1000) & 0x7fffffff);
}

static enum status send_set(struct lane *l, struct request *r, struct err *err)
{
    struct strbuf variables;
    r->count = coalescer_take(l->coalescer, PAIR_READY, r->pairs, l->batch_limit);
    if (r->count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < r->count; i++) {
        r->list[i] = lane_write_of(r->pairs[i]);
    }
    r->attempt.generation = lane_new_generation();
    inventory_key(l->store.name, l->store.quantity_name, r->list, r->count, r->attempt.generation,
                  r->attempt.key);
    strbuf_init(&variables, VARIABLES_MAX_BYTES);
    inventory_set_variables(l->store.quantity_name, r->attempt.key, r->list, r->count, &variables);
    r->op = OP_STOCK_SET;
    r->cost = INVENTORY_SET_COST;
    r->variables = strbuf_take(&variables);
    strbuf_release(&variables);
    r->attempt.variables = r->variables;
    r->attempt.list = r->list;
    r->attempt.count = r->count;
    backoff_reset(&r->backoff);
    FAULT_POINT("lane.before_attempt");
    enum status rc = state_attempt_begin(l->state, &r->attempt, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    FAULT_POINT("lane.before_send");
    return lane_request_send(l, r, err);
}

static enum status send_due(struct lane *l, struct err *err)
{
    int64_t now = clock_monotonic_us();
    for (size_t i = 0; i < l->request_count; i++) {
        struct request *r = &l->requests[i];
        if (r->phase == REQUEST_WAITING && now >= r->retry_at_us &&
            budget_allows(&l->budget, r->cost, now)) {
            enum status rc = lane_request_send(l, r, err);
            if (rc != STATUS_OK) {
                return rc;
            }
        }
    }
    return STATUS_OK;
}

/* One new request, if there is a slot, work and budget. */
static enum status send_new(struct lane *l, bool *sent, struct err *err)
{
    *sent = false;
    struct request *r = free_slot(l);
    int64_t now = clock_monotonic_us();
    enum status rc = STATUS_OK;
    if (r == NULL) {
        return STATUS_OK;
    }
    if (now >= lane_levels_deadline_us(l)) {
        rc = lane_levels_send(l, r, err);
    } else if (coalescer_count(l->coalescer, PAIR_READY) > 0 &&
               budget_allows(&l->budget, INVENTORY_SET_COST, now)) {
        rc = send_set(l, r, err);
    } else if (coalescer_count(l->coalescer, PAIR_UNREAD) > 0 &&
               budget_allows(&l->budget, l->read_cost, now)) {
        rc = send_read(l, r, err);
    }
    *sent = rc == STATUS_OK && r->phase == REQUEST_SENT;
    return rc;
}

/* Attempts of dead processes wait for a slot; they are due at once. */
static void seat_adopted(struct lane *l)
{
    for (struct request *r = free_slot(l); r != NULL && l->adopted_next < l->adopted_count;
         r = free_slot(l)) {
        const struct state_attempt *a = &l->adopted[l->adopted_next++];
        r->op = OP_STOCK_SET;
        r->cost = INVENTORY_SET_COST;
        r->count = a->count < INVENTORY_MAX_ENTRIES ? a->count : INVENTORY_MAX_ENTRIES;
        memcpy(r->list, a->list, r->count * sizeof *a->list);
        memset(r->pairs, 0, sizeof r->pairs);
        r->adopted = true;
        r->attempt = *a;
        r->variables = mem_strdup(a->variables);
        r->attempt.variables = r->variables;
        r->attempt.list = r->list;
        r->phase = REQUEST_WAITING;
        r->retry_at_us = 0;
        backoff_reset(&r->backoff);
        log_info(MOD, "attempt_adopted", LF_TEXT("store", l->store.name), LF_TEXT("key", a->key),
                 LF_INT("count", a->count),
                 LF_MSG("a process ended before its outcome was known: sent again as it was"));
    }
}

enum status lane_dispatch(struct lane *l, struct err *err)
{
    seat_adopted(l);
    enum status rc = send_due(l, err);
    if (rc != STATUS_OK || lane_is_held(l) || has_adopted(l) || l->catalogue.holding) {
        return rc;
    }
    rc = resolve(l, err);
    bool sent = rc == STATUS_OK;
    while (sent) {
        rc = send_new(l, &sent, err);
    }
    return rc;
}

int64_t lane_next_deadline_us(const struct lane *l)
{
    int64_t now = clock_monotonic_us();
    int64_t next = INT64_MAX;
    bool slot = false;
    for (size_t i = 0; i < l->request_count; i++) {
        const struct request *r = &l->requests[i];
        slot = slot || r->phase == REQUEST_FREE;
        if (r->phase == REQUEST_WAITING) {
            int64_t allowed = budget_next_us(&l->budget, r->cost, now);
            allowed = allowed > r->retry_at_us ? allowed : r->retry_at_us;
            next = allowed < next ? allowed : next;
        }
    }
    if (lane_is_held(l) || has_adopted(l) || l->catalogue.holding) {
        return next; /* nothing new goes out */
    }
    if (coalescer_count(l->coalescer, PAIR_UNRESOLVED) > 0) {
        return 0;
    }
    size_t ready = coalescer_count(l->coalescer, PAIR_READY);
    if (slot && ready + coalescer_count(l->coalescer, PAIR_UNREAD) > 0) {
        double cost = ready > 0 ? INVENTORY_SET_COST : l->read_cost;
        int64_t allowed = budget_next_us(&l->budget, cost, now);
        next = allowed < next ? allowed : next;
    }
    if (slot) {
        int64_t cure = lane_levels_deadline_us(l);
        next = cure < next ? cure : next;
    }
    return next;
}

enum status lane_adopt_attempts(struct lane *l, struct err *err)
{
    if (l->adopted_next < l->adopted_count) {
        return STATUS_OK; /* those first */
    }
    state_attempts_release(l->adopted, l->adopted_count);
    l->adopted = NULL;
    l->adopted_count = 0;
    l->adopted_next = 0;
    return state_attempts_adopt(l->state, &l->adopted, &l->adopted_count, err);
}

enum status lane_finish_requests(struct lane *l, int64_t limit_ms, struct err *err)
{
    int64_t deadline = clock_monotonic_us() + limit_ms * 1000;
    enum status rc = STATUS_OK;
    lane_catalogue_hold(l);
    while (rc == STATUS_OK && graphql_running(l->graphql) > 0 && clock_left_ms(deadline) > 0) {
        graphql_wait(l->graphql, NULL, 0, clock_left_ms(deadline));
        rc = lane_take_answers(l, err);
    }
    return rc;
}

#include <string.h>

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/lane_internal.h"

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

/* Nothing is written, not even a request that waits to be sent again. */
bool lane_may_write(const struct lane *l)
{
    return !l->hold.on && !l->dry;
}

bool lane_may_send(const struct lane *l, const struct request *r)
{
    return lane_may_write(l) || !operation_is_mutation(r->op);
}

/* The last slot is for a store that is held: mutations that wait for the end of the hold may have
 * the others, and levels must be read all the same to find that end. */
static struct request *free_slot(const struct lane *l)
{
    size_t count = l->hold.on ? l->request_count : l->request_count - 1;
    for (size_t i = 0; i < count; i++) {
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
    r->sends = 0;
    r->count = 0;
    r->phase = REQUEST_FREE;
}

void lane_probe_now(struct lane *l)
{
    for (size_t i = 0; lane_is_held(l) && i < l->request_count; i++) {
        l->requests[i].retry_at_us = 0;
        backoff_reset(&l->requests[i].backoff);
    }
    breaker_probe_now(&l->breaker);
}

void lane_drop_requests(struct lane *l)
{
    for (size_t i = 0; i < l->request_count; i++) {
        lane_request_end(&l->requests[i]);
    }
}

/* From here on its points are not free any more. */
static void request_charge(struct lane *l, struct request *r)
{
    budget_sent(&l->budget, r->cost, clock_monotonic_us(), &r->ticket);
}

static enum status request_send(struct lane *l, struct request *r, struct err *err)
{
    enum status rc = graphql_send(l->graphql, r->op, r->variables, r, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    r->phase = REQUEST_SENT;
    r->sends++;
    metric_add(operation_is_mutation(r->op) ? l->m.requests : l->m.reads, 1);
    FAULT_POINT("lane.sent");
    return STATUS_OK;
}

enum status lane_request_send(struct lane *l, struct request *r, struct err *err)
{
    request_charge(l, r);
    return request_send(l, r, err);
}

void lane_request_wait(struct lane *l, struct request *r, int64_t wait_ms)
{
    r->phase = REQUEST_WAITING;
    r->retry_at_us = clock_monotonic_us() + wait_ms * 1000;
    if (r->retry_at_us < l->budget.blocked_until_us) {
        r->retry_at_us = l->budget.blocked_until_us;
    }
}

struct level_write lane_write_of(const struct level *p)
{
    return (struct level_write){.key = p->key,
                                .product_id = p->desired.product_id,
                                .quantity = unimported_target(&p->memory, p->desired.quantity),
                                .desired = p->desired.quantity,
                                .change_from = p->change_from,
                                .revision = p->desired.revision,
                                .changed_at_us = p->desired.changed_at_us};
}

void lane_put_back(struct lane *l, struct level *level, enum level_stage stage)
{
    if (coalescer_put_back(l->coalescer, level, stage)) {
        metric_add(l->m.superseded, 1); /* by the newer value that had waited */
    }
    if (stage == LEVEL_READY) {
        lane_brake_expect(l, level);
    }
}

void lane_put_apart(struct lane *l, struct level **levels, size_t count, size_t parts)
{
    if (count > 0) {
        metric_add(l->m.superseded, coalescer_bisect(l->coalescer, levels, count, parts));
    }
}

enum status lane_note_equal(struct lane *l,
                            struct level **levels,
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
    l->dry_figures.equal += count;
    for (size_t i = 0; i < count; i++) {
        unimported_written(&levels[i]->memory, list[i].quantity, list[i].desired);
        coalescer_finish(l->coalescer, levels[i], &list[i].quantity);
    }
    return STATUS_OK;
}

/* A write that held units back is not the end of its revision. */
static bool is_superseded(const struct level_known *known, const struct desired *desired)
{
    return known->revision > desired->revision ||
           (known->revision == desired->revision && known->quantity == known->desired);
}

/* Pairs as they come in: what did we last write there? */
static enum status resolve(struct lane *l, struct err *err)
{
    struct level *levels[LANE_RESOLVE_PAIRS];
    struct level_key keys[LANE_RESOLVE_PAIRS];
    struct level_known known[LANE_RESOLVE_PAIRS];
    struct level *equal[LANE_RESOLVE_PAIRS];
    struct level_write equal_list[LANE_RESOLVE_PAIRS];
    struct level *outdone[LANE_RESOLVE_PAIRS];
    size_t equal_count = 0;
    size_t outdone_count = 0;
    size_t count = coalescer_take(l->coalescer, LEVEL_UNRESOLVED, levels, LANE_RESOLVE_PAIRS);
    enum status rc = lane_stop_shared(l, levels, &count, err);
    if (rc != STATUS_OK || count == 0) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        keys[i] = levels[i]->key;
    }
    rc = state_levels_read(l->state, keys, count, clock_wall_us(), known, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        struct level *p = levels[i];
        lane_remember(l, p, &known[i]);
        if (lane_levels_is_untracked(l, p)) {
            lane_put_back(l, p, LEVEL_UNTRACKED);
        } else if (!known[i].found) {
            lane_put_back(l, p, LEVEL_UNREAD);
        } else if (lane_is_outdone(l, p, &known[i])) {
            outdone[outdone_count++] = p;
        } else if (is_superseded(&known[i], &p->desired)) {
            metric_add(l->m.superseded, 1);
            l->dry_figures.settled++;
            coalescer_finish(l->coalescer, p, NULL);
        } else if (known[i].quantity == unimported_target(&p->memory, p->desired.quantity)) {
            equal[equal_count] = p;
            equal_list[equal_count] = lane_write_of(p);
            equal_count++;
        } else {
            p->change_from = known[i].quantity;
            lane_put_back(l, p, LEVEL_READY);
        }
    }
    rc = lane_note_equal(l, equal, equal_list, equal_count, err);
    return rc == STATUS_OK ? lane_park_outdone(l, outdone, outdone_count, err) : rc;
}

static enum status send_read(struct lane *l, struct request *r, struct err *err)
{
    int64_t items[INVENTORY_MAX_ENTRIES];
    struct strbuf variables;
    r->count = coalescer_take(l->coalescer, LEVEL_UNREAD, r->levels, INVENTORY_MAX_ENTRIES);
    enum status rc = lane_stop_shared(l, r->levels, &r->count, err);
    if (rc != STATUS_OK || r->count == 0) {
        return rc;
    }
    for (size_t i = 0; i < r->count; i++) {
        items[i] = r->levels[i]->key.item;
        r->list[i] = lane_write_of(r->levels[i]);
    }
    strbuf_init(&variables, VARIABLES_MAX_BYTES);
    inventory_read_variables(r->levels[0]->key.location, items, r->count, &variables);
    r->op = OP_LEVELS_READ;
    r->cost = l->costs[OP_LEVELS_READ];
    r->begun_us = clock_monotonic_us();
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

/* The brake has doubts: it counts again before anything else. A search for the bad ones among them
 * goes on where it was. */
static void put_all_back(struct lane *l, struct request *r)
{
    if (r->levels[0]->bisecting) {
        lane_put_apart(l, r->levels, r->count, 1);
        r->count = 0;
    }
    for (size_t i = 0; i < r->count; i++) {
        lane_put_back(l, r->levels[i], LEVEL_READY);
    }
    r->count = 0;
}

static enum status build_set(struct lane *l, struct request *r, struct err *err)
{
    struct strbuf variables;
    r->count = coalescer_take(l->coalescer, LEVEL_READY, r->levels, INVENTORY_MAX_ENTRIES);
    enum status rc = lane_stop_shared(l, r->levels, &r->count, err);
    if (rc != STATUS_OK || r->count == 0) {
        return rc;
    }
    if (!lane_brake_admits(l, r->levels, r->count)) {
        put_all_back(l, r);
        return STATUS_OK;
    }
    for (size_t i = 0; i < r->count; i++) {
        r->list[i] = lane_write_of(r->levels[i]);
    }
    r->attempt.generation = lane_new_generation();
    inventory_key(l->store.name, l->store.quantity_name, r->list, r->count, r->attempt.generation,
                  r->attempt.key);
    strbuf_init(&variables, VARIABLES_MAX_BYTES);
    inventory_set_variables(l->store.quantity_name, r->attempt.key, r->list, r->count, &variables);
    r->op = OP_STOCK_SET;
    r->cost = l->costs[OP_STOCK_SET];
    r->begun_us = clock_monotonic_us();
    r->variables = strbuf_take(&variables);
    strbuf_release(&variables);
    r->attempt.variables = r->variables;
    r->attempt.list = r->list;
    r->attempt.count = r->count;
    backoff_reset(&r->backoff);
    request_charge(l, r);
    r->phase = REQUEST_BUILT;
    return STATUS_OK;
}

/* What was built is made durable, together, and sent. */
static enum status send_built(struct lane *l, struct request **list, size_t count, struct err *err)
{
    const struct state_attempt *attempts[LANE_GROUP];
    if (count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        attempts[i] = &list[i]->attempt;
    }
    FAULT_POINT("lane.before_attempt");
    enum status rc = lane_guard_pin(l, err);
    if (rc == STATUS_OK) {
        rc = state_attempts_begin(l->state, attempts, count, err);
    }
    FAULT_POINT("lane.before_send");
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        lane_brake_sending(l, list[i]->levels, list[i]->count);
        rc = request_send(l, list[i], err);
    }
    return rc;
}

static enum status send_due(struct lane *l, struct err *err)
{
    int64_t now = clock_monotonic_us();
    if (l->breaker.state != BREAKER_CLOSED) {
        struct request *probe = lane_probe_due(l, now);
        return probe != NULL ? lane_request_send(l, probe, err) : STATUS_OK;
    }
    for (size_t i = 0; i < l->request_count; i++) {
        struct request *r = &l->requests[i];
        if (r->phase == REQUEST_WAITING && now >= r->retry_at_us && lane_may_send(l, r) &&
            budget_allows(&l->budget, r->cost, now)) {
            enum status rc = lane_request_send(l, r, err);
            if (rc != STATUS_OK) {
                return rc;
            }
        }
    }
    return STATUS_OK;
}

/* New requests, as long as there is a slot, work and budget. @param more [out] stopped at
 * LANE_GROUP */
static enum status send_new(struct lane *l, bool *more, struct err *err)
{
    struct request *built[LANE_GROUP];
    size_t count = 0;
    enum status rc = STATUS_OK;
    bool idle = false;
    while (rc == STATUS_OK && !idle && count < LANE_GROUP) {
        struct request *r = free_slot(l);
        int64_t now = clock_monotonic_us();
        if (r != NULL && now >= lane_levels_deadline_us(l)) {
            rc = lane_levels_send(l, r, err);
        } else if (r != NULL && lane_may_write(l) &&
                   coalescer_count(l->coalescer, LEVEL_READY) > 0 &&
                   budget_allows(&l->budget, l->costs[OP_STOCK_SET], now)) {
            rc = build_set(l, r, err);
            built[count] = r;
            count += r->phase == REQUEST_BUILT;
        } else if (r != NULL && coalescer_count(l->coalescer, LEVEL_UNREAD) > 0 &&
                   budget_allows(&l->budget, l->costs[OP_LEVELS_READ], now)) {
            rc = send_read(l, r, err);
        }
        idle = r == NULL || r->phase == REQUEST_FREE;
    }
    *more = !idle;
    return rc == STATUS_OK ? send_built(l, built, count, err) : rc;
}

/* Attempts of dead processes wait for a slot; they are due at once. */
static void seat_adopted(struct lane *l)
{
    for (struct request *r = free_slot(l); r != NULL && l->adopted_next < l->adopted_count;
         r = free_slot(l)) {
        const struct state_attempt *a = &l->adopted[l->adopted_next++];
        r->op = OP_STOCK_SET;
        r->cost = l->costs[OP_STOCK_SET];
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
        lane_brake_adopted(l, r->list, r->count);
        log_info(MOD, "attempt_adopted", LF_TEXT("store", l->store.name), LF_TEXT("key", a->key),
                 LF_INT("count", a->count),
                 LF_MSG("a process ended before its outcome was known: sent again as it was"));
    }
}

/* Levels are read for a store that is held and in other trouble, too: none that waits may go. */
static bool wants_read_probe(const struct lane *l, int64_t now_us)
{
    for (size_t i = 0; i < l->request_count; i++) {
        const struct request *r = &l->requests[i];
        if (r->phase == REQUEST_SENT || (r->phase == REQUEST_WAITING && lane_may_send(l, r))) {
            return false;
        }
    }
    return coalescer_count(l->coalescer, LEVEL_UNREAD) > 0 &&
           (l->breaker.state == BREAKER_CLOSED || breaker_wants_probe(&l->breaker, now_us)) &&
           budget_allows(&l->budget, l->costs[OP_LEVELS_READ], now_us);
}

/*
 * A store that is held and does not answer (or refuses) would stay so for ever: the mutations that
 * wait may not go out as probes, and the end of the hold is found by levels that are read. So it is
 * judged all the same, and a read is the probe.
 */
static enum status seek_end_of_hold(struct lane *l, struct err *err)
{
    enum status rc = resolve(l, err);
    if (rc == STATUS_OK) {
        rc = lane_brake_judge(l, err);
    }
    struct request *r = free_slot(l);
    if (rc != STATUS_OK || r == NULL || !wants_read_probe(l, clock_monotonic_us())) {
        return rc;
    }
    rc = send_read(l, r, err);
    if (rc == STATUS_OK && r->phase == REQUEST_SENT && l->breaker.state == BREAKER_OPEN) {
        breaker_probe(&l->breaker, r);
    }
    return rc;
}

enum status lane_dispatch(struct lane *l, struct err *err)
{
    enum status rc = lane_brake_look(l, err);
    if (rc == STATUS_OK && lane_may_write(l)) {
        seat_adopted(l);
    }
    if (rc == STATUS_OK) {
        rc = send_due(l, err);
    }
    if (rc == STATUS_OK && lane_is_held(l) && l->hold.on && !l->catalogue.holding) {
        return seek_end_of_hold(l, err);
    }
    if (rc != STATUS_OK || lane_is_held(l) || (lane_may_write(l) && has_adopted(l)) ||
        l->catalogue.holding) {
        return rc;
    }
    rc = resolve(l, err);
    if (rc == STATUS_OK) {
        rc = lane_brake_judge(l, err);
    }
    bool more = true;
    while (rc == STATUS_OK && more) {
        rc = send_new(l, &more, err);
    }
    return rc == STATUS_OK && l->dry ? lane_dry_run_turn(l, err) : rc;
}

/* When a request that waits may go out again. */
static int64_t next_retry_us(const struct lane *l, int64_t now_us)
{
    int64_t next = INT64_MAX;
    bool closed = l->breaker.state == BREAKER_CLOSED;
    for (size_t i = 0; i < l->request_count; i++) {
        const struct request *r = &l->requests[i];
        if (r->phase == REQUEST_WAITING && lane_may_send(l, r)) {
            int64_t due = closed ? r->retry_at_us : breaker_next_us(&l->breaker);
            int64_t allowed = budget_next_us(&l->budget, r->cost, now_us);
            allowed = allowed > due ? allowed : due;
            next = allowed < next ? allowed : next;
        }
    }
    return next;
}

int64_t lane_next_deadline_us(const struct lane *l)
{
    int64_t now = clock_monotonic_us();
    int64_t next = next_retry_us(l, now);
    bool slot = free_slot(l) != NULL;
    if (lane_is_held(l) || (lane_may_write(l) && has_adopted(l)) || l->catalogue.holding) {
        return next; /* nothing new goes out */
    }
    if (coalescer_count(l->coalescer, LEVEL_UNRESOLVED) > 0) {
        return 0;
    }
    size_t ready = lane_may_write(l) ? coalescer_count(l->coalescer, LEVEL_READY) : 0;
    if (slot && ready + coalescer_count(l->coalescer, LEVEL_UNREAD) > 0) {
        double cost = l->costs[ready > 0 ? OP_STOCK_SET : OP_LEVELS_READ];
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

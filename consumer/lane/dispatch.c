#include "consumer/lane/dispatch.h"

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/resolve.h"

#define MOD "lane"

/* Variables of 250 items need about 10 kB. */
#define VARIABLES_MAX_BYTES ((size_t)64 * 1024)
/* Of each set: a store that is always busy has its equal numbers confirmed all the same. */
#define CONFIRM_SHARE (INVENTORY_MAX_ENTRIES / 10)
/* No turn takes that long while the process runs. */
#define STOPPED_US       INT64_C(10000000)
#define BLOCKED_EVERY_US INT64_C(250000)
/* A living process sends an attempt again at least once a minute, or its breaker is open. */
#define ABANDON_AFTER_US INT64_C(300000000)

/* --- levels whose last written number is not known yet --- */

static enum status read_and_resolve(struct dispatch *d,
                                    struct level **levels,
                                    size_t count,
                                    struct level_key *keys,
                                    struct level_known *known,
                                    struct err *err)
{
    const struct lane_context *c = d->c;
    enum status rc = catalogue_moves_read(c, levels, count, keys, known, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        unimported_sales_resolve(d->sales, levels[i], &known[i], d->out);
    }
    return STATUS_OK;
}

static enum status resolve(struct dispatch *d, struct err *err)
{
    struct level *levels[LANE_RESOLVE_LEVELS];
    enum status rc = STATUS_OK;
    size_t count = coalescer_take(d->c->coalescer, LEVEL_UNRESOLVED, levels, LANE_RESOLVE_LEVELS);
    resolve_drop_unwanted(d->c, levels, &count, d->out);
    if (count > 0) {
        struct level_key *keys = mem_calloc(count, sizeof *keys);
        struct level_known *known = mem_calloc(count, sizeof *known);
        rc = read_and_resolve(d, levels, count, keys, known, err);
        mem_free(known);
        mem_free(keys);
    }
    return rc == STATUS_OK ? outcomes_apply(d->c, d->out, err) : rc;
}

/*
 * Levels that another process is writing wait for the end of its attempt. It settles the attempt,
 * or it dies and the attempt is adopted. One that is stopped does neither, so its attempts are given
 * up after minutes.
 */
static enum status look_at_blocked(struct dispatch *d, struct err *err)
{
    const struct lane_context *c = d->c;
    struct level *level = NULL;
    int64_t now = clock_monotonic_us();
    int64_t count = 0;
    size_t blocked = coalescer_count(c->coalescer, LEVEL_BLOCKED);
    if (blocked == 0 || now < d->blocked_at_us) {
        return STATUS_OK;
    }
    d->blocked_at_us = now + BLOCKED_EVERY_US;
    for (size_t i = 0; i < blocked; i++) {
        (void)coalescer_take(c->coalescer, LEVEL_BLOCKED, &level, 1);
        (void)coalescer_put_back(c->coalescer, level, LEVEL_UNRESOLVED);
    }
    enum status rc = c->ports->state->levels.attempts_abandon(
        c->state, clock_wall_us() - ABANDON_AFTER_US, &count, err);
    if (rc == STATUS_OK && count > 0) {
        log_warn(MOD, "attempts_abandoned", LF_TEXT("store", c->store->name),
                 LF_INT("count", count),
                 LF_MSG("another process of this store is stopped: its writes are given up"));
    }
    return rc;
}

/* --- new requests --- */

static void take_into(struct dispatch *d, struct request *r, enum level_stage stage, size_t max)
{
    size_t room = max < INVENTORY_MAX_ENTRIES - r->count ? max : INVENTORY_MAX_ENTRIES - r->count;
    r->count += coalescer_take(d->c->coalescer, stage, r->levels + r->count, room);
}

/* A read costs the same for 250 levels: those to be confirmed at the same location travel along. */
static void take_reads(struct dispatch *d, struct request *r)
{
    r->count = 0;
    take_into(d, r, LEVEL_UNREAD, INVENTORY_MAX_ENTRIES);
    if (r->count == 0) {
        take_into(d, r, LEVEL_CONFIRM, INVENTORY_MAX_ENTRIES);
    } else {
        r->count += coalescer_take_at(d->c->coalescer, LEVEL_CONFIRM, r->levels[0]->key.location,
                                      r->levels + r->count, INVENTORY_MAX_ENTRIES - r->count);
    }
    resolve_drop_unwanted(d->c, r->levels, &r->count, d->out);
}

static enum status send_read(struct dispatch *d, struct request *r, struct err *err)
{
    int64_t items[INVENTORY_MAX_ENTRIES];
    struct strbuf variables;
    take_reads(d, r);
    if (r->count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < r->count; i++) {
        items[i] = r->levels[i]->key.item;
        r->list[i] = outcomes_write_of(d->c, r->levels[i]);
    }
    strbuf_init(&variables, VARIABLES_MAX_BYTES);
    inventory_read_variables(r->levels[0]->key.location, items, r->count, &variables);
    enum status rc = requests_send(d->requests, r, OP_LEVELS_READ, strbuf_take(&variables), err);
    strbuf_release(&variables);
    return rc;
}

/* The brake is suspicious and counts again before anything else. A bisection goes on where it was.
 */
static void put_all_back(struct dispatch *d, struct request *r, enum level_stage stage)
{
    bool bisecting = r->levels[0]->bisecting;
    for (size_t i = 0; i < r->count; i++) {
        struct level *level = r->levels[i];
        if (!bisecting) {
            outcomes_ready(d->out, level,
                           outcomes_target(d->c, level) == level->change_from ? LEVEL_CONFIRM
                                                                              : stage,
                           level->change_from);
            continue;
        }
        struct outcome *one = outcomes_add(d->out, level, END_BISECT);
        one->group = r;
        one->parts = 1;
    }
    r->count = 0;
}

static void
build_write(struct dispatch *d, struct request *r, enum level_stage stage, enum operation op)
{
    struct coalescer *levels = d->c->coalescer;
    size_t confirm = stage == LEVEL_READY ? coalescer_count(levels, LEVEL_CONFIRM) : 0;
    size_t share = confirm < CONFIRM_SHARE ? confirm : CONFIRM_SHARE;
    r->count = 0;
    take_into(d, r, stage, INVENTORY_MAX_ENTRIES - share);
    bool bisecting = r->count > 0 && r->levels[0]->bisecting;
    /* a set costs the same for 250 levels; one set takes those of several locations */
    for (size_t before = SIZE_MAX; stage == LEVEL_READY && !bisecting && r->count != before;) {
        before = r->count;
        take_into(d, r, LEVEL_CONFIRM, INVENTORY_MAX_ENTRIES);
    }
    resolve_drop_unwanted(d->c, r->levels, &r->count, d->out);
    unimported_sales_stop_unnoted(r->levels, &r->count, d->out);
    if (r->count == 0) {
        return;
    }
    if (!brake_control_admits(d->brake, r->levels, r->count)) {
        put_all_back(d, r, stage);
        return;
    }
    requests_build(d->requests, r, op);
}

static enum status set_up(struct dispatch *d, struct request *r, struct err *err)
{
    enum status rc = source_guard_pin(d->guard, err);
    return rc == STATUS_OK ? level_setup_send(d->setup, r, d->out, err) : rc;
}

/*
 * Numbers to be confirmed travel in requests that go anyway. Alone they use only points that nobody
 * else needs. A set takes all locations, a read one of them: what the store charges decides.
 */
static enum operation way_to_confirm(const struct dispatch *d)
{
    size_t locations = d->c->rules.location_count;
    double reads =
        requests_price(d->requests, OP_LEVELS_READ) * (double)(locations > 0 ? locations : 1);
    bool set = d->requests->may_mutate && requests_price(d->requests, OP_STOCK_SET) < reads;
    return set ? OP_STOCK_SET : OP_LEVELS_READ;
}

/* What is sent next. OPERATION_COUNT: nothing can be. */
static enum operation choose(const struct dispatch *d)
{
    const struct coalescer *levels = d->c->coalescer;
    const struct requests *rq = d->requests;
    if (rq->may_mutate && coalescer_count(levels, LEVEL_HOT) > 0 &&
        requests_may_afford(rq, OP_STOCK_ADJUST)) {
        return OP_STOCK_ADJUST; /* or a set of the same levels, where the store does not know it */
    }
    if (rq->may_mutate && coalescer_count(levels, LEVEL_READY) > 0 &&
        requests_may_afford(rq, OP_STOCK_SET)) {
        return OP_STOCK_SET;
    }
    if (coalescer_count(levels, LEVEL_UNREAD) > 0 && requests_may_afford(rq, OP_LEVELS_READ)) {
        return OP_LEVELS_READ;
    }
    enum operation confirm = way_to_confirm(d);
    bool may = coalescer_count(levels, LEVEL_CONFIRM) > 0 && requests_may_spare(rq, confirm);
    return may ? confirm : OPERATION_COUNT;
}

/* Chooses the next request and builds or sends it. The slot stays free when there is none. */
static enum status fill_slot(struct dispatch *d, struct request *r, struct err *err)
{
    if (clock_monotonic_us() >= level_setup_deadline_us(d->setup)) {
        return set_up(d, r, err);
    }
    enum operation op = choose(d);
    if (op == OP_LEVELS_READ) {
        return send_read(d, r, err);
    }
    if (op != OPERATION_COUNT) {
        bool hot = op == OP_STOCK_ADJUST;
        build_write(d, r, hot ? LEVEL_HOT : LEVEL_READY,
                    hot && d->requests->cannot_adjust ? OP_STOCK_SET : op);
    }
    return STATUS_OK;
}

/* Their levels are resolved again: the state knows what the other process has written. */
static enum status drop_lost(struct dispatch *d, struct err *err)
{
    for (size_t i = 0; i < d->requests->count; i++) {
        struct request *r = &d->requests->slots[i];
        if (r->phase != REQUEST_LOST) {
            continue;
        }
        for (size_t k = 0; k < r->count && !r->adopted; k++) {
            r->levels[k]->is_read = false;
            outcomes_retry(d->out, r->levels[k], LEVEL_UNRESOLVED);
        }
        brake_unwrite(d->c->brake, r->list, r->count);
        requests_end(r);
    }
    return outcomes_apply(d->c, d->out, err);
}

/* Built sets are made durable, together, and sent. */
static enum status
send_built(struct dispatch *d, struct request *const *list, size_t count, struct err *err)
{
    if (count == 0) {
        return STATUS_OK;
    }
    FAULT_POINT("lane.before_attempt");
    enum status rc = source_guard_pin(d->guard, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = requests_store(d->requests, list, count, err);
    FAULT_POINT("lane.before_send");
    for (size_t i = 0; i < count && rc == STATUS_OK; i++) {
        brake_control_note_sending(d->brake, list[i]->levels, list[i]->count);
        rc = requests_send_stored(d->requests, list[i], err);
    }
    return rc == STATUS_OK ? drop_lost(d, err) : rc;
}

/* As long as there is a slot, work and budget. @param more [out] stopped at LANE_GROUP */
static enum status send_new(struct dispatch *d, bool *more, struct err *err)
{
    struct request *built[LANE_GROUP];
    size_t count = 0;
    *more = true;
    while (*more && count < LANE_GROUP) {
        struct request *r = requests_free_slot(d->requests);
        if (r == NULL) {
            *more = false;
            break;
        }
        enum status rc = fill_slot(d, r, err);
        if (rc == STATUS_OK) {
            rc = outcomes_apply(d->c, d->out, err);
        }
        if (rc != STATUS_OK) {
            return rc;
        }
        if (r->phase == REQUEST_BUILT) {
            built[count++] = r;
        }
        *more = r->phase != REQUEST_FREE;
    }
    return send_built(d, built, count, err);
}

/* --- the turn --- */

/*
 * This process was stopped. Its partitions may be somebody else's by now, and the numbers that it
 * prepared may be old: the state knows.
 */
static void resolve_after_stop(struct dispatch *d)
{
    static const enum level_stage PREPARED[] = {LEVEL_CONFIRM, LEVEL_READY, LEVEL_HOT};
    struct coalescer *levels = d->c->coalescer;
    struct level *list[INVENTORY_MAX_ENTRIES];
    int64_t now = clock_monotonic_us();
    bool was_stopped = d->turned_us != 0 && now - d->turned_us > STOPPED_US;
    d->turned_us = now;
    for (size_t i = 0; was_stopped && i < sizeof PREPARED / sizeof PREPARED[0]; i++) {
        size_t count = 0;
        while ((count = coalescer_take(levels, PREPARED[i], list, INVENTORY_MAX_ENTRIES)) > 0) {
            for (size_t k = 0; k < count; k++) {
                list[k]->is_read = false;
                (void)coalescer_put_back(levels, list[k], LEVEL_UNRESOLVED);
            }
        }
    }
}

static void note_hold(struct dispatch *d)
{
    bool stops = brake_control_stops(d->brake);
    d->requests->is_held = stops;
    d->requests->may_mutate = d->c->sink->writes && !stops;
}

static enum status judge_brake(struct dispatch *d, bool at_end, struct err *err)
{
    if (!d->c->sink->writes) {
        return STATUS_OK;
    }
    enum status rc = brake_control_judge(d->brake, at_end, err);
    note_hold(d);
    return rc;
}

static void seat_adopted(struct dispatch *d)
{
    const struct request *r = NULL;
    while ((r = requests_seat_adopted(d->requests)) != NULL) {
        brake_control_note_adopted(d->brake, r->list, r->count);
    }
}

/*
 * A store that is held and does not answer, or refuses, would stay so: the mutations that wait may
 * not go out as probes, and the end of the hold is found by levels that are read. So it is judged
 * all the same, and a read is the probe.
 */
static enum status seek_end_of_hold(struct dispatch *d, bool at_end, struct err *err)
{
    enum status rc = resolve(d, err);
    brake_control_note_blocked(d->brake);
    if (rc == STATUS_OK) {
        rc = judge_brake(d, at_end, err);
    }
    struct request *r = requests_free_slot(d->requests);
    if (rc != STATUS_OK || r == NULL || coalescer_count(d->c->coalescer, LEVEL_UNREAD) == 0 ||
        !requests_wants_read_probe(d->requests)) {
        return rc;
    }
    rc = send_read(d, r, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    requests_note_read_probe(d->requests, r);
    return outcomes_apply(d->c, d->out, err);
}

/* Nothing new goes out. */
static bool is_waiting(const struct dispatch *d, bool blocked)
{
    return blocked || (d->requests->may_mutate && requests_has_adopted(d->requests)) ||
           d->catalogue->is_pausing || replan_is_reading(d->replan);
}

static enum status send_all_new(struct dispatch *d, bool at_end, struct err *err)
{
    bool more = true;
    enum status rc = resolve(d, err);
    if (rc == STATUS_OK) {
        rc = judge_brake(d, at_end, err);
    }
    while (rc == STATUS_OK && more) {
        rc = send_new(d, &more, err);
    }
    return rc;
}

enum status dispatch_turn(struct dispatch *d, bool blocked, bool at_end, struct err *err)
{
    resolve_after_stop(d);
    enum status rc = d->c->sink->writes ? brake_control_look(d->brake, err) : STATUS_OK;
    if (rc != STATUS_OK) {
        return rc;
    }
    note_hold(d);
    if (d->requests->may_mutate) {
        seat_adopted(d);
    }
    rc = requests_send_due(d->requests, err);
    if (rc == STATUS_OK) {
        rc = drop_lost(d, err);
    }
    if (rc == STATUS_OK) {
        rc = look_at_blocked(d, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    if (blocked && brake_control_stops(d->brake) && !d->catalogue->is_pausing) {
        return seek_end_of_hold(d, at_end, err);
    }
    return is_waiting(d, blocked) ? STATUS_OK : send_all_new(d, at_end, err);
}

/* When the next new request may go. */
static int64_t allowed_us(const struct dispatch *d)
{
    const struct coalescer *levels = d->c->coalescer;
    const struct requests *rq = d->requests;
    int64_t now = clock_monotonic_us();
    size_t ready = rq->may_mutate
                       ? coalescer_count(levels, LEVEL_READY) + coalescer_count(levels, LEVEL_HOT)
                       : 0;
    if (ready + coalescer_count(levels, LEVEL_UNREAD) > 0) {
        return budget_next_us(&rq->budget, rq->costs[ready > 0 ? OP_STOCK_SET : OP_LEVELS_READ],
                              now);
    }
    return coalescer_count(levels, LEVEL_CONFIRM) > 0
               ? budget_spares_us(&rq->budget, rq->costs[way_to_confirm(d)], now)
               : INT64_MAX;
}

int64_t dispatch_deadline_us(const struct dispatch *d, bool blocked)
{
    const struct coalescer *levels = d->c->coalescer;
    int64_t next = requests_next_retry_us(d->requests);
    if (is_waiting(d, blocked)) {
        return next;
    }
    if (coalescer_count(levels, LEVEL_UNRESOLVED) > 0) {
        return 0;
    }
    if (requests_free_slot(d->requests) == NULL) {
        return next;
    }
    if (coalescer_count(levels, LEVEL_BLOCKED) > 0) {
        next = d->blocked_at_us < next ? d->blocked_at_us : next;
    }
    int64_t allowed = allowed_us(d);
    next = allowed < next ? allowed : next;
    int64_t setup = level_setup_deadline_us(d->setup);
    int64_t check = brake_control_deadline_us(d->brake);
    next = check < next ? check : next;
    return setup < next ? setup : next;
}

#include "consumer/lane/dispatch.h"

#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/mem.h"
#include "consumer/lane/resolve.h"

/* Variables of 250 items need about 10 kB. */
#define VARIABLES_MAX_BYTES ((size_t)64 * 1024)

/* --- levels whose last written number is not known yet --- */

static enum status read_and_resolve(struct dispatch *d,
                                    struct level **levels,
                                    size_t count,
                                    struct level_key *keys,
                                    struct level_known *known,
                                    struct err *err)
{
    const struct lane_context *c = d->c;
    for (size_t i = 0; i < count; i++) {
        keys[i] = levels[i]->key;
    }
    enum status rc =
        c->ports->state->levels.read(c->state, keys, count, clock_wall_us(), known, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        unimported_sales_remember(d->sales, levels[i], &known[i]);
        resolve_level(c, levels[i], &known[i], d->out);
    }
    return STATUS_OK;
}

static enum status resolve(struct dispatch *d, struct err *err)
{
    struct level *levels[LANE_RESOLVE_LEVELS];
    enum status rc = STATUS_OK;
    size_t count = coalescer_take(d->c->coalescer, LEVEL_UNRESOLVED, levels, LANE_RESOLVE_LEVELS);
    resolve_stop_shared(d->c, levels, &count, d->out);
    if (count > 0) {
        struct level_key *keys = mem_calloc(count, sizeof *keys);
        struct level_known *known = mem_calloc(count, sizeof *known);
        rc = read_and_resolve(d, levels, count, keys, known, err);
        mem_free(known);
        mem_free(keys);
    }
    return rc == STATUS_OK ? outcomes_apply(d->c, d->out, err) : rc;
}

/* --- new requests --- */

static enum status send_read(struct dispatch *d, struct request *r, struct err *err)
{
    int64_t items[INVENTORY_MAX_ENTRIES];
    struct strbuf variables;
    r->count = coalescer_take(d->c->coalescer, LEVEL_UNREAD, r->levels, INVENTORY_MAX_ENTRIES);
    resolve_stop_shared(d->c, r->levels, &r->count, d->out);
    if (r->count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < r->count; i++) {
        items[i] = r->levels[i]->key.item;
        r->list[i] = outcomes_write_of(r->levels[i]);
    }
    strbuf_init(&variables, VARIABLES_MAX_BYTES);
    inventory_read_variables(r->levels[0]->key.location, items, r->count, &variables);
    enum status rc = requests_send(d->requests, r, OP_LEVELS_READ, strbuf_take(&variables), err);
    strbuf_release(&variables);
    return rc;
}

/* The brake is suspicious and counts again before anything else. A bisection goes on where it was.
 */
static void put_all_back(struct dispatch *d, struct request *r)
{
    bool bisecting = r->levels[0]->bisecting;
    for (size_t i = 0; i < r->count; i++) {
        if (!bisecting) {
            outcomes_retry(d->out, r->levels[i], LEVEL_READY);
            continue;
        }
        struct outcome *one = outcomes_add(d->out, r->levels[i], END_BISECT);
        one->group = r;
        one->parts = 1;
    }
    r->count = 0;
}

static void build_set(struct dispatch *d, struct request *r)
{
    r->count = coalescer_take(d->c->coalescer, LEVEL_READY, r->levels, INVENTORY_MAX_ENTRIES);
    resolve_stop_shared(d->c, r->levels, &r->count, d->out);
    if (r->count == 0) {
        return;
    }
    if (!brake_control_admits(d->brake, r->levels, r->count)) {
        put_all_back(d, r);
        return;
    }
    requests_build_set(d->requests, r);
}

static enum status set_up(struct dispatch *d, struct request *r, struct err *err)
{
    enum status rc = source_guard_pin(d->guard, err);
    return rc == STATUS_OK ? level_setup_send(d->setup, r, d->out, err) : rc;
}

/* Chooses the next request and builds or sends it. The slot stays free when there is none. */
static enum status fill_slot(struct dispatch *d, struct request *r, struct err *err)
{
    const struct coalescer *levels = d->c->coalescer;
    if (clock_monotonic_us() >= level_setup_deadline_us(d->setup)) {
        return set_up(d, r, err);
    }
    if (d->requests->may_mutate && coalescer_count(levels, LEVEL_READY) > 0 &&
        requests_may_afford(d->requests, OP_STOCK_SET)) {
        build_set(d, r);
        return STATUS_OK;
    }
    if (coalescer_count(levels, LEVEL_UNREAD) > 0 &&
        requests_may_afford(d->requests, OP_LEVELS_READ)) {
        return send_read(d, r, err);
    }
    return STATUS_OK;
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
    return rc;
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

static void note_hold(struct dispatch *d)
{
    d->requests->is_held = d->brake->hold.on;
    d->requests->may_mutate = d->c->sink->writes && !d->brake->hold.on;
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
           d->catalogue->is_pausing;
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
    enum status rc = d->c->sink->writes ? brake_control_look(d->brake, err) : STATUS_OK;
    if (rc != STATUS_OK) {
        return rc;
    }
    note_hold(d);
    if (d->requests->may_mutate) {
        seat_adopted(d);
    }
    rc = requests_send_due(d->requests, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (blocked && d->brake->hold.on && !d->catalogue->is_pausing) {
        return seek_end_of_hold(d, at_end, err);
    }
    return is_waiting(d, blocked) ? STATUS_OK : send_all_new(d, at_end, err);
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
    size_t ready = d->requests->may_mutate ? coalescer_count(levels, LEVEL_READY) : 0;
    if (ready + coalescer_count(levels, LEVEL_UNREAD) > 0) {
        double cost = d->requests->costs[ready > 0 ? OP_STOCK_SET : OP_LEVELS_READ];
        int64_t allowed = budget_next_us(&d->requests->budget, cost, clock_monotonic_us());
        next = allowed < next ? allowed : next;
    }
    int64_t setup = level_setup_deadline_us(d->setup);
    return setup < next ? setup : next;
}

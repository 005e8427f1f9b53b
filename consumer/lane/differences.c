#include "consumer/lane/differences.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/resolve.h"

#define MOD "verify"

/* A write that was under way at the first look has its answer, and its row, by then. */
#define LOOK_AGAIN_US INT64_C(3000000)
/* Of a pass or round: the log is no list of differences, the state has that. */
#define LOGGED_MAX 5
/* Between two looks for repairs that left the coalescer without an end. */
#define CHECK_EVERY_US INT64_C(5000000)

void differences_open(struct differences *d, const struct lane_context *c)
{
    const struct store_conf *conf = c->options->store_conf;
    *d = (struct differences){.c = c, .grace_us = conf->unimported_sale_grace_ms * 1000};
}

void differences_close(struct differences *d)
{
    mem_free(d->list);
    mem_free(d->ended);
    *d = (struct differences){0};
}

void differences_drop(struct differences *d)
{
    d->count = d->repairing = d->ended_count = 0;
}

/* --- the list --- */

static void drop_at(struct differences *d, size_t at)
{
    d->repairing -= d->list[at].phase == DIFFERENCE_REPAIRING;
    d->list[at] = d->list[--d->count];
}

static int compare_keys(const struct level_key *a, const struct level_key *b)
{
    if (a->location != b->location) {
        return a->location < b->location ? -1 : 1;
    }
    return (a->item > b->item) - (a->item < b->item);
}

void differences_forget(struct differences *d, int64_t request)
{
    for (size_t i = d->count; i > 0; i--) {
        struct difference *one = &d->list[i - 1];
        if (one->task.request != request) {
            continue;
        }
        if (one->phase == DIFFERENCE_REPAIRING && !one->task.push) {
            one->task.request = 0;
        } else {
            drop_at(d, i - 1);
        }
    }
}

size_t differences_where(const struct differences *d,
                         int64_t request,
                         bool (*fits)(void *arg, int32_t product_id),
                         void *arg)
{
    size_t count = 0;
    for (size_t i = 0; i < d->count; i++) {
        count += d->list[i].task.request == request && fits(arg, d->list[i].product_id);
    }
    return count;
}

size_t differences_of(const struct differences *d, int64_t request)
{
    size_t count = 0;
    for (size_t i = 0; i < d->count; i++) {
        count += d->list[i].task.request == request;
    }
    return count;
}

int64_t differences_due_us(const struct differences *d)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < d->count; i++) {
        const struct difference *one = &d->list[i];
        if (one->phase == DIFFERENCE_SEEN && one->look_at_us < next) {
            next = one->look_at_us;
        }
    }
    return next;
}

/* --- judging --- */

static bool is_tracked(const struct lane_context *c, int32_t product_id)
{
    struct mapped_item item;
    return c->options->store_conf->track_items ||
           (level_walk_item(c, product_id, &item) && item.tracked);
}

static int32_t found_of(const struct level_read *read)
{
    return read->item_found && read->connected ? read->quantity : STATE_NO_NUMBER;
}

static enum drift_kind judge(const struct differences *d,
                             int32_t product_id,
                             const struct level_read *read,
                             const struct level_known *known,
                             const struct state_drift *drift)
{
    int64_t first_us = drift != NULL ? drift->first_us : 0;
    const struct drift_facts facts = {.known = known,
                                      .read = read,
                                      .is_tracked = is_tracked(d->c, product_id),
                                      .grace_us = d->grace_us,
                                      .seen_for_us = first_us > 0 ? clock_wall_us() - first_us : 0,
                                      .older_of_ours = drift != NULL && drift->older_of_ours};
    enum drift_kind kind = drift_judge(&facts);
    /* its product is parked: that list says why, and the level is no surprise */
    bool parked = kind == DRIFT_UNWRITTEN && parked_set_has(d->c->parked, product_id);
    return parked ? DRIFT_NONE : kind;
}

/* A write of this process waits or is in a request, or one of another process is. A level of an
 * earlier stream waits for the record of its product. */
static bool
is_under_way(const struct differences *d, struct level_key key, const struct level_known *known)
{
    bool is_earlier = known->found && known->revision <= d->c->first_revision;
    return is_earlier || coalescer_has(d->c->coalescer, key) ||
           (known->open_revision != 0 && known->open_revision >= known->revision);
}

/* --- writes --- */

/* A level with the number that the state has: it is confirmed or written like any other. */
static void offer(const struct differences *d, const struct difference *one)
{
    const struct level_known *known = &one->known;
    struct desired desired = resolve_desired_of_row(d->c, known->product_id, known->raw,
                                                    known->desired, known->revision);
    desired.force = one->task.push;
    desired.look = true; /* a set may succeed at a level that is inactive or not tracked */
    (void)coalescer_offer(d->c->coalescer, one->key, &desired);
}

static void repair(struct differences *d, struct difference *one)
{
    if (d->repairing == 0) {
        d->check_at_us = clock_monotonic_us() + CHECK_EVERY_US;
    }
    one->phase = DIFFERENCE_REPAIRING;
    d->repairing++;
    offer(d, one);
}

static void add(struct differences *d, const struct difference *one, enum difference_phase phase)
{
    MEM_ADD(d, list, count, room, one);
    d->list[d->count - 1].phase = phase;
}

static void begin_repair(struct differences *d, const struct difference *one)
{
    add(d, one, DIFFERENCE_NOTED);
    if (one->task.request == 0 || one->task.push) {
        repair(d, &d->list[d->count - 1]);
    }
}

void differences_repair(struct differences *d, int64_t request)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct difference *one = &d->list[i];
        if (one->task.request == request && one->phase < DIFFERENCE_NOTED) {
            return;
        }
    }
    for (size_t i = 0; i < d->count; i++) {
        if (d->list[i].task.request == request && d->list[i].phase == DIFFERENCE_NOTED) {
            repair(d, &d->list[i]);
        }
    }
}

/* --- a push: every level is written --- */

static enum status push_all(struct differences *d,
                            const struct level_portion *portion,
                            const struct level_read *read,
                            const struct level_known *known,
                            const struct compare_task *task,
                            struct err *err)
{
    struct state_pushed levels[INVENTORY_MAX_ENTRIES];
    for (size_t i = 0; i < portion->count; i++) {
        levels[i] = (struct state_pushed){.key = read[i].key,
                                          .product_id = portion->products[i],
                                          .before = found_of(&read[i]),
                                          .after = STATE_NO_NUMBER,
                                          .what = "not written yet"};
        if (!known[i].found) {
            levels[i].what = drift_advice(DRIFT_UNWRITTEN);
            continue;
        }
        if (known[i].revision <= d->c->first_revision) {
            levels[i].what = "the producer has begun a new stream and publishes it in a moment";
            continue;
        }
        const struct difference one = {.key = read[i].key,
                                       .product_id = portion->products[i],
                                       .known = known[i],
                                       .task = *task,
                                       .found = levels[i].before};
        begin_repair(d, &one);
    }
    return d->c->ports->state->verify.round_levels(d->c->state, task->request, levels,
                                                   portion->count, err);
}

static enum status end_push(struct differences *d,
                            const struct difference *one,
                            const struct level_end_note *end,
                            struct err *err)
{
    const struct state_pushed level = {.key = one->key,
                                       .product_id = one->product_id,
                                       .before = one->found,
                                       .after = end->is_right ? end->quantity : STATE_NO_NUMBER,
                                       .what = end->is_right ? NULL : end->what};
    return d->c->ports->state->verify.round_levels(d->c->state, one->task.request, &level, 1, err);
}

/* --- the end of differences --- */

static void count_closed(void *arg, size_t at, const char *kind)
{
    struct differences *d = arg;
    enum drift_kind which = drift_parse(kind);
    (void)at;
    if (which != DRIFT_NONE) {
        metric_add(d->c->metrics->verify.repaired[which], 1);
    }
    d->open -= d->open > 0;
}

static enum status
settle(struct differences *d, const struct state_drift_end *list, size_t count, struct err *err)
{
    for (size_t at = 0; at < count; at += STATE_DRIFT_MAX) {
        size_t n = count - at < STATE_DRIFT_MAX ? count - at : STATE_DRIFT_MAX;
        enum status rc =
            d->c->ports->state->verify.settle(d->c->state, list + at, n, count_closed, d, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    return STATUS_OK;
}

/* --- the first look --- */

enum status differences_judge(struct differences *d,
                              const struct level_portion *portion,
                              const struct level_read *read,
                              const struct level_known *known,
                              const struct compare_task *task,
                              struct err *err)
{
    struct state_drift_end equal[INVENTORY_MAX_ENTRIES];
    size_t equal_count = 0;
    if (task->push) {
        return push_all(d, portion, read, known, task, err);
    }
    for (size_t i = 0; i < portion->count; i++) {
        if (is_under_way(d, read[i].key, &known[i])) {
            continue; /* the store is about to answer for it anyway */
        }
        if (judge(d, portion->products[i], &read[i], &known[i], NULL) == DRIFT_NONE) {
            equal[equal_count++] = (struct state_drift_end){.key = read[i].key};
            continue;
        }
        const struct difference seen = {.key = read[i].key,
                                        .product_id = portion->products[i],
                                        .known = known[i],
                                        .task = *task,
                                        .look_at_us = clock_monotonic_us() + LOOK_AGAIN_US,
                                        .found = found_of(&read[i])};
        add(d, &seen, DIFFERENCE_SEEN);
    }
    return d->open > 0 && equal_count > 0 ? settle(d, equal, equal_count, err) : STATUS_OK;
}

/* --- another look --- */

bool differences_take_due(struct differences *d, struct level_portion *portion)
{
    int64_t now = clock_monotonic_us();
    portion->count = 0;
    for (size_t i = 0; i < d->count && portion->count < INVENTORY_MAX_ENTRIES; i++) {
        struct difference *one = &d->list[i];
        if (one->phase != DIFFERENCE_SEEN || one->look_at_us > now ||
            (portion->count > 0 && one->key.location != portion->location) ||
            level_portion_has(portion, one->key.item)) {
            continue;
        }
        one->phase = DIFFERENCE_LOOKING;
        portion->location = one->key.location;
        portion->products[portion->count] = one->product_id;
        portion->items[portion->count++] = one->key.item;
    }
    return portion->count > 0;
}

static bool take_looked(struct differences *d, struct level_key key, struct difference *taken)
{
    for (size_t i = 0; i < d->count; i++) {
        if (d->list[i].phase == DIFFERENCE_LOOKING && compare_keys(&d->list[i].key, &key) == 0) {
            *taken = d->list[i];
            drop_at(d, i);
            return true;
        }
    }
    return false;
}

static bool is_same_row(const struct level_known *a, const struct level_known *b)
{
    return a->found == b->found && a->revision == b->revision && a->quantity == b->quantity;
}

static void log_difference(struct differences *d, const struct state_drift *drift)
{
    const struct lane_context *c = d->c;
    const char *sku = sku_claims_text(c->claims, drift->product_id);
    bool regressed = strcmp(drift->kind, drift_name(DRIFT_REGRESSED)) == 0;
    d->found++;
    if (!regressed && d->logged >= LOGGED_MAX) {
        return;
    }
    d->logged += !regressed;
    log_write(regressed ? LOG_ERROR : LOG_WARN, MOD, "drift",
              LOG_FIELDS(LF_TEXT("store", c->store->name), LF_TEXT("kind", drift->kind),
                         LF_INT("product", drift->product_id),
                         LF_TEXT("sku", sku != NULL ? sku : ""), LF_INT("item", drift->key.item),
                         LF_INT("location", drift->key.location),
                         LF_INT("expected", drift->expected), LF_INT("found", drift->found),
                         LF_MSG(regressed ? "an older number of ours stands over a newer one"
                                          : "the store does not hold the number that we left")));
}

void differences_end_log(struct differences *d)
{
    if (d->found > d->logged) {
        log_warn(MOD, "more_drift", LF_TEXT("store", d->c->store->name),
                 LF_INT("count", d->found - d->logged),
                 LF_MSG("further differences of the same pass: 'stocksync-consumer reconcile "
                        "--report' lists them"));
    }
    d->found = d->logged = 0;
}

static bool can_repair(const struct difference *one, enum drift_kind kind)
{
    return one->task.repair && kind != DRIFT_UNWRITTEN;
}

/* Levels that differ at both looks. */
struct noted {
    struct difference differences[INVENTORY_MAX_ENTRIES];
    struct level_read reads[INVENTORY_MAX_ENTRIES];
    struct level_known known[INVENTORY_MAX_ENTRIES];
    struct state_drift drifts[INVENTORY_MAX_ENTRIES];
    enum drift_kind kinds[INVENTORY_MAX_ENTRIES];
    size_t count;
};

static enum status note(struct differences *d, struct noted *n, struct err *err)
{
    const struct verify_port *verify = &d->c->ports->state->verify;
    if (n->count == 0) {
        return STATUS_OK;
    }
    enum status rc = verify->look(d->c->state, n->drifts, n->count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (size_t i = 0; i < n->count; i++) {
        const struct difference *one = &n->differences[i];
        n->kinds[i] = judge(d, one->product_id, &n->reads[i], &n->known[i], &n->drifts[i]);
        n->drifts[i].kind = drift_name(n->kinds[i]);
        n->drifts[i].what = can_repair(one, n->kinds[i]) ? NULL : drift_advice(n->kinds[i]);
    }
    rc = verify->note(d->c->state, n->drifts, n->count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    for (size_t i = 0; i < n->count; i++) {
        if (n->drifts[i].is_new) {
            metric_add(d->c->metrics->verify.found[n->kinds[i]], 1);
            log_difference(d, &n->drifts[i]);
            d->open++;
        }
        if (can_repair(&n->differences[i], n->kinds[i])) {
            begin_repair(d, &n->differences[i]);
        }
    }
    return STATUS_OK;
}

enum status differences_judge_again(struct differences *d,
                                    const struct level_portion *portion,
                                    const struct level_read *read,
                                    const struct level_known *known,
                                    struct err *err)
{
    struct noted *n = mem_calloc(1, sizeof *n);
    for (size_t i = 0; i < portion->count; i++) {
        struct difference one;
        if (!take_looked(d, read[i].key, &one) || coalescer_has(d->c->coalescer, read[i].key) ||
            !is_same_row(&one.known, &known[i]) ||
            judge(d, one.product_id, &read[i], &known[i], NULL) == DRIFT_NONE) {
            continue;
        }
        one.found = found_of(&read[i]);
        n->differences[n->count] = one;
        n->reads[n->count] = read[i];
        n->known[n->count] = known[i];
        n->drifts[n->count++] =
            (struct state_drift){.key = one.key,
                                 .product_id = one.product_id,
                                 .expected = known[i].found ? known[i].quantity : STATE_NO_NUMBER,
                                 .found = one.found,
                                 .request = one.task.request};
    }
    enum status rc = note(d, n, err);
    mem_free(n);
    return rc;
}

/* --- completed levels --- */

void differences_note_completed(void *arg, const struct outcome *one)
{
    struct differences *d = arg;
    if (d->repairing == 0) {
        return;
    }
    struct level_end_note end = {.key = one->level->key};
    end.is_right = one->end == END_APPLIED || one->end == END_CONFIRMED ||
                   one->end == END_SUPERSEDED; /* by a newer number, whose write was confirmed */
    end.quantity = one->end == END_SUPERSEDED ? one->level->desired.quantity : one->write.quantity;
    if (one->end == END_PARKED) {
        (void)snprintf(end.what, sizeof end.what, "%s: %.150s", one->reason,
                       one->detail != NULL ? one->detail : "");
    } else if (!end.is_right) {
        (void)snprintf(end.what, sizeof end.what, "a later record excludes it");
    }
    MEM_ADD(d, ended, ended_count, ended_room, &end);
}

static int by_key(const void *a, const void *b)
{
    const struct level_end_note *left = a;
    const struct level_end_note *right = b;
    return compare_keys(&left->key, &right->key);
}

/* How a repair ended; NULL: it has not. */
static const struct level_end_note *
end_of(const struct differences *d, const struct difference *one, const struct level_end_note *lost)
{
    const struct level_end_note wanted = {.key = one->key};
    const struct level_end_note *end =
        d->ended_count > 0 ? bsearch(&wanted, d->ended, d->ended_count, sizeof *d->ended, by_key)
                           : NULL;
    if (end == NULL && lost != NULL && !coalescer_has(d->c->coalescer, one->key)) {
        end = lost;
    }
    return end;
}

static enum status end_repairs(struct differences *d,
                               const struct level_end_note *lost,
                               const char *held,
                               struct err *err)
{
    struct level_end_note stays = {0};
    struct state_drift_end *ends = mem_calloc(d->repairing, sizeof *ends);
    size_t count = 0;
    enum status rc = STATUS_OK;
    (void)snprintf(stays.what, sizeof stays.what, "the store is held: %.170s",
                   held != NULL ? held : "");
    for (size_t i = d->count; i > 0 && rc == STATUS_OK; i--) {
        const struct difference *one = &d->list[i - 1];
        const struct level_end_note *end =
            one->phase == DIFFERENCE_REPAIRING ? end_of(d, one, lost) : NULL;
        if (end == NULL && held != NULL && one->phase == DIFFERENCE_REPAIRING &&
            one->task.request != 0) {
            end = &stays;
        }
        if (end == NULL) {
            continue;
        }
        if (one->task.push) {
            rc = end_push(d, one, end, err);
        } else {
            ends[count++] =
                (struct state_drift_end){.key = one->key, .what = end->is_right ? NULL : end->what};
        }
        drop_at(d, i - 1);
    }
    if (rc == STATUS_OK && count > 0) {
        rc = settle(d, ends, count, err);
    }
    mem_free(ends);
    return rc;
}

enum status differences_turn(struct differences *d, const char *held, struct err *err)
{
    static const struct level_end_note LOST = {.what = "its level left the plan: the next pass "
                                                       "looks at it again"};
    int64_t now = clock_monotonic_us();
    enum status rc = STATUS_OK;
    bool check = d->repairing > 0 && now >= d->check_at_us;
    if (d->repairing > 0 && (d->ended_count > 0 || check)) {
        if (d->ended_count > 1) {
            qsort(d->ended, d->ended_count, sizeof *d->ended, by_key);
        }
        d->check_at_us = check ? now + CHECK_EVERY_US : d->check_at_us;
        rc = end_repairs(d, check ? &LOST : NULL, check ? held : NULL, err);
    }
    d->ended_count = 0;
    return rc;
}

#include "consumer/lane/brake_control.h"

#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"

#define MOD "brake"

#define LOOK_EVERY_US      INT64_C(2000000)
#define LOOK_HELD_EVERY_US INT64_C(1000000)
/* Walking over the pending levels costs milliseconds for a hundred thousand. */
#define RECOUNT_EVERY_US  INT64_C(1000000)
#define LEVELS_EVERY_US   INT64_C(60000000)
#define LEVELS_LOADING_US INT64_C(5000000)
/* A count may take this share of the time: 1/20. */
#define COUNT_SHARE 20
/* Reads of a check answer one after the other; each may decide it. */
#define CHECK_EVERY_US INT64_C(100000)
/* A tenth of 200,000 levels is 80 reads: the smallest plan affords them within seconds. */
#define CHECK_LIMIT_US INT64_C(60000000)
/* Numbers that come back do so one after the other: the first of them must not let the rest of the
 * fall through. */
#define CALM_US INT64_C(5000000)

/* --- counting --- */

static void expect(struct brake_control *b, struct level *level, bool may_be_certain)
{
    struct brake_change change = outcomes_change_of(b->c, level);
    change.certain = change.certain && may_be_certain;
    (void)brake_expect(b->c->brake, &change);
    level->judged = level->desired.revision;
}

bool brake_control_admits(struct brake_control *b, struct level *const *levels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (levels[i]->judged != levels[i]->desired.revision) {
            expect(b, levels[i], true);
        }
    }
    return brake_judge(b->c->brake) == BRAKE_OFF;
}

void brake_control_note_sending(struct brake_control *b, struct level *const *levels, size_t count)
{
    int64_t now = clock_wall_us();
    for (size_t i = 0; i < count; i++) {
        struct brake_change change = outcomes_change_of(b->c, levels[i]);
        brake_write(b->c->brake, &change, now);
        levels[i]->brake_asked = false;
    }
}

/* Several processes share a store by partition, and keys spread evenly. Each answers for its share
 * of the levels, so that all together see as much as one alone. Before the group has assigned
 * anything there is no share: the journal's writes are the whole store's. */
static enum status count_levels(struct brake_control *b, struct err *err)
{
    const struct lane_context *c = b->c;
    size_t total = 0;
    size_t assigned = c->ports->source->assigned_count(c->source);
    size_t partitions = (size_t)c->options->shared.partitions;
    enum status rc = c->ports->state->guard.levels(c->state, &total, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    bool shares = assigned > 0 && assigned < partitions;
    brake_set_levels(c->brake, shares ? total * assigned / partitions : total);
    b->known_levels = total;
    b->levels_for = assigned;
    b->levels_at_us = clock_monotonic_us() + (b->loaded ? LEVELS_EVERY_US : LEVELS_LOADING_US);
    return STATUS_OK;
}

struct walk {
    struct brake_control *control;
    struct lane_hold *hold;
    bool changes; /* examples of changes, not of falls */
};

/* Levels that the check reads count as before until they are resolved again: they might still fall.
 */
static void count_one(void *arg, struct level *level)
{
    const struct walk *walk = arg;
    bool is_ready = level->stage == LEVEL_READY || level->stage == LEVEL_HOT;
    bool is_being_read = level->stage == LEVEL_UNREAD || level->stage == LEVEL_BUSY ||
                         level->stage == LEVEL_UNRESOLVED || level->stage == LEVEL_BLOCKED;
    if (is_ready || (level->brake_asked && is_being_read)) {
        expect(walk->control, level, is_ready);
    } else if (level->stage != LEVEL_UNRESOLVED && !level->memory.written) {
        brake_count_unwritten(walk->control->c->brake);
    }
}

static void take_example(void *arg, struct level *level)
{
    const struct walk *walk = arg;
    struct brake_change change = outcomes_change_of(walk->control->c, level);
    bool falls = change.from > 0 && change.to <= 0;
    bool counts = level->stage == LEVEL_READY || level->stage == LEVEL_HOT || level->brake_asked;
    if (!counts || change.from == change.to || (!falls && !walk->changes)) {
        return;
    }
    hold_take_example(walk->hold, level->desired.product_id,
                      sku_claims_text(walk->control->c->claims, level->desired.product_id),
                      &change);
}

static void
describe(const struct brake_control *b, enum brake_verdict verdict, struct lane_hold *hold)
{
    const struct store_conf *conf = b->c->options->store_conf;
    const struct brake_figures *f = &hold->figures;
    bool zero = verdict == BRAKE_ZERO;
    (void)snprintf(hold->reason, sizeof hold->reason, "%s", zero ? "brake_zero" : "brake_change");
    (void)snprintf(
        hold->detail, sizeof hold->detail,
        "%zu of %zu levels would %s within %lld s, more than %s = %lld: nothing is written until "
        "the cause is gone or 'stocksync-consumer resume --store %s' accepts it",
        zero ? f->fallen : f->changed, f->levels, zero ? "fall to zero" : "change",
        (long long)(conf->brake_window_ms / 1000), zero ? "brake_percent" : "brake_change_percent",
        (long long)(zero ? conf->brake_percent : conf->brake_change_percent), b->c->store->name);
}

enum status brake_control_count(struct brake_control *b,
                                enum brake_verdict *verdict,
                                struct lane_hold *hold,
                                struct err *err)
{
    const struct lane_context *c = b->c;
    struct walk walk = {.control = b, .hold = hold};
    int64_t began = clock_monotonic_us();
    *hold = (struct lane_hold){0};
    brake_count_begin(c->brake, clock_wall_us());
    coalescer_each(c->coalescer, LEVEL_STAGE_COUNT, count_one, &walk);
    brake_count_end(c->brake);
    b->replaced = false;
    b->recount_us = clock_monotonic_us();
    b->count_took_us = b->recount_us - began;
    if (brake_judge(c->brake) != BRAKE_OFF) {
        enum status rc = count_levels(b, err); /* they may have become more */
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    *verdict = brake_judge(c->brake);
    hold->figures = brake_figures(c->brake);
    metric_set(c->metrics->brake.fallen, (double)hold->figures.fallen);
    metric_set(c->metrics->brake.changed, (double)hold->figures.changed);
    if (*verdict != BRAKE_OFF) {
        walk.changes = *verdict == BRAKE_CHANGE;
        describe(b, *verdict, hold);
        coalescer_each(c->coalescer, LEVEL_STAGE_COUNT, take_example, &walk);
    }
    return STATUS_OK;
}

/* --- holding and releasing --- */

static void show(const struct brake_control *b)
{
    metric_set(b->c->metrics->brake.held, b->hold.on ? 1 : 0);
}

static void announce(struct brake_control *b)
{
    metric_add(b->c->metrics->brake.holds, 1);
    hold_log(&b->hold, b->c->store->name);
    show(b);
}

static enum status store_hold(struct brake_control *b, struct err *err)
{
    struct state_guard row = {.held_at_us = clock_wall_us()};
    memcpy(row.reason, b->hold.reason, sizeof row.reason);
    memcpy(row.detail, b->hold.detail, sizeof row.detail);
    hold_write_examples(&b->hold, row.examples, sizeof row.examples);
    b->hold.stored_us = clock_monotonic_us();
    b->hold.stored_revision = b->guard->newest_revision;
    return b->c->ports->state->guard.hold(b->c->state, &row, b->hold.stored_revision, err);
}

/* Nothing is written from here on, or still nothing, for the reason that is known now. */
static enum status
hold_store(struct brake_control *b, const struct lane_hold *found, struct err *err)
{
    bool was_on = b->hold.on;
    bool is_news = strcmp(b->hold.detail, found->detail) != 0 ||
                   b->guard->newest_revision > b->hold.stored_revision;
    bool rested = clock_monotonic_us() - b->hold.stored_us >= RECOUNT_EVERY_US;
    if (was_on && !(is_news && rested)) {
        b->hold.calm_us = 0;
        return STATUS_OK;
    }
    b->hold = *found;
    b->hold.on = b->hold.ours = true;
    if (!was_on) {
        b->look_at_us = 0; /* another process may have been first */
        announce(b);
    }
    return store_hold(b, err);
}

static void let_go(struct brake_control *b, const char *why)
{
    b->hold = (struct lane_hold){0};
    log_info(MOD, "released", LF_TEXT("store", b->c->store->name), LF_MSG(why));
    show(b);
}

static enum status release(struct brake_control *b, const char *why, struct err *err)
{
    enum status rc = b->c->ports->state->guard.release(b->c->state, err);
    if (rc == STATUS_OK) {
        let_go(b, why);
    }
    return rc;
}

/* The figures are below the limits: for good? Every record that was read must be resolved, since
 * the state of a restart is learned record by record. */
static enum status release_when_calm(struct brake_control *b, bool at_end, struct err *err)
{
    const struct lane_context *c = b->c;
    int64_t now = clock_monotonic_us();
    if (b->hold.calm_us == 0) {
        b->hold.calm_us = now;
    }
    size_t unknown = coalescer_count(c->coalescer, LEVEL_UNRESOLVED) +
                     coalescer_count(c->coalescer, LEVEL_UNREAD) +
                     c->ports->store->running(c->graphql);
    if (now - b->hold.calm_us < CALM_US || !(at_end || b->unassigned) || unknown > 0) {
        return STATUS_OK;
    }
    return release(b, "the cause is gone: pending changes are below the limits again", err);
}

/*
 * The first load is over once nothing waits at the end of the topic and most of the store's levels
 * are known. An empty topic, or some products that changed before everything was published, is no
 * first load.
 */
static enum status note_loaded(struct brake_control *b, bool at_end, struct err *err)
{
    const struct lane_context *c = b->c;
    size_t levels = sku_index_count(c->index) * c->rules.location_count;
    if (b->loaded || b->known_levels == 0 || b->known_levels * 2 < levels ||
        coalescer_total(c->coalescer) > 0 || !at_end) {
        return STATUS_OK;
    }
    enum status rc = c->ports->state->guard.loaded(c->state, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    b->loaded = true;
    brake_set_loaded(c->brake);
    return STATUS_OK;
}

/* --- the check before a hold --- */

static bool wants_read(void *arg, const struct level *level)
{
    const struct brake_control *b = arg;
    struct brake_change change = outcomes_change_of(b->c, level);
    return level->stage == LEVEL_READY && !change.certain &&
           brake_effect(b->c->brake, &change) != BRAKE_OFF;
}

/* Levels that count, and whose number in the store is only our memory, are read. */
static size_t ask_store(struct brake_control *b)
{
    struct level **list = NULL;
    size_t count = coalescer_pull(b->c->coalescer, wants_read, b, &list);
    for (size_t i = 0; i < count; i++) {
        list[i]->brake_asked = true;
        (void)coalescer_put_back(b->c->coalescer, list[i], LEVEL_UNREAD);
    }
    mem_free(list);
    return count;
}

static void begin_check(struct brake_control *b, size_t asked, const struct lane_hold *found)
{
    b->is_checking = true;
    b->check_until_us = clock_monotonic_us() + CHECK_LIMIT_US;
    metric_add(b->c->metrics->brake.checks, 1);
    log_info(MOD, "check", LF_TEXT("store", b->c->store->name), LF_TEXT("reason", found->reason),
             LF_INT("count", asked), LF_INT("fallen", found->figures.fallen),
             LF_INT("changed", found->figures.changed), LF_INT("levels", found->figures.levels),
             LF_MSG("so many would change by our memory: the store is asked first"));
}

static void end_check(struct brake_control *b, const char *why)
{
    if (b->is_checking) {
        b->is_checking = false;
        log_info(MOD, "checked", LF_TEXT("store", b->c->store->name), LF_MSG(why));
    }
}

void brake_control_note_blocked(struct brake_control *b)
{
    b->check_until_us = clock_monotonic_us() + CHECK_LIMIT_US;
}

/* The figures pass a limit. They hold the store if certain levels alone do, or nothing more can be
 * learned. A store that is held stays so until the greatest figures are low. */
static enum status
ask_or_hold(struct brake_control *b, const struct lane_hold *found, struct err *err)
{
    size_t asked = ask_store(b);
    bool is_late = b->is_checking && clock_monotonic_us() >= b->check_until_us;
    if (b->hold.on || is_late || brake_judge_certain(b->c->brake) != BRAKE_OFF) {
        end_check(b, is_late ? "the store did not answer in time" : "the store is held");
        return hold_store(b, found, err);
    }
    if (!b->is_checking) {
        begin_check(b, asked, found);
    }
    return STATUS_OK;
}

/* --- the verdict --- */

static int64_t rest_us(const struct brake_control *b, int64_t least_us)
{
    int64_t share = b->count_took_us * COUNT_SHARE;
    return share > least_us ? share : least_us;
}

bool brake_control_stops(const struct brake_control *b)
{
    return b->hold.on || b->is_checking || first_load_stops(&b->first_load);
}

int64_t brake_control_deadline_us(const struct brake_control *b)
{
    return b->is_checking ? b->recount_us + rest_us(b, CHECK_EVERY_US) : INT64_MAX;
}

static bool recount_is_due(const struct brake_control *b)
{
    int64_t rested_us = clock_monotonic_us() - b->recount_us;
    if (b->is_checking) {
        return rested_us >= rest_us(b, CHECK_EVERY_US);
    }
    bool suspicious = !b->hold.on && brake_judge(b->c->brake) != BRAKE_OFF;
    bool rested = rested_us >= rest_us(b, RECOUNT_EVERY_US);
    return suspicious || (rested && (b->replaced || b->hold.on));
}

static enum status judge_levels(struct brake_control *b, bool at_end, struct err *err)
{
    struct lane_hold found = {0};
    enum brake_verdict verdict = BRAKE_OFF;
    if (!recount_is_due(b)) {
        return STATUS_OK;
    }
    enum status rc = brake_control_count(b, &verdict, &found, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (verdict != BRAKE_OFF) {
        return ask_or_hold(b, &found, err);
    }
    end_check(b, "the changes are below the limits");
    return b->hold.on ? release_when_calm(b, at_end, err) : STATUS_OK;
}

/* The figures follow what Odoo says meanwhile. */
static enum status judge_first_load(struct brake_control *b, struct err *err)
{
    struct lane_hold found = {0};
    bool rested = clock_monotonic_us() - b->recount_us >= RECOUNT_EVERY_US;
    if (!first_load_wants_hold(&b->first_load) || (b->hold.on && !rested)) {
        return STATUS_OK;
    }
    b->recount_us = clock_monotonic_us();
    enum status rc = count_levels(b, err); /* those that were found equal are known */
    if (rc != STATUS_OK) {
        return rc;
    }
    first_load_describe(&b->first_load, b->known_levels, &found);
    return hold_store(b, &found, err);
}

enum status brake_control_judge(struct brake_control *b, bool at_end, struct err *err)
{
    struct lane_hold found = {0};
    enum status rc = note_loaded(b, at_end, err);
    if (rc != STATUS_OK || (b->hold.on && !b->hold.ours)) {
        return rc;
    }
    if (b->unassigned) { /* no level of the store is here: the others judge, once we let go */
        return b->hold.on ? release_when_calm(b, at_end, err) : STATUS_OK;
    }
    if (source_guard_wants_hold(b->guard)) {
        end_check(b, "the store is held");
        source_guard_describe(b->guard, &found);
        return hold_store(b, &found, err);
    }
    if (b->first_load.waits) {
        return judge_first_load(b, err);
    }
    if (strcmp(b->hold.reason, FIRST_LOAD_REASON) == 0) {
        return release(b, "its first load needs no approval", err);
    }
    return judge_levels(b, at_end, err);
}

/* --- decisions of others --- */

/* The state holds the store: by a process that is gone, so the hold is ours now, or by a living
 * one. */
static void follow(struct brake_control *b, const struct state_guard *row)
{
    bool begins = !b->hold.on;
    b->hold.ours = row->ours;
    b->is_checking = false;
    if (!begins) {
        return;
    }
    b->hold.on = true;
    (void)snprintf(b->hold.reason, sizeof b->hold.reason, "%s", row->reason);
    (void)snprintf(b->hold.detail, sizeof b->hold.detail, "%s", row->detail);
    announce(b);
}

enum status brake_control_read_row(const struct lane_context *c,
                                   bool adopt,
                                   struct state_guard *row,
                                   struct err *err)
{
    enum status rc = c->ports->state->guard.read(c->state, row, err);
    if (rc != STATUS_OK || row->held_at_us == 0 || row->ours || !adopt) {
        return rc;
    }
    rc = c->ports->state->guard.adopt(c->state, err);
    return rc == STATUS_OK ? c->ports->state->guard.read(c->state, row, err) : rc;
}

enum status brake_control_look(struct brake_control *b, struct err *err)
{
    const struct lane_context *c = b->c;
    struct state_guard row;
    int64_t now = clock_monotonic_us();
    if (now < b->look_at_us) {
        return STATUS_OK;
    }
    b->look_at_us = now + (b->hold.on ? LOOK_HELD_EVERY_US : LOOK_EVERY_US);
    enum status rc = brake_control_read_row(c, !b->unassigned, &row, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (now >= b->levels_at_us || b->levels_for != c->ports->source->assigned_count(c->source)) {
        rc = count_levels(b, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        b->replaced = true; /* levels that wait for their first write became known */
    }
    b->first_load.waits = b->first_load.waits && row.first_load_waits;
    rc = source_guard_compare(b->guard, &row, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (row.accepted_revision > b->accepted_revision) {
        brake_accept(c->brake, row.accepted_revision);
        end_check(b, "a person accepted the changes");
        b->accepted_revision = row.accepted_revision;
        b->replaced = true;
    }
    if (row.held_at_us != 0) {
        follow(b, &row);
    } else if (b->hold.on) {
        let_go(b, b->hold.ours ? "a person resumed the store" : "the holding process released it");
    }
    return STATUS_OK;
}

void brake_control_note_replaced(struct brake_control *b)
{
    b->replaced = true;
}

void brake_control_note_caught_up(struct brake_control *b, bool caught_up)
{
    b->first_load.caught_up = caught_up;
}

void brake_control_note_assigned(struct brake_control *b, size_t assigned)
{
    b->unassigned = assigned == 0;
    b->is_checking = b->is_checking && assigned > 0;
    b->hold.calm_us = 0;
}

/* --- a session --- */

static void note_journal(void *arg, const struct level_write *write, int64_t at_us)
{
    const struct brake_control *b = arg;
    struct brake_change change = {.key = write->key,
                                  .from = write->change_from,
                                  .to = write->quantity,
                                  .revision = write->revision,
                                  .at_us = write->changed_at_us};
    (void)brake_expect(b->c->brake, &change);
    brake_write(b->c->brake, &change, at_us);
}

void brake_control_note_adopted(struct brake_control *b,
                                const struct level_write *list,
                                size_t count)
{
    /* before the first load is over it does not count, as in the journal */
    for (size_t i = 0; b->loaded && i < count; i++) {
        note_journal(b, &list[i], clock_wall_us());
    }
}

enum status brake_control_open(struct brake_control *b,
                               const struct lane_context *c,
                               struct source_guard *guard,
                               const struct state_guard *row,
                               struct err *err)
{
    int64_t window_us = c->options->store_conf->brake_window_ms * 1000;
    *b = (struct brake_control){
        .c = c, .guard = guard, .loaded = row->loaded, .accepted_revision = row->accepted_revision};
    if (row->loaded) {
        brake_set_loaded(c->brake);
    }
    brake_accept(c->brake, row->accepted_revision);
    enum status rc = first_load_open(&b->first_load, c, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (row->held_at_us != 0 && c->sink->writes) {
        follow(b, row);
    }
    return c->ports->state->guard.journal(c->state, clock_wall_us() - window_us, window_us,
                                          row->accepted_revision, note_journal, b, err);
}

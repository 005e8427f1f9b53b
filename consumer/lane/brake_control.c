/* Holding a store: plan/brake counts, the state remembers, so that a restart or another process of
 * the store does not go on where this one stopped. */
#include <stdio.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "consumer/lane/lane_internal.h"

#define MOD "brake"

#define LOOK_EVERY_US      INT64_C(2000000)
#define LOOK_HELD_EVERY_US INT64_C(1000000)
/* Walking over what waits costs milliseconds for a hundred thousand levels. */
#define RECOUNT_EVERY_US INT64_C(1000000)
#define PAIRS_EVERY_US   INT64_C(60000000)
#define PAIRS_LOADING_US INT64_C(5000000)
/* Numbers that come back do so one after the other: the first of them must not let the rest of the
 * fall through. */
#define CALM_US INT64_C(5000000)

void lane_brake_register(struct lane *l)
{
    static const char *const LABEL = "store";
    struct lane_metrics *m = &l->m;
    m->held =
        metric_gauge("stocksync_store_held",
                     "1 while nothing is written until a person says so or the cause is gone.",
                     LABEL, l->store.name);
    m->holds = metric_counter("stocksync_store_holds_total", "Times that the store was held.",
                              LABEL, l->store.name);
    m->brake_fallen = metric_gauge(
        "stocksync_store_brake_fallen_levels",
        "Levels that fell to zero within the brake's window, or would next.", LABEL, l->store.name);
    m->brake_changed = metric_gauge("stocksync_store_brake_changed_levels",
                                    "Levels that changed within the brake's window, or would next.",
                                    LABEL, l->store.name);
    m->foreign =
        metric_counter("stocksync_store_foreign_records_total",
                       "Records of another Odoo database: not applied.", LABEL, l->store.name);
}

/* --- what is counted --- */

static struct brake_change change_of(const struct level *p)
{
    return (struct brake_change){.key = p->key,
                                 .from = p->change_from,
                                 .to = unimported_target(&p->memory, p->desired.quantity),
                                 .revision = p->desired.revision,
                                 .first = !p->memory.written};
}

void lane_brake_expect(struct lane *l, struct level *level)
{
    struct brake_change change = change_of(level);
    (void)brake_expect(l->brake, &change);
    level->judged = level->desired.revision;
}

bool lane_brake_admits(struct lane *l, struct level *const *levels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (levels[i]->judged != levels[i]->desired.revision) {
            lane_brake_expect(l, levels[i]);
        }
    }
    return brake_judge(l->brake) == BRAKE_OFF;
}

void lane_brake_sending(struct lane *l, struct level *const *levels, size_t count)
{
    int64_t now = clock_wall_us();
    for (size_t i = 0; i < count; i++) {
        struct brake_change change = change_of(levels[i]);
        brake_write(l->brake, &change, now);
    }
}

/* Several processes share a store by partition, and keys spread evenly: each answers for its share
 * of the levels, so that all of them together see what one alone would. */
static enum status count_levels(struct lane *l, struct err *err)
{
    size_t total = 0;
    size_t assigned = record_source_assigned_count(l->source);
    size_t partitions = (size_t)l->options.shared.partitions;
    enum status rc = state_guard_levels(l->state, &total, err);
    if (rc == STATUS_OK) {
        brake_set_levels(l->brake, assigned < partitions ? total * assigned / partitions : total);
        l->known_levels = total;
        l->levels_for = assigned;
        l->levels_at_us =
            clock_monotonic_us() + (l->guard.loaded ? PAIRS_EVERY_US : PAIRS_LOADING_US);
    }
    return rc;
}

struct walk {
    struct lane *lane;
    struct lane_hold *hold;
    bool changes; /* examples of changes, not of falls */
};

static void count_one(void *arg, struct level *level)
{
    const struct walk *walk = arg;
    lane_brake_expect(walk->lane, level);
}

static void take_example(void *arg, struct level *level)
{
    const struct walk *walk = arg;
    struct lane_hold *h = walk->hold;
    struct brake_change c = change_of(level);
    bool falls = c.from > 0 && c.to <= 0;
    if (h->example_count == HOLD_EXAMPLES || c.from == c.to || (!falls && !walk->changes)) {
        return;
    }
    const char *sku = sku_claims_text(walk->lane->identity, level->desired.product_id);
    struct hold_example *e = &h->examples[h->example_count++];
    *e = (struct hold_example){
        .product_id = level->desired.product_id, .key = c.key, .from = c.from, .to = c.to};
    (void)snprintf(e->sku, sizeof e->sku, "%s", sku != NULL ? sku : "");
}

static void describe(const struct lane *l, enum brake_verdict verdict, struct lane_hold *hold)
{
    const struct brake_figures *f = &hold->figures;
    bool zero = verdict == BRAKE_ZERO;
    size_t count = zero ? f->fallen : f->changed;
    (void)snprintf(hold->reason, sizeof hold->reason, "%s", zero ? "brake_zero" : "brake_change");
    (void)snprintf(
        hold->detail, sizeof hold->detail,
        "%zu of %zu levels would %s within %lld s, more than %s = %lld: nothing is "
        "written until the cause is gone or 'stocksync-consumer resume --store %s' says "
        "that it is right",
        count, f->levels, zero ? "fall to zero" : "change",
        (long long)(l->sc->brake_window_ms / 1000), zero ? "brake_percent" : "brake_change_percent",
        (long long)(zero ? l->sc->brake_percent : l->sc->brake_change_percent), l->store.name);
}

enum status lane_brake_count(struct lane *l,
                             enum brake_verdict *verdict,
                             struct lane_hold *hold,
                             struct err *err)
{
    struct walk walk = {.lane = l, .hold = hold};
    enum status rc = STATUS_OK;
    *hold = (struct lane_hold){0};
    brake_recount(l->brake, clock_wall_us());
    coalescer_each(l->coalescer, LEVEL_READY, count_one, &walk);
    l->replaced = false;
    l->recount_us = clock_monotonic_us();
    if (brake_judge(l->brake) != BRAKE_OFF) {
        rc = count_levels(l, err); /* they may have become more */
    }
    *verdict = brake_judge(l->brake);
    hold->figures = brake_figures(l->brake);
    metric_set(l->m.brake_fallen, (double)hold->figures.fallen);
    metric_set(l->m.brake_changed, (double)hold->figures.changed);
    if (*verdict != BRAKE_OFF) {
        walk.changes = *verdict == BRAKE_CHANGE;
        describe(l, *verdict, hold);
        coalescer_each(l->coalescer, LEVEL_READY, take_example, &walk);
    }
    return rc;
}

/* --- holding and letting go --- */

static void show(struct lane *l)
{
    enum lane_state s = l->view.state;
    if (s == LANE_CATCHING_UP || s == LANE_RUNNING || s == LANE_THROTTLED || s == LANE_HELD) {
        lane_set_state(l, LANE_CATCHING_UP, ""); /* becomes held, if it is */
    }
    metric_set(l->m.held, l->hold.on ? 1 : 0);
}

static void log_hold(const struct lane *l)
{
    const struct lane_hold *h = &l->hold;
    metric_add(l->m.holds, 1);
    log_warn(MOD, "held", LF_TEXT("store", l->store.name), LF_TEXT("reason", h->reason),
             LF_INT("fallen", h->figures.fallen), LF_INT("changed", h->figures.changed),
             LF_INT("levels", h->figures.levels), LF_MSG(h->detail));
    for (size_t i = 0; i < h->example_count; i++) {
        const struct hold_example *e = &h->examples[i];
        log_warn(MOD, "held_example", LF_TEXT("store", l->store.name),
                 LF_INT("product", e->product_id), LF_TEXT("sku", e->sku),
                 LF_INT("item", e->key.item), LF_INT("location", e->key.location),
                 LF_INT("from", e->from), LF_INT("to", e->to));
    }
}

static void write_examples(const struct lane_hold *hold, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < hold->example_count; i++) {
        const struct hold_example *e = &hold->examples[i];
        int n = snprintf(out + used, size - used,
                         "product %d sku %s item %lld location %lld: %d -> %d\n",
                         (int)e->product_id, e->sku, (long long)e->key.item,
                         (long long)e->key.location, (int)e->from, (int)e->to);
        if (n < 0 || (size_t)n >= size - used) {
            out[used] = '\0'; /* whole lines only */
            return;
        }
        used += (size_t)n;
    }
}

static enum status tell_state(struct lane *l, struct err *err)
{
    struct state_guard row = {.held_at_us = clock_wall_us()};
    memcpy(row.reason, l->hold.reason, sizeof row.reason);
    memcpy(row.detail, l->hold.detail, sizeof row.detail);
    write_examples(&l->hold, row.examples, sizeof row.examples);
    l->hold.told_us = clock_monotonic_us();
    l->hold.revision = l->newest_revision;
    return state_guard_hold(l->state, &row, l->hold.revision, err);
}

/* Nothing is written from here on; or it goes on so, with what is known now. */
static enum status hold_store(struct lane *l, const struct lane_hold *found, struct err *err)
{
    struct lane_hold before = l->hold;
    bool news = strcmp(before.detail, found->detail) != 0 || l->newest_revision > before.revision;
    bool rested = clock_monotonic_us() - before.told_us >= RECOUNT_EVERY_US;
    if (before.on && !(news && rested)) {
        l->hold.calm_us = 0;
        return STATUS_OK;
    }
    l->hold = *found;
    l->hold.on = l->hold.ours = true;
    if (!before.on) {
        l->look_at_us = 0; /* another process may have been first */
        log_hold(l);
    }
    show(l);
    lane_publish_view(l);
    return tell_state(l, err);
}

static void let_go(struct lane *l, const char *why)
{
    l->hold = (struct lane_hold){0};
    log_info(MOD, "released", LF_TEXT("store", l->store.name), LF_MSG(why));
    show(l);
    lane_publish_view(l);
}

/* The figures are below the limits: for good? Everything that was read must be known, since the
 * state of a restart is learned record by record. */
static enum status release_when_calm(struct lane *l, struct err *err)
{
    int64_t now = clock_monotonic_us();
    if (l->hold.calm_us == 0) {
        l->hold.calm_us = now;
    }
    size_t unknown = coalescer_count(l->coalescer, LEVEL_UNRESOLVED) +
                     coalescer_count(l->coalescer, LEVEL_UNREAD) + graphql_running(l->graphql);
    if (now - l->hold.calm_us < CALM_US || !(lane_is_at_end(l) || l->spare) || unknown > 0) {
        return STATUS_OK;
    }
    enum status rc = state_guard_release(l->state, err);
    if (rc == STATUS_OK) {
        let_go(l, "the cause is gone: what would be written is below the limits again");
    }
    return rc;
}

/*
 * The first load is over once nothing waits at the end of the topic and most of what the store has
 * is known: an empty topic, or some products that changed before everything was published, are
 * none.
 */
static enum status note_loaded(struct lane *l, struct err *err)
{
    size_t levels = sku_index_count(l->mapping) * l->rules.location_count;
    if (l->guard.loaded || l->known_levels == 0 || l->known_levels * 2 < levels ||
        coalescer_total(l->coalescer) > 0 || !lane_is_at_end(l)) {
        return STATUS_OK;
    }
    enum status rc = state_guard_loaded(l->state, err);
    if (rc == STATUS_OK) {
        l->guard.loaded = true;
        brake_set_loaded(l->brake);
    }
    return rc;
}

static bool recount_is_due(const struct lane *l)
{
    bool rested = clock_monotonic_us() - l->recount_us >= RECOUNT_EVERY_US;
    bool doubt = !l->hold.on && brake_judge(l->brake) != BRAKE_OFF;
    return doubt || (rested && (l->replaced || l->hold.on));
}

enum status lane_brake_judge(struct lane *l, struct err *err)
{
    struct lane_hold found;
    enum brake_verdict verdict = BRAKE_OFF;
    enum status rc = note_loaded(l, err);
    if (rc != STATUS_OK || l->dry || (l->hold.on && !l->hold.ours)) {
        return rc;
    }
    if (l->spare) { /* nothing of the store is here: the others judge, once we let go */
        return l->hold.on ? release_when_calm(l, err) : STATUS_OK;
    }
    if (foreign_records_count(l->foreign) > 0) {
        found = (struct lane_hold){0};
        lane_guard_describe(l, &found);
        return hold_store(l, &found, err);
    }
    if (!recount_is_due(l)) {
        return STATUS_OK;
    }
    rc = lane_brake_count(l, &verdict, &found, err);
    if (rc == STATUS_OK && verdict != BRAKE_OFF) {
        rc = hold_store(l, &found, err);
    } else if (rc == STATUS_OK && l->hold.on) {
        rc = release_when_calm(l, err);
    }
    return rc;
}

/* --- what others say --- */

/* The store is held in the state: by a process that is gone, so it is ours now, or by a living one.
 */
static void follow(struct lane *l, const struct state_guard *now)
{
    bool begins = !l->hold.on;
    l->hold.ours = now->ours;
    if (begins) {
        l->hold.on = true;
        (void)snprintf(l->hold.reason, sizeof l->hold.reason, "%s", now->reason);
        (void)snprintf(l->hold.detail, sizeof l->hold.detail, "%s", now->detail);
        log_hold(l);
        show(l);
    }
}

static enum status read_guard(struct lane *l, struct state_guard *now, struct err *err)
{
    enum status rc = state_guard_read(l->state, now, err);
    if (rc == STATUS_OK && now->held_at_us != 0 && !now->ours && !l->spare) {
        rc = state_guard_adopt(l->state, err);
        if (rc == STATUS_OK) {
            rc = state_guard_read(l->state, now, err);
        }
    }
    return rc;
}

/* Another database was pinned, or one confirmed: for all records that are not finished it must be
 * asked anew whether they are ours. */
static enum status compare_database(struct lane *l, const struct state_guard *now, struct err *err)
{
    bool other = now->database[0] != '\0' && l->database[0] != '\0' &&
                 strcmp(now->database, l->database) != 0;
    if (other || now->database_since != l->guard.database_since) {
        return err_set(err, STATUS_RENEW, "database %s was confirmed: reading again",
                       now->database);
    }
    if (now->database[0] != '\0') {
        memcpy(l->database, now->database, sizeof l->database);
        l->pinned = true;
    }
    return STATUS_OK;
}

enum status lane_brake_look(struct lane *l, struct err *err)
{
    struct state_guard now;
    int64_t mono = clock_monotonic_us();
    if (mono < l->look_at_us || l->dry) {
        return STATUS_OK;
    }
    l->look_at_us = mono + (l->hold.on ? LOOK_HELD_EVERY_US : LOOK_EVERY_US);
    enum status rc = read_guard(l, &now, err);
    if (rc == STATUS_OK &&
        (mono >= l->levels_at_us || l->levels_for != record_source_assigned_count(l->source))) {
        rc = count_levels(l, err);
    }
    if (rc == STATUS_OK) {
        rc = compare_database(l, &now, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    if (now.accepted_revision > l->guard.accepted_revision) {
        brake_accept(l->brake, now.accepted_revision);
        l->replaced = true;
    }
    now.loaded = l->guard.loaded; /* as this lane has found it */
    l->guard = now;
    if (now.held_at_us != 0) {
        follow(l, &now);
    } else if (l->hold.on) {
        let_go(l, l->hold.ours ? "a person said go on" : "the process that held it let go");
    }
    return STATUS_OK;
}

/* --- a session --- */

static void note_journal(void *arg, const struct level_write *write, int64_t at_us)
{
    struct lane *l = arg;
    struct brake_change change = {.key = write->key,
                                  .from = write->change_from,
                                  .to = write->quantity,
                                  .revision = write->revision};
    brake_write(l->brake, &change, at_us);
}

void lane_brake_adopted(struct lane *l, const struct level_write *list, size_t count)
{
    /* before the first load is over it does not count, as in the journal */
    for (size_t i = 0; l->guard.loaded && i < count; i++) {
        note_journal(l, &list[i], clock_wall_us());
    }
}

enum status lane_brake_open(struct lane *l, struct err *err)
{
    int64_t window_us = l->sc->brake_window_ms * 1000;
    l->brake = brake_new(&(struct brake_limits){.window_us = window_us,
                                                .zero_percent = l->sc->brake_percent,
                                                .change_percent = l->sc->brake_change_percent,
                                                .least = l->sc->brake_least});
    l->foreign = foreign_records_new(l->ledger);
    l->look_at_us = l->recount_us = l->levels_at_us = 0;
    l->told_headerless = false;
    l->spare = false;
    enum status rc = read_guard(l, &l->guard, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    (void)snprintf(l->database, sizeof l->database, "%s", l->guard.database);
    l->pinned = l->database[0] != '\0';
    if (l->guard.loaded) {
        brake_set_loaded(l->brake);
    }
    brake_accept(l->brake, l->guard.accepted_revision);
    if (l->guard.held_at_us != 0 && !l->dry) {
        follow(l, &l->guard);
    }
    return state_guard_journal(l->state, clock_wall_us() - window_us, l->guard.accepted_revision,
                               note_journal, l, err);
}

void lane_brake_close(struct lane *l)
{
    brake_free(l->brake);
    l->brake = NULL;
    foreign_records_free(l->foreign);
    l->foreign = NULL;
    l->hold = (struct lane_hold){0};
}

/* --- what others see --- */

void lane_hold_append_status(const struct lane_hold *hold, struct strbuf *out)
{
    if (!hold->on) {
        return;
    }
    strbuf_append_text(out, ",\"held\":{\"reason\":");
    strbuf_append_json(out, hold->reason);
    strbuf_appendf(out, ",\"here\":%s,\"levels\":%zu,\"fallen\":%zu,\"changed\":%zu,\"examples\":[",
                   hold->ours ? "true" : "false", hold->figures.levels, hold->figures.fallen,
                   hold->figures.changed);
    for (size_t i = 0; i < hold->example_count; i++) {
        const struct hold_example *e = &hold->examples[i];
        strbuf_appendf(out, "%s{\"product\":%d,\"sku\":", i > 0 ? "," : "", (int)e->product_id);
        strbuf_append_json(out, e->sku);
        strbuf_appendf(out, ",\"item\":%lld,\"location\":%lld,\"from\":%d,\"to\":%d}",
                       (long long)e->key.item, (long long)e->key.location, (int)e->from,
                       (int)e->to);
    }
    strbuf_append_text(out, "]}");
}

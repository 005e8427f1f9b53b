#include "consumer/lane/first_load.h"

#include <stdio.h>

#include "consumer/lane/outcomes.h"

enum status first_load_open(struct first_load *f, const struct lane_context *c, struct err *err)
{
    bool go = c->options->store_conf->policy.first_load == FIRST_LOAD_GO;
    struct state_contact contact = {0};
    *f = (struct first_load){.c = c};
    if (!c->sink->writes) {
        return STATUS_OK;
    }
    enum status rc = c->ports->state->guard.contact(c->state, go, &contact, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    f->waits = contact.waits;
    f->is_fresh = contact.is_fresh;
    return STATUS_OK;
}

bool first_load_stops(const struct first_load *f)
{
    return f->waits || (f->is_fresh && !f->caught_up);
}

bool first_load_wants_hold(const struct first_load *f)
{
    const struct coalescer *levels = f->c->coalescer;
    size_t unknown = coalescer_count(levels, LEVEL_UNRESOLVED) +
                     coalescer_count(levels, LEVEL_UNREAD) + coalescer_count(levels, LEVEL_BUSY);
    return f->waits && f->caught_up && unknown == 0 && coalescer_total(levels) > 0;
}

/* --- figures --- */

struct walk {
    const struct lane_context *c;
    struct lane_hold *hold;
    size_t set_up; /* levels that must be activated or tracked first */
    bool zeros;    /* examples of falls to zero, else of other changes */
};

static void count_one(void *arg, struct level *level)
{
    struct walk *walk = arg;
    struct lane_hold *hold = walk->hold;
    struct brake_change change = outcomes_change_of(walk->c, level);
    hold->figures.levels += change.first;
    if (level->stage == LEVEL_MISSING || level->stage == LEVEL_UNTRACKED) {
        walk->set_up++;
        hold->figures.changed++;
    }
    if (level->stage != LEVEL_READY) {
        return;
    }
    hold->figures.changed += change.from != change.to;
    hold->figures.fallen += change.from > 0 && change.to <= 0;
    hold->risen += change.to > change.from;
}

static void take_example(void *arg, struct level *level)
{
    const struct walk *walk = arg;
    struct brake_change change = outcomes_change_of(walk->c, level);
    bool is_zero = change.from > 0 && change.to <= 0;
    if (level->stage == LEVEL_READY && change.from != change.to && is_zero == walk->zeros) {
        hold_take_example(walk->hold, level->desired.product_id,
                          sku_claims_text(walk->c->claims, level->desired.product_id), &change);
    }
}

void first_load_describe(const struct first_load *f, size_t known, struct lane_hold *hold)
{
    struct walk walk = {.c = f->c, .hold = hold, .zeros = true};
    const struct coalescer *levels = f->c->coalescer;
    *hold = (struct lane_hold){.figures = {.levels = known}};
    coalescer_each(levels, LEVEL_STAGE_COUNT, count_one, &walk);
    coalescer_each(levels, LEVEL_STAGE_COUNT, take_example, &walk);
    walk.zeros = false;
    coalescer_each(levels, LEVEL_STAGE_COUNT, take_example, &walk);
    (void)snprintf(hold->reason, sizeof hold->reason, "%s", FIRST_LOAD_REASON);
    (void)snprintf(
        hold->detail, sizeof hold->detail,
        "first contact: %zu of %zu levels would change (%zu rise, %zu fall to zero, %zu must be "
        "activated or tracked): nothing is written until 'stocksync-consumer resume --store %s' "
        "approves it",
        hold->figures.changed, hold->figures.levels, hold->risen, hold->figures.fallen, walk.set_up,
        f->c->store->name);
}

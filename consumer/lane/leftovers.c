#include "consumer/lane/leftovers.h"

#include <stdio.h>

#include "common/core/clock.h"
#include "consumer/lane/resolve.h"

/* A look joins all levels and products of the store: half a second for 200,000. */
#define LOOK_REST_US INT64_C(30000000)

void leftovers_open(struct leftovers *l, const struct lane_context *c, struct planner *planner)
{
    *l = (struct leftovers){.c = c, .planner = planner, .wanted = true};
}

void leftovers_note_assigned(struct leftovers *l)
{
    l->wanted = true;
}

static bool is_zeroing(const struct leftovers *l)
{
    return l->c->options->store_conf->policy.excluded == LAST_NUMBER_ZERO;
}

/* Rows come in order of products. */
static void count(struct leftovers *l, const struct state_leftover *level, int32_t *last)
{
    struct leftovers_view *v = &l->view;
    v->levels++;
    if (v->products > 0 && *last == level->product_id) {
        return;
    }
    *last = level->product_id;
    if (v->products < STATUS_EXAMPLES) {
        char *example = v->examples[v->products];
        (void)snprintf(example, sizeof v->examples[0], "%s",
                       level->text != NULL ? level->text : "");
        if (level->text == NULL) {
            (void)snprintf(example, sizeof v->examples[0], "product %d", (int)level->product_id);
        }
    }
    v->products++;
}

/* The revision is of the record that excluded the product, so that the number of a later one, with
 * which it comes back, is written as usual. */
static void offer_zero(struct leftovers *l, const struct state_leftover *level)
{
    int64_t known = sku_claims_revision(l->c->claims, level->product_id);
    const struct desired desired = {.product_id = level->product_id,
                                    .revision = level->revision > known ? level->revision : known,
                                    .changed_at_us = clock_wall_us(),
                                    .cause = CAUSE_PRODUCT,
                                    .at = {.partition = -1},
                                    .row_partition = -1};
    planner_offer(l->planner, level->key, &desired);
}

struct look {
    struct leftovers *leftovers;
    int32_t last;
};

static void take(void *arg, const struct state_leftover *level)
{
    struct look *look = arg;
    struct leftovers *l = look->leftovers;
    count(l, level, &look->last);
    if (is_zeroing(l) && !level->parked && resolve_is_ours(l->c, level->product_id) &&
        resolve_uses_location(l->c, level->key.location)) {
        offer_zero(l, level);
    }
}

static bool has_changed(const struct leftovers *l)
{
    return l->planner->changes != l->changes;
}

/*
 * With zero, at once: the row of a renamed product's old item moves to the new item as soon as that
 * is resolved. With keep, the look is for the figures only.
 */
static bool is_due(const struct leftovers *l, bool at_end, int64_t now_us)
{
    if (has_changed(l) && is_zeroing(l)) {
        return true;
    }
    return at_end && now_us >= l->look_at_us && (l->wanted || has_changed(l));
}

enum status leftovers_turn(struct leftovers *l, bool at_end, struct err *err)
{
    struct look look = {.leftovers = l};
    int64_t now = clock_monotonic_us();
    if (!is_due(l, at_end, now)) {
        return STATUS_OK;
    }
    l->wanted = has_changed(l); /* once more: a write of before may be settled later */
    l->changes = l->planner->changes;
    l->look_at_us = now + LOOK_REST_US;
    l->view = (struct leftovers_view){0};
    enum status rc = l->c->ports->state->levels.leftovers(l->c->state, take, &look, err);
    if (rc == STATUS_OK && l->view.levels > 0 && is_zeroing(l)) {
        l->wanted = true; /* until they are written, for the figures */
    }
    return rc;
}

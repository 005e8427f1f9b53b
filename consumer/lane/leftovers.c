#include "consumer/lane/leftovers.h"

#include <stdio.h>

#include "common/core/clock.h"
#include "consumer/lane/resolve.h"

/* A look joins all levels and products of the store: half a second for 200,000. With keep, it is for
 * the figures only. */
#define LOOK_EVERY_US INT64_C(10000000)
#define LOOK_REST_US  INT64_C(30000000)

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
    return l->c->options->store_conf->excluded == LAST_NUMBER_ZERO;
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

enum status leftovers_turn(struct leftovers *l, bool at_end, struct err *err)
{
    struct look look = {.leftovers = l};
    int64_t now = clock_monotonic_us();
    uint64_t changes = l->planner->changes;
    if (!at_end || now < l->look_at_us || (!l->wanted && changes == l->changes)) {
        return STATUS_OK;
    }
    l->wanted = false;
    l->changes = changes;
    l->look_at_us = now + (is_zeroing(l) ? LOOK_EVERY_US : LOOK_REST_US);
    l->view = (struct leftovers_view){0};
    enum status rc = l->c->ports->state->levels.leftovers(l->c->state, take, &look, err);
    if (rc == STATUS_OK && l->view.levels > 0 && is_zeroing(l)) {
        l->wanted = true; /* until they are written, for the figures */
        l->look_at_us = now + LOOK_REST_US;
    }
    return rc;
}

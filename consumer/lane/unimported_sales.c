#include "consumer/lane/unimported_sales.h"

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/resolve.h"

#define MOD "lane"

/* Between two looks at the state: other processes of the store may have ended, or seen sales. */
#define LOOK_EVERY_US INT64_C(5000000)
/* At least: many grace periods may end one after the other. */
#define LOOK_PAUSE_US INT64_C(250000)
/* Some requests' worth. For a write that is forgotten, units that nobody bought are held back for
 * one grace period. */
#define UNCERTAIN_MAX 4096

void unimported_sales_open(struct unimported_sales *u, const struct lane_context *c)
{
    const struct store_conf *conf = c->options->store_conf;
    bool counts = conf->quantity == QUANTITY_AVAILABLE;
    *u = (struct unimported_sales){.c = c,
                                   .grace_us = counts ? conf->unimported_sale_grace_ms * 1000 : 0};
}

void unimported_sales_close(struct unimported_sales *u)
{
    mem_free(u->uncertain);
    *u = (struct unimported_sales){0};
}

void unimported_sales_remember(const struct unimported_sales *u,
                               struct level *level,
                               const struct level_known *known)
{
    level->memory = (struct unimported_memory){.written = known->found,
                                               .quantity = known->quantity,
                                               .desired = known->desired,
                                               .live = u->grace_us > 0 ? known->live : 0};
}

/* --- writes of ours that look like sales --- */

void unimported_sales_note_uncertain(struct unimported_sales *u,
                                     const struct level_write *list,
                                     size_t count)
{
    if (u->grace_us == 0) {
        return;
    }
    if (u->uncertain == NULL) {
        u->uncertain = mem_calloc(UNCERTAIN_MAX, sizeof *u->uncertain);
    }
    for (size_t i = 0; i < count; i++) {
        u->uncertain[u->uncertain_count++ % UNCERTAIN_MAX] = list[i];
    }
}

/* Each is used once: a later number of the same size is a sale. */
static bool take_uncertain(struct unimported_sales *u,
                           struct level_key key,
                           int32_t held,
                           struct level_write *write)
{
    size_t count = u->uncertain_count < UNCERTAIN_MAX ? u->uncertain_count : UNCERTAIN_MAX;
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        struct level_write *w = &u->uncertain[i];
        if (w->key.item != key.item || w->key.location != key.location) {
            continue;
        }
        if (w->quantity == held && (!found || w->revision > write->revision)) {
            *write = *w;
            found = true;
        }
        w->key = (struct level_key){0};
    }
    return found;
}

/* --- reads --- */

static void
missing(struct unimported_sales *u, struct level *level, int32_t held, struct outcomes *out)
{
    struct level_write ours;
    int64_t wall_us = clock_wall_us();
    int64_t until_us = unimported_until_us(wall_us, u->grace_us);
    int64_t end_us = clock_monotonic_us() + until_us - wall_us;
    u->look_at_us = u->look_at_us < end_us ? u->look_at_us : end_us;
    if (take_uncertain(u, level->key, held, &ours)) {
        outcomes_add(out, level, END_OURS)->write = ours;
        return;
    }
    outcomes_add(out, level, END_SIGHTED)->seen = (struct level_seen){
        .key = level->key, .before = level->memory.quantity, .now = held, .until_us = until_us};
}

void unimported_sales_judge(struct unimported_sales *u,
                            struct level *level,
                            const struct level_write *asked,
                            int32_t held,
                            struct outcomes *out)
{
    switch (unimported_judge(&level->memory, u->grace_us, level->desired.quantity, held)) {
    case UNIMPORTED_EQUAL: {
        struct outcome *one = outcomes_add(out, level, END_CONFIRMED);
        one->write = *asked;
        one->write.quantity = held;
        break;
    }
    case UNIMPORTED_SEEN:
        missing(u, level, held, out);
        break;
    case UNIMPORTED_WRITE:
        outcomes_ready(out, level, held);
        break;
    }
}

/* --- the end of a grace period --- */

static void offer_again(const struct lane_context *c, const struct state_unimported *due)
{
    struct desired desired = {.product_id = due->product_id,
                              .quantity = due->desired,
                              .revision = due->revision,
                              .changed_at_us = clock_wall_us(),
                              .at = {.partition = -1},
                              .row_partition = -1};
    if (resolve_uses_location(c, due->key.location)) {
        (void)coalescer_offer(c->coalescer, due->key, &desired);
    }
}

static enum status
offer_due(struct unimported_sales *u, int64_t wall_us, size_t *count, struct err *err)
{
    struct state_unimported *list = mem_calloc(STATE_UNIMPORTED_MAX, sizeof *list);
    enum status rc = u->c->ports->state->levels.sales_due(u->c->state, wall_us, list, count, err);
    for (size_t i = 0; rc == STATUS_OK && i < *count; i++) {
        offer_again(u->c, &list[i]);
    }
    mem_free(list);
    return rc;
}

enum status unimported_sales_end_graces(struct unimported_sales *u, struct err *err)
{
    int64_t now = clock_monotonic_us();
    int64_t wall = clock_wall_us();
    int64_t wake = INT64_MAX;
    size_t count = 0;
    if (now < u->look_at_us) {
        return STATUS_OK;
    }
    enum status rc = offer_due(u, wall, &count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = u->c->ports->state->levels.sales_next(u->c->state, &wake, &u->levels, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (count > 0) {
        log_info(MOD, "graces_over", LF_TEXT("store", u->c->store->name), LF_INT("count", count),
                 LF_MSG("the grace period for unimported sales is over: Odoo's number is written"));
    }
    wake = wake > wall + LOOK_EVERY_US ? wall + LOOK_EVERY_US : wake;
    u->look_at_us = now + (wake > wall + LOOK_PAUSE_US ? wake - wall : LOOK_PAUSE_US);
    return STATUS_OK;
}

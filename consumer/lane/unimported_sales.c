/* Units that Shopify has sold and Odoo does not know of yet: plan/unimported decides, the state
 * remembers. */
#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/lane_internal.h"

#define MOD "lane"

/* Between two looks at the state: other processes of the store may have ended, or seen something.
 */
#define LOOK_EVERY_US INT64_C(5000000)
/* At least: many graces may end one after the other. */
#define LOOK_PAUSE_US INT64_C(250000)
/* Doubtful writes remembered: some requests' worth; for one that is forgotten, units are held back
 * for a grace that nobody bought. */
#define DOUBTFUL_MAX 4096

void lane_remember(const struct lane *l, struct level *level, const struct level_known *known)
{
    level->memory = (struct unimported_memory){.written = known->found,
                                               .quantity = known->quantity,
                                               .desired = known->desired,
                                               .live = l->grace_us > 0 ? known->live : 0};
}

static void report(struct lane *l, const struct level *p, const struct level_seen *seen)
{
    metric_add(l->m.unimported_seen, 1);
    metric_add(l->m.in_flight_units, (uint64_t)((int64_t)seen->before - seen->now));
    if (seen->first) {
        log_info(MOD, "units_in_flight", LF_TEXT("store", l->store.name),
                 LF_INT("product", p->desired.product_id), LF_INT("item", p->key.item),
                 LF_INT("location", p->key.location),
                 LF_INT("count", (int64_t)seen->before - seen->now),
                 LF_MSG("sold in the store, not known in Odoo yet: held back until the order is "
                        "imported, at most for the grace"));
    }
}

/* --- writes of ours that look like sales --- */

void lane_note_uncertain(struct lane *l, const struct request *r)
{
    if (l->grace_us == 0) {
        return;
    }
    if (l->uncertain == NULL) {
        l->uncertain = mem_calloc(DOUBTFUL_MAX, sizeof *l->uncertain);
    }
    for (size_t i = 0; i < r->count; i++) {
        l->uncertain[l->uncertain_count++ % DOUBTFUL_MAX] = r->list[i];
    }
}

/* Each is asked for once: a later number of the same size is a sale. */
static bool take_uncertain(struct lane *l, const struct level_seen *seen, struct level_write *write)
{
    size_t count = l->uncertain_count < DOUBTFUL_MAX ? l->uncertain_count : DOUBTFUL_MAX;
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        struct level_write *w = &l->uncertain[i];
        if (w->key.item == seen->key.item && w->key.location == seen->key.location) {
            if (w->quantity == seen->now && (!found || w->revision > write->revision)) {
                *write = *w;
                found = true;
            }
            w->key = (struct level_key){0};
        }
    }
    return found;
}

/* --- sightings --- */

enum status lane_note_seen(struct lane *l,
                           struct level **levels,
                           const struct level_seen *list,
                           size_t count,
                           struct err *err)
{
    struct level_write ours[INVENTORY_MAX_ENTRIES];
    struct level_seen sold[INVENTORY_MAX_ENTRIES];
    struct level *sold_levels[INVENTORY_MAX_ENTRIES];
    size_t our_count = 0;
    size_t sold_count = 0;
    int64_t until_us = unimported_until_us(clock_wall_us(), l->grace_us);
    if (count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        if (take_uncertain(l, &list[i], &ours[our_count])) {
            our_count++;
        } else {
            sold_levels[sold_count] = levels[i];
            sold[sold_count] = list[i];
            sold[sold_count++].until_us = until_us;
        }
    }
    enum status rc = state_levels_note(l->state, ours, our_count, err);
    if (rc == STATUS_OK) {
        rc = state_unimported_see(l->state, sold, sold_count, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    FAULT_POINT("lane.seen");
    for (size_t i = 0; i < sold_count; i++) {
        if (sold[i].noted) {
            report(l, sold_levels[i], &sold[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (coalescer_put_back(l->coalescer, levels[i], LEVEL_UNRESOLVED)) {
            metric_add(l->m.superseded, 1);
        }
    }
    int64_t end_us = clock_monotonic_us() + until_us - clock_wall_us();
    l->in_flight_at_us = l->in_flight_at_us < end_us ? l->in_flight_at_us : end_us;
    return STATUS_OK;
}

/* --- the end of a grace --- */

static bool is_mapped(const struct lane *l, int64_t location)
{
    for (size_t i = 0; i < l->rules.location_count; i++) {
        if (l->rules.locations[i].location == location) {
            return true;
        }
    }
    return false;
}

static void offer_again(struct lane *l, const struct state_unimported *due)
{
    struct desired desired = {.product_id = due->product_id,
                              .quantity = due->desired,
                              .revision = due->revision,
                              .changed_at_us = clock_wall_us(),
                              .at = {.partition = -1}};
    if (is_mapped(l, due->key.location)) {
        (void)coalescer_offer(l->coalescer, due->key, &desired);
    }
}

enum status lane_end_graces(struct lane *l, struct err *err)
{
    int64_t now = clock_monotonic_us();
    int64_t wall = clock_wall_us();
    int64_t wake = INT64_MAX;
    size_t count = 0;
    if (now < l->in_flight_at_us) {
        return STATUS_OK;
    }
    struct state_unimported *list = mem_calloc(STATE_UNIMPORTED_MAX, sizeof *list);
    enum status rc = state_unimported_due(l->state, wall, list, &count, err);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        offer_again(l, &list[i]);
    }
    mem_free(list);
    if (rc == STATUS_OK) {
        rc = state_unimported_next(l->state, &wake, &l->unimported_levels, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    if (count > 0) {
        log_info(MOD, "graces_over", LF_TEXT("store", l->store.name), LF_INT("count", count),
                 LF_MSG("units were held back for their orders' import until the grace was over: "
                        "what Odoo wants is written"));
    }
    wake = wake > wall + LOOK_EVERY_US ? wall + LOOK_EVERY_US : wake;
    l->in_flight_at_us = now + (wake > wall + LOOK_PAUSE_US ? wake - wall : LOOK_PAUSE_US);
    return STATUS_OK;
}

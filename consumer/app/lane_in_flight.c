/* Units that Shopify has sold and Odoo does not know of yet: plan/in_flight decides, the state
 * remembers. */
#include "common/core/clock.h"
#include "common/core/fault.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/app/lane_internal.h"

#define MOD "lane"

/* Between two looks at the state: other processes of the store may have ended, or seen something.
 */
#define LOOK_EVERY_US INT64_C(5000000)
/* At least: many graces may end one after the other. */
#define LOOK_PAUSE_US INT64_C(250000)
/* Doubtful writes remembered: some requests' worth; for one that is forgotten, units are held back
 * for a grace that nobody bought. */
#define DOUBTFUL_MAX 4096

void lane_remember(const struct lane *l, struct pair *pair, const struct level_known *known)
{
    pair->memory = (struct in_flight_memory){.written = known->found,
                                             .quantity = known->quantity,
                                             .wanted = known->wanted,
                                             .live = l->grace_us > 0 ? known->live : 0};
}

static void report(struct lane *l, const struct pair *p, const struct level_seen *seen)
{
    metric_add(l->m.in_flight_seen, 1);
    metric_add(l->m.in_flight_units, (uint64_t)((int64_t)seen->before - seen->now));
    if (seen->first) {
        log_info(MOD, "units_in_flight", LF_TEXT("store", l->store.name),
                 LF_INT("product", p->want.product_id), LF_INT("item", p->key.item),
                 LF_INT("location", p->key.location),
                 LF_INT("count", (int64_t)seen->before - seen->now),
                 LF_MSG("sold in the store, not known in Odoo yet: held back until the order is "
                        "imported, at most for the grace"));
    }
}

/* --- writes of ours that look like sales --- */

void lane_doubt(struct lane *l, const struct request *r)
{
    if (l->grace_us == 0) {
        return;
    }
    if (l->doubtful == NULL) {
        l->doubtful = mem_calloc(DOUBTFUL_MAX, sizeof *l->doubtful);
    }
    for (size_t i = 0; i < r->count; i++) {
        l->doubtful[l->doubtful_count++ % DOUBTFUL_MAX] = r->list[i];
    }
}

/* Each is asked for once: a later number of the same size is a sale. */
static bool take_doubtful(struct lane *l, const struct level_seen *seen, struct level_write *write)
{
    size_t count = l->doubtful_count < DOUBTFUL_MAX ? l->doubtful_count : DOUBTFUL_MAX;
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        struct level_write *w = &l->doubtful[i];
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
                           struct pair **pairs,
                           const struct level_seen *list,
                           size_t count,
                           struct err *err)
{
    struct level_write ours[INVENTORY_MAX_ENTRIES];
    struct level_seen sold[INVENTORY_MAX_ENTRIES];
    struct pair *sold_pairs[INVENTORY_MAX_ENTRIES];
    size_t our_count = 0;
    size_t sold_count = 0;
    int64_t until_us = in_flight_until_us(clock_wall_us(), l->grace_us);
    if (count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        if (take_doubtful(l, &list[i], &ours[our_count])) {
            our_count++;
        } else {
            sold_pairs[sold_count] = pairs[i];
            sold[sold_count] = list[i];
            sold[sold_count++].until_us = until_us;
        }
    }
    enum status rc = state_levels_note(l->state, ours, our_count, err);
    if (rc == STATUS_OK) {
        rc = state_in_flight_see(l->state, sold, sold_count, err);
    }
    if (rc != STATUS_OK) {
        return rc;
    }
    FAULT_POINT("lane.seen");
    for (size_t i = 0; i < sold_count; i++) {
        if (sold[i].noted) {
            report(l, sold_pairs[i], &sold[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (coalescer_put_back(l->coalescer, pairs[i], PAIR_UNRESOLVED)) {
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

static void offer_again(struct lane *l, const struct state_in_flight *due)
{
    struct want want = {.product_id = due->product_id,
                        .quantity = due->wanted,
                        .revision = due->revision,
                        .changed_at_us = clock_wall_us(),
                        .at = {.partition = -1}};
    if (is_mapped(l, due->key.location)) {
        (void)coalescer_offer(l->coalescer, due->key, &want);
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
    struct state_in_flight *list = mem_calloc(STATE_IN_FLIGHT_MAX, sizeof *list);
    enum status rc = state_in_flight_due(l->state, wall, list, &count, err);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        offer_again(l, &list[i]);
    }
    mem_free(list);
    if (rc == STATUS_OK) {
        rc = state_in_flight_next(l->state, &wake, &l->levels_in_flight, err);
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

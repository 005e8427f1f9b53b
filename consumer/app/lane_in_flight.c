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
/* After a sighting of our own. */
#define LOOK_SOON_US INT64_C(250000)

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

enum status lane_note_seen(
    struct lane *l, struct pair **pairs, struct level_seen *list, size_t count, struct err *err)
{
    int64_t until_us = in_flight_until_us(clock_wall_us(), l->grace_us);
    if (count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        list[i].until_us = until_us;
    }
    enum status rc = state_in_flight_see(l->state, list, count, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    FAULT_POINT("lane.seen");
    for (size_t i = 0; i < count; i++) {
        if (list[i].noted) {
            report(l, pairs[i], &list[i]);
        }
        if (coalescer_put_back(l->coalescer, pairs[i], PAIR_UNRESOLVED)) {
            metric_add(l->m.superseded, 1);
        }
    }
    int64_t soon = clock_monotonic_us() + LOOK_SOON_US;
    l->in_flight_at_us = l->in_flight_at_us < soon ? l->in_flight_at_us : soon;
    return STATUS_OK;
}

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
    l->in_flight_at_us = now + (wake > wall + LOOK_SOON_US ? wake - wall : LOOK_SOON_US);
    return STATUS_OK;
}

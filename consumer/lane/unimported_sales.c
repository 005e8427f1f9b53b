#include "consumer/lane/unimported_sales.h"

#include <math.h>

#include "common/core/clock.h"
#include "common/core/logger.h"
#include "common/core/mem.h"
#include "consumer/lane/catalogue_moves.h"
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
    *u = (struct unimported_sales){
        .c = c, .grace_us = c->options->store_conf->unimported_sale_grace_ms * 1000};
}

void unimported_sales_close(struct unimported_sales *u)
{
    mem_free(u->uncertain);
    *u = (struct unimported_sales){0};
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

/* --- what a level needs --- */

static void
remember(const struct unimported_sales *u, struct level *level, const struct level_known *known)
{
    level->memory = (struct unimported_memory){.written = known->found,
                                               .quantity = known->quantity,
                                               .raw = known->raw,
                                               .missing = u->grace_us > 0 ? known->missing : 0,
                                               .reserved = known->reserved,
                                               .live = u->grace_us > 0 ? known->live : 0};
    level->is_unnoted = false;
}

/* A parked row has the number after the rules only. What was written for its record had both. */
static void complete_raw(struct level *level, const struct level_known *known)
{
    struct desired *desired = &level->desired;
    if (isnan(desired->raw) && known->found && known->product_id == desired->product_id &&
        known->revision == desired->revision) {
        desired->raw = known->raw;
    }
}

/* Somebody wrote the level since it was read from the store. */
static bool has_moved(const struct level *level, const struct level_known *known)
{
    const struct unimported_memory *m = &level->memory;
    return m->written != known->found || (known->found && m->quantity != known->quantity);
}

/* The store may hold another number by the time of the set. */
static bool is_hot(const struct unimported_sales *u, const struct level *level)
{
    return hot_levels_has(&u->hot, level->key, clock_monotonic_us());
}

/* A set does not say whether the store still reserves units. */
static bool must_be_read(const struct unimported_sales *u, const struct level *level)
{
    return is_hot(u, level) || level->memory.reserved > 0;
}

void unimported_sales_note_stale(struct unimported_sales *u, struct level_key key)
{
    hot_levels_add(&u->hot, key, clock_monotonic_us());
}

/* The store holds this number, by a read or as far as we know. */
static void
decide(const struct unimported_sales *u, struct level *level, int32_t holds, struct outcomes *out)
{
    bool equal = holds == outcomes_target(u->c, level);
    /* a newer value may count what was sold after the read */
    level->is_read = level->is_read && !(equal && level->read_revision < level->desired.revision);
    if (!level->is_read && level->desired.look) {
        outcomes_retry(out, level, LEVEL_UNREAD);
        return;
    }
    if (!level->is_read) {
        enum level_stage stage = equal ? LEVEL_CONFIRM : LEVEL_READY;
        outcomes_ready(out, level, must_be_read(u, level) ? LEVEL_UNREAD : stage, holds);
        return;
    }
    if (equal) {
        outcomes_add(out, level, END_CONFIRMED)->write = outcomes_write_of(u->c, level);
        return;
    }
    outcomes_ready(out, level, is_hot(u, level) ? LEVEL_HOT : LEVEL_READY, holds);
}

/* @return false: the missing units are all imported, or are no matter */
static bool
note_missing(struct unimported_sales *u, struct level *level, int32_t held, struct outcomes *out)
{
    struct level_write ours;
    struct unimported_memory after = level->memory;
    if (take_uncertain(u, level->key, held, &ours)) {
        outcomes_add(out, level, END_OURS)->write = ours;
        return true;
    }
    int32_t sold = unimported_see(&after, held, level->read_reserved);
    if (u->grace_us == 0) {
        after.missing = after.live = sold = 0;
    }
    if (unimported_held(&after, level->desired.raw) <= 0) {
        after.quantity = level->memory.quantity; /* the state's: nothing was noted there */
        level->memory = after;
        level->is_unnoted = true;
        return false;
    }
    int64_t wall_us = clock_wall_us();
    int64_t until_us = unimported_until_us(wall_us, u->grace_us);
    int64_t end_us = clock_monotonic_us() + until_us - wall_us;
    u->look_at_us = u->look_at_us < end_us ? u->look_at_us : end_us;
    outcomes_add(out, level, END_SIGHTED)->seen =
        (struct level_seen){.key = level->key,
                            .before = level->memory.quantity,
                            .now = held,
                            .sold = sold,
                            .reserved = after.reserved,
                            .until_us = until_us};
    return true;
}

static void judge_read(struct unimported_sales *u, struct level *level, struct outcomes *out)
{
    struct unimported_memory *m = &level->memory;
    int32_t held = level->read_quantity;
    bool fallen = m->written && held < m->quantity && !level->desired.force;
    if (fallen && note_missing(u, level, held, out)) {
        return;
    }
    m->reserved = m->reserved < level->read_reserved ? m->reserved : level->read_reserved;
    decide(u, level, held, out);
}

void unimported_sales_resolve(struct unimported_sales *u,
                              struct level *level,
                              const struct level_known *known,
                              struct outcomes *out)
{
    bool moved = level->is_read && has_moved(level, known);
    level->is_read = level->is_read && !moved;
    remember(u, level, known);
    complete_raw(level, known);
    if (level->desired.force) {
        level->memory.missing = level->memory.live = 0;
    }
    if (resolve_before_write(u->c, level, known, out)) {
        return;
    }
    if (moved) {
        outcomes_retry(out, level, LEVEL_UNREAD);
    } else if (level->is_read) {
        judge_read(u, level, out);
    } else {
        decide(u, level, known->quantity, out);
    }
}

void unimported_sales_stop_unnoted(struct level **levels, size_t *count, struct outcomes *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        struct level *level = levels[i];
        if (level->is_unnoted && unimported_held(&level->memory, level->desired.raw) > 0) {
            outcomes_retry(out, level, LEVEL_UNRESOLVED);
        } else {
            levels[kept++] = level;
        }
    }
    *count = kept;
}

/* --- the end of a grace period --- */

static void offer_again(const struct lane_context *c, const struct state_unimported *due)
{
    struct desired desired =
        resolve_desired_of_row(c, due->product_id, due->raw, due->desired, due->revision);
    /* while its SKU is elsewhere, nothing is written to the item */
    if (resolve_uses_location(c, due->key.location) &&
        catalogue_moves_item_of(c, due->product_id) == due->key.item) {
        (void)coalescer_offer(c->coalescer, due->key, &desired);
    }
}

static bool is_ours(void *arg, int32_t product_id)
{
    const struct unimported_sales *u = arg;
    return resolve_is_ours(u->c, product_id);
}

static enum status
offer_due(struct unimported_sales *u, int64_t wall_us, size_t *count, struct err *err)
{
    struct state_unimported *list = mem_calloc(STATE_UNIMPORTED_MAX, sizeof *list);
    enum status rc =
        u->c->ports->state->levels.sales_due(u->c->state, wall_us, is_ours, u, list, count, err);
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

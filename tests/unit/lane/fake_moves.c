/* fake_moves: levels of fake_state whose product loses its item, or gets one. */
#include <stdio.h>
#include <string.h>

#include "common/core/mem.h"
#include "tests/unit/lane/fake_clock.h"
#include "tests/unit/lane/fake_state.h"

/* --- items that lost their text --- */

static void park_orphan(const struct fake_known *level, const struct state_orphan *lost)
{
    struct fake_parked row = {.product_id = level->product_id,
                              .partition = -1,
                              .quantity = level->desired,
                              .attempts = 1,
                              .key = level->key,
                              .offset = -1,
                              .revision = level->revision,
                              .retry_us = clock_wall_us() + 900 * FAKE_SECOND,
                              .last_us = clock_wall_us()};
    state_subject_level(row.subject, level->key);
    (void)snprintf(row.reason, sizeof row.reason, "item_changed");
    (void)snprintf(row.detail, sizeof row.detail, "%s", lost->detail);
    struct fake_parked *old = fake_state_parked(row.subject);
    if (old == NULL) {
        MEM_ADD(&fake_state.parked, list, count, room, &row);
    } else if (old->revision < row.revision) {
        *old = row;
    }
}

enum status
fake_levels_orphan(struct state *s, const struct state_orphan *list, size_t count, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("levels_orphan", err);
    for (size_t i = 0; rc == STATUS_OK && !fake_state.read_only && i < count; i++) {
        for (size_t k = 0; k < fake_state.levels.count; k++) {
            if (fake_state.levels.list[k].key.item == list[i].item) {
                park_orphan(&fake_state.levels.list[k], &list[i]);
            }
        }
    }
    return rc;
}

/* --- items that get one --- */

static void set_aside_sales(struct fake_kept *kept)
{
    struct level_key key = kept->level.key;
    for (size_t i = fake_state.unimported.count; i > 0; i--) {
        struct fake_unimported *u = &fake_state.unimported.list[i - 1];
        if (u->key.item == key.item && u->key.location == key.location) {
            MEM_ADD(&kept->unimported, list, count, room, u);
            fake_state_remove(i - 1, fake_state.unimported.list, &fake_state.unimported.count,
                              sizeof *u);
        }
    }
}

static void drop_kept(size_t at)
{
    mem_free(fake_state.kept.list[at].unimported.list);
    fake_state_remove(at, fake_state.kept.list, &fake_state.kept.count,
                      sizeof *fake_state.kept.list);
}

/* A newer number of a product replaces what was kept of it. */
static void keep(const struct fake_known *level)
{
    struct fake_kept kept = {.level = *level};
    for (size_t i = fake_state.kept.count; i > 0; i--) {
        const struct fake_known *old = &fake_state.kept.list[i - 1].level;
        if (old->product_id == level->product_id && old->key.location == level->key.location) {
            drop_kept(i - 1);
        }
    }
    set_aside_sales(&kept);
    MEM_ADD(&fake_state.kept, list, count, room, &kept);
}

/* Levels of the product elsewhere, and of others at its level. */
static bool set_aside(const struct state_owner *owner)
{
    bool any = false;
    for (size_t i = fake_state.levels.count; i > 0; i--) {
        const struct fake_known level = fake_state.levels.list[i - 1];
        bool same_place = level.key.location == owner->key.location;
        bool is_item = level.key.item == owner->key.item;
        bool is_product = level.product_id == owner->product_id;
        if (same_place && is_item != is_product) {
            keep(&level);
            fake_state_remove(i - 1, fake_state.levels.list, &fake_state.levels.count,
                              sizeof level);
            any = true;
        }
    }
    return any;
}

static bool bring(const struct state_owner *owner)
{
    for (size_t i = 0; i < fake_state.kept.count; i++) {
        struct fake_kept *kept = &fake_state.kept.list[i];
        struct fake_known level = kept->level;
        if (level.product_id != owner->product_id || level.key.location != owner->key.location) {
            continue;
        }
        if (level.key.item != owner->key.item) {
            level.quantity = LEVEL_NOT_READ;
        }
        level.key = owner->key;
        MEM_ADD(&fake_state.levels, list, count, room, &level);
        for (size_t k = 0; k < kept->unimported.count; k++) {
            struct fake_unimported u = kept->unimported.list[k];
            u.key = owner->key;
            MEM_ADD(&fake_state.unimported, list, count, room, &u);
        }
        drop_kept(i);
        return true;
    }
    return false;
}

static void rename_parked(const struct state_owner *owner)
{
    char subject[160];
    state_subject_level(subject, owner->key);
    struct fake_parked *row = fake_state_parked(subject);
    if (row != NULL && row->product_id != owner->product_id) {
        (void)snprintf(row->subject, sizeof row->subject, "%.100s/product/%d", subject,
                       row->product_id);
    }
}

/* In two steps, as one statement does: products may exchange their items. */
enum status fake_levels_follow(
    struct state *s, const struct state_owner *list, size_t count, bool *moved, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("levels_follow", err);
    *moved = false;
    for (size_t i = 0; rc == STATUS_OK && !fake_state.read_only && i < count; i++) {
        *moved = set_aside(&list[i]) || *moved;
        rename_parked(&list[i]);
    }
    for (size_t i = 0; rc == STATUS_OK && !fake_state.read_only && i < count; i++) {
        *moved = bring(&list[i]) || *moved;
    }
    return rc;
}

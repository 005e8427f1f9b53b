/* The tables behind struct planned_port, and the last numbers of excluded products. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/lane/fake_clock.h"
#include "tests/unit/lane/fake_source.h"
#include "tests/unit/lane/fake_state.h"

static enum status planned_read(
    struct state *s, struct state_planned *list, size_t count, bool *has_levels, struct err *err)
{
    (void)s;
    for (size_t i = 0; i < count; i++) {
        memcpy(list[i].digest, fake_state.digests[list[i].partition], sizeof list[i].digest);
    }
    *has_levels = fake_state.forgets_rules && fake_state.levels.count > 0;
    return fake_state_enter("planned_read", err);
}

static enum status planned_store(
    struct state *s, const int32_t *partitions, size_t count, const char *digest, struct err *err)
{
    (void)s;
    assert_false(fake_state.read_only);
    enum status rc = fake_state_enter("planned_store", err);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        (void)snprintf(fake_state.digests[partitions[i]], sizeof fake_state.digests[0], "%s",
                       digest);
    }
    return rc;
}

const struct planned_port fake_planned_port = {.read = planned_read, .store = planned_store};

/* --- last numbers of excluded products --- */

static bool is_item_of(const char *text, int64_t item)
{
    for (size_t i = 0; i < fake_state.items.count; i++) {
        const struct fake_item *f = &fake_state.items.list[i];
        if (f->item == item && strcmp(f->text, text) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_claimed(int64_t item)
{
    for (size_t i = 0; i < fake_state.products.count; i++) {
        const struct fake_product *p = &fake_state.products.list[i];
        if (p->sellable && is_item_of(p->text, item)) {
            return true;
        }
    }
    return false;
}

static const struct fake_product *product_of(const struct fake_known *level)
{
    for (size_t i = 0; i < fake_state.products.count; i++) {
        const struct fake_product *p = &fake_state.products.list[i];
        if (p->product_id == level->product_id && (!p->sellable || p->revision > level->revision)) {
            return p;
        }
    }
    return NULL;
}

enum status fake_leftovers(struct state *s,
                           void (*each)(void *arg, const struct state_leftover *level),
                           void *arg,
                           struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("leftovers", err);
    for (size_t i = 0; rc == STATUS_OK && i < fake_state.levels.count; i++) {
        const struct fake_known *level = &fake_state.levels.list[i];
        const struct fake_product *p = product_of(level);
        if (level->quantity == 0 || p == NULL || is_claimed(level->key.item)) {
            continue;
        }
        char subject[160];
        state_subject_level(subject, level->key);
        const struct state_leftover one = {.product_id = level->product_id,
                                           .text = p->text[0] != '\0' ? p->text : NULL,
                                           .key = level->key,
                                           .quantity = level->quantity,
                                           .revision = p->revision,
                                           .parked = fake_state_parked(subject) != NULL};
        each(arg, &one);
    }
    return rc;
}

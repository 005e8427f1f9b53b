/* fake_levels: levels, unimported sales and attempts of fake_state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "consumer/shopify/inventory.h"
#include "tests/unit/lane/fake_clock.h"
#include "tests/unit/lane/fake_state.h"

#define AGAIN_US (60 * FAKE_SECOND)

static bool is_key(struct level_key a, struct level_key b)
{
    return a.item == b.item && a.location == b.location;
}

static struct fake_known *find_level(struct level_key key)
{
    for (size_t i = 0; i < fake_state.levels.count; i++) {
        if (is_key(fake_state.levels.list[i].key, key)) {
            return &fake_state.levels.list[i];
        }
    }
    return NULL;
}

const struct fake_known *fake_state_level(int64_t item)
{
    for (size_t i = 0; i < fake_state.levels.count; i++) {
        if (fake_state.levels.list[i].key.item == item) {
            return &fake_state.levels.list[i];
        }
    }
    return NULL;
}

/* Upserts unless the revision would fall, and settles the level's parked rows. */
static void store_level(const struct level_write *w)
{
    const struct fake_known written = {.key = w->key,
                                       .product_id = w->product_id,
                                       .quantity = w->quantity,
                                       .desired = w->desired,
                                       .missing = w->missing,
                                       .reserved = w->reserved,
                                       .raw = w->raw,
                                       .revision = w->revision};
    struct fake_known *known = find_level(w->key);
    fake_state_unpark_level(w);
    if (known == NULL) {
        MEM_ADD(&fake_state.levels, list, count, room, &written);
    } else if (known->revision <= w->revision) {
        *known = written;
    }
}

void fake_state_know(int64_t item, int32_t product_id, int32_t quantity, int64_t revision)
{
    const struct level_write w = {.key = {.item = item, .location = 7001},
                                  .product_id = product_id,
                                  .quantity = quantity,
                                  .desired = quantity,
                                  .raw = quantity,
                                  .revision = revision};
    store_level(&w);
}

/* --- levels --- */

static int32_t live_units(struct level_key key, int64_t now_us)
{
    int32_t units = 0;
    for (size_t i = 0; i < fake_state.unimported.count; i++) {
        const struct fake_unimported *u = &fake_state.unimported.list[i];
        units += is_key(u->key, key) && u->until_us > now_us ? u->units : 0;
    }
    return units;
}

/* Of another process that may be writing the level. */
static int64_t open_revision(struct level_key key)
{
    int64_t revision = 0;
    for (size_t i = 0; i < fake_state.attempts.count; i++) {
        const struct fake_attempt *a = &fake_state.attempts.list[i];
        for (size_t k = 0;
             a->outcome[0] == '\0' && a->instance != fake_state.instance && k < a->count; k++) {
            if (is_key(a->list[k].key, key) && a->list[k].revision > revision) {
                revision = a->list[k].revision;
            }
        }
    }
    return revision;
}

static enum status levels_read(struct state *s,
                               const struct level_key *keys,
                               size_t count,
                               int64_t now_us,
                               struct level_known *known,
                               struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("levels_read", err);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        const struct fake_known *l = find_level(keys[i]);
        known[i] = (struct level_known){.key = keys[i]};
        if (l != NULL) {
            known[i] =
                (struct level_known){.key = keys[i],
                                     .found = true,
                                     .product_id = l->product_id,
                                     .quantity = l->quantity,
                                     .desired = l->desired,
                                     .raw = l->raw,
                                     .missing = l->missing,
                                     .reserved = l->reserved,
                                     .live = l->missing > 0 ? live_units(keys[i], now_us) : 0,
                                     .revision = l->revision};
        }
        known[i].open_revision = open_revision(keys[i]);
    }
    return rc;
}

static enum status
levels_note(struct state *s, const struct level_write *list, size_t count, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("levels_note", err);
    for (size_t i = 0; rc == STATUS_OK && !fake_state.read_only && i < count; i++) {
        store_level(&list[i]);
    }
    return rc;
}

/* --- unimported sales --- */

/* An open attempt that asked for this number: it was executed. */
static const struct level_write *open_write_of(struct level_key key, int32_t quantity)
{
    const struct level_write *found = NULL;
    for (size_t i = 0; i < fake_state.attempts.count; i++) {
        const struct fake_attempt *a = &fake_state.attempts.list[i];
        for (size_t k = 0; a->outcome[0] == '\0' && k < a->count; k++) {
            if (is_key(a->list[k].key, key) && a->list[k].quantity == quantity &&
                (found == NULL || found->revision < a->list[k].revision)) {
                found = &a->list[k];
            }
        }
    }
    return found;
}

static void see(struct level_seen *seen)
{
    struct fake_known *level = find_level(seen->key);
    const struct level_write *ours = open_write_of(seen->key, seen->now);
    seen->noted = seen->first = false;
    if (level == NULL || level->quantity != seen->before) {
        return;
    }
    level->quantity = seen->now;
    if (ours != NULL) {
        level->desired = ours->desired;
        level->raw = ours->raw;
        level->missing = ours->missing;
        level->reserved = ours->reserved;
        level->revision = ours->revision > level->revision ? ours->revision : level->revision;
        return;
    }
    level->missing += seen->sold;
    level->reserved = seen->reserved;
    seen->noted = seen->first = true;
    for (size_t i = 0; i < fake_state.unimported.count; i++) {
        seen->first = seen->first && !is_key(fake_state.unimported.list[i].key, seen->key);
    }
    const struct fake_unimported sold = {.key = seen->key,
                                         .units = seen->sold,
                                         .until_us = seen->until_us,
                                         .wake_us = seen->until_us};
    if (sold.units > 0) {
        MEM_ADD(&fake_state.unimported, list, count, room, &sold);
    }
}

static enum status
sales_see(struct state *s, struct level_seen *list, size_t count, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("sales_see", err);
    for (size_t i = 0; rc == STATUS_OK && !fake_state.read_only && i < count; i++) {
        see(&list[i]);
    }
    return rc;
}

/* Each level has one period at a time in the tests. */
static enum status sales_due(struct state *s,
                             int64_t now_us,
                             bool (*is_ours)(void *arg, int32_t product_id),
                             void *arg,
                             struct state_unimported *list,
                             size_t *count,
                             struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("sales_due", err);
    *count = 0;
    for (size_t i = fake_state.unimported.count; rc == STATUS_OK && i > 0; i--) {
        struct fake_unimported *u = &fake_state.unimported.list[i - 1];
        const struct fake_known *level = find_level(u->key);
        if (u->wake_us > now_us || (level != NULL && !is_ours(arg, level->product_id))) {
            continue;
        }
        if (level == NULL || level->missing <= live_units(u->key, now_us)) {
            if (u->until_us > now_us) {
                continue;
            }
            fake_state_remove(i - 1, fake_state.unimported.list, &fake_state.unimported.count,
                              sizeof *u);
            continue;
        }
        u->wake_us = now_us + AGAIN_US;
        list[(*count)++] = (struct state_unimported){.key = u->key,
                                                     .product_id = level->product_id,
                                                     .desired = level->desired,
                                                     .raw = level->raw,
                                                     .revision = level->revision};
    }
    return rc;
}

static enum status sales_next(struct state *s, int64_t *wake_us, size_t *levels, struct err *err)
{
    (void)s;
    *wake_us = INT64_MAX;
    *levels = 0;
    for (size_t i = 0; i < fake_state.unimported.count; i++) {
        const struct fake_unimported *u = &fake_state.unimported.list[i];
        const struct fake_known *level = find_level(u->key);
        *wake_us = u->wake_us < *wake_us ? u->wake_us : *wake_us;
        *levels += level != NULL && level->missing > 0;
    }
    return fake_state_enter("sales_next", err);
}

/* --- attempts --- */

static struct fake_attempt *find_attempt(const char *key)
{
    for (size_t i = 0; i < fake_state.attempts.count; i++) {
        if (strcmp(fake_state.attempts.list[i].key, key) == 0) {
            return &fake_state.attempts.list[i];
        }
    }
    return NULL;
}

size_t fake_state_open_attempts(void)
{
    size_t count = 0;
    for (size_t i = 0; i < fake_state.attempts.count; i++) {
        count += fake_state.attempts.list[i].outcome[0] == '\0';
    }
    return count;
}

static struct level_write *copy_list(const struct level_write *list, size_t count)
{
    struct level_write *copy = mem_calloc(count, sizeof *copy);
    memcpy(copy, list, count * sizeof *copy);
    return copy;
}

static void add_attempt(const struct state_attempt *a, int64_t instance)
{
    struct fake_attempt attempt = {.instance = instance,
                                   .generation = a->generation,
                                   .variables = mem_strdup(a->variables),
                                   .list = copy_list(a->list, a->count),
                                   .count = a->count,
                                   .adjusts = a->adjusts,
                                   .sent_at_us = clock_wall_us()};
    memcpy(attempt.key, a->key, sizeof attempt.key);
    MEM_ADD(&fake_state.attempts, list, count, room, &attempt);
}

void fake_state_leave_attempt(int64_t instance, const struct level_write *list, size_t count)
{
    struct strbuf variables;
    struct state_attempt a = {.generation = 5, .list = copy_list(list, count), .count = count};
    strbuf_init(&variables, 1 << 20);
    inventory_key("shop", "available", list, count, a.generation, a.key);
    inventory_set_variables("available", a.key, list, count, &variables);
    a.variables = strbuf_take(&variables);
    strbuf_release(&variables);
    add_attempt(&a, instance);
    mem_free(a.variables);
    mem_free(a.list);
}

static bool is_reused(const struct fake_attempt *old, const struct state_attempt *a)
{
    return old != NULL && (old->outcome[0] != '\0' || old->instance != fake_state.instance ||
                           strcmp(old->variables, a->variables) != 0);
}

static enum status attempts_begin(struct state *s,
                                  const struct state_attempt *const *list,
                                  size_t count,
                                  struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("attempts_begin", err);
    assert_in_range(count, 1, STATE_ATTEMPTS_MAX);
    assert_false(fake_state.read_only);
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        if (is_reused(find_attempt(list[i]->key), list[i])) {
            return err_set(err, STATUS_SOURCE_BUSY, "key %s was used before", list[i]->key);
        }
    }
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        if (find_attempt(list[i]->key) == NULL) {
            add_attempt(list[i], fake_state.instance);
        }
    }
    return rc;
}

static enum status attempts_settle(struct state *s,
                                   const struct state_outcome *list,
                                   size_t count,
                                   int64_t answered_at_us,
                                   struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("attempts_settle", err);
    assert_int_equal(answered_at_us, clock_wall_us());
    for (size_t i = 0; rc == STATUS_OK && i < count; i++) {
        struct fake_attempt *a = find_attempt(list[i].attempt->key);
        assert_non_null(a);
        if (a->outcome[0] == '\0') {
            (void)snprintf(a->outcome, sizeof a->outcome, "%s", list[i].outcome);
        }
        for (size_t k = 0; strcmp(list[i].outcome, "applied") == 0 && k < a->count; k++) {
            store_level(&a->list[k]);
        }
    }
    return rc;
}

static enum status
attempts_renew(struct state *s, const char *key, int64_t now_us, bool *open, struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("attempts_renew", err);
    struct fake_attempt *a = find_attempt(key);
    *open = a != NULL && a->outcome[0] == '\0' && a->instance == fake_state.instance;
    if (rc == STATUS_OK && *open) {
        a->sent_at_us = now_us;
    }
    return rc;
}

static enum status
attempts_abandon(struct state *s, int64_t before_us, int64_t *count, struct err *err)
{
    (void)s;
    *count = 0;
    for (size_t i = 0; i < fake_state.attempts.count; i++) {
        struct fake_attempt *a = &fake_state.attempts.list[i];
        if (a->outcome[0] == '\0' && a->instance != fake_state.instance &&
            a->sent_at_us < before_us) {
            (void)snprintf(a->outcome, sizeof a->outcome, "abandoned");
            (*count)++;
        }
    }
    return fake_state_enter("attempts_abandon", err);
}

static bool is_dead(int64_t instance)
{
    return instance != FAKE_OTHER_PROCESS && instance != fake_state.instance;
}

static bool is_earlier(const struct fake_attempt *a, int64_t after_revision)
{
    for (size_t i = 0; i < a->count; i++) {
        if (a->list[i].revision > after_revision) {
            return false;
        }
    }
    return true;
}

static enum status attempts_adopt(struct state *s,
                                  int64_t after_revision,
                                  struct state_attempt **list,
                                  size_t *count,
                                  struct err *err)
{
    (void)s;
    enum status rc = fake_state_enter("attempts_adopt", err);
    *list = NULL;
    *count = 0;
    if (rc != STATUS_OK || fake_state.read_only) {
        return rc;
    }
    *list = mem_calloc(fake_state.attempts.count, sizeof **list);
    for (size_t i = 0; i < fake_state.attempts.count; i++) {
        struct fake_attempt *a = &fake_state.attempts.list[i];
        if (a->outcome[0] != '\0' || !is_dead(a->instance)) {
            continue;
        }
        if (is_earlier(a, after_revision) && a->sent_at_us < clock_wall_us() - 300 * FAKE_SECOND) {
            (void)snprintf(a->outcome, sizeof a->outcome, "abandoned");
            continue;
        }
        a->instance = fake_state.instance;
        struct state_attempt *given = &(*list)[(*count)++];
        *given = (struct state_attempt){.generation = a->generation,
                                        .variables = mem_strdup(a->variables),
                                        .list = copy_list(a->list, a->count),
                                        .count = a->count,
                                        .adjusts = a->adjusts};
        memcpy(given->key, a->key, sizeof given->key);
    }
    return STATUS_OK;
}

const struct levels_port fake_levels_port = {.read = levels_read,
                                             .note = levels_note,
                                             .orphan = fake_levels_orphan,
                                             .follow = fake_levels_follow,
                                             .sales_see = sales_see,
                                             .sales_due = sales_due,
                                             .sales_next = sales_next,
                                             .attempts_begin = attempts_begin,
                                             .attempts_settle = attempts_settle,
                                             .attempts_renew = attempts_renew,
                                             .attempts_abandon = attempts_abandon,
                                             .attempts_adopt = attempts_adopt};

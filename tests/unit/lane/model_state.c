/* model_state: the tables of the state, with the semantics of schemas/sql/consumer_*.sql. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "tests/unit/lane/model_world.h"

#define AGAIN_US (60 * FAKE_SECOND)

static struct model_process *process_of(void *state)
{
    return state;
}

static enum status lost(struct err *err)
{
    return err_set(err, STATUS_SOURCE_LOST, "the connection is lost");
}

/* A connection may break before the statement, or behind it. */
static bool breaks(struct model_world *w)
{
    return w->trouble > 0 && clock_monotonic_us() < w->end_us &&
           model_random(w, 200000) < w->trouble;
}

/* --- levels --- */

/* Upserts unless the revision would fall, and settles the level's parked row. */
static void store_level(struct model_world *w, const struct level_write *write)
{
    struct model_level *l = &w->levels[model_place(w, write->key)];
    if (l->parked.revision <= write->revision) {
        l->parked.revision = 0;
    }
    if (l->row.found && l->row.revision > write->revision && w->options.lie != LIE_ORDER) {
        return;
    }
    l->known_us = l->row.found ? l->known_us : clock_wall_us();
    l->row = (struct level_known){.key = write->key,
                                  .found = true,
                                  .product_id = write->product_id,
                                  .quantity = write->quantity,
                                  .desired = write->desired,
                                  .raw = w->options.lie == LIE_RULES ? write->desired : write->raw,
                                  .missing = write->missing,
                                  .reserved = write->reserved,
                                  .revision = write->revision};
}

static int32_t live_units(const struct model_world *w, size_t level, int64_t now_us)
{
    int32_t units = 0;
    for (size_t i = 0; i < w->graces.count; i++) {
        const struct model_grace *g = &w->graces.list[i];
        units += g->level == level && g->until_us > now_us ? g->units : 0;
    }
    return units;
}

/* Levels with an open attempt of another process have its greatest revision. */
static void note_open(const struct model_process *p,
                      const struct level_key *keys,
                      int64_t *revisions,
                      size_t count)
{
    const struct model_world *w = p->world;
    int64_t by_place[MODEL_LEVELS] = {0};
    bool any = false;
    for (size_t i = 0; i < w->open.count; i++) {
        const struct model_attempt *a = &w->attempts.list[w->open.list[i]];
        for (size_t k = 0; a->instance != p->instance && k < a->count; k++) {
            int64_t *revision = &by_place[model_place(w, a->list[k].key)];
            *revision = a->list[k].revision > *revision ? a->list[k].revision : *revision;
            any = true;
        }
    }
    for (size_t i = 0; i < count; i++) {
        revisions[i] = any ? by_place[model_place(w, keys[i])] : 0;
    }
}

static enum status levels_read(struct state *s,
                               const struct level_key *keys,
                               size_t count,
                               int64_t now_us,
                               struct level_known *known,
                               struct err *err)
{
    const struct model_process *p = process_of(s);
    struct model_world *w = p->world;
    int64_t revisions[MODEL_LEVELS];
    if (breaks(w)) {
        return lost(err);
    }
    assert_in_range(count, 1, MODEL_LEVELS);
    note_open(p, keys, revisions, count);
    for (size_t i = 0; i < count; i++) {
        size_t place = model_place(w, keys[i]);
        known[i] = w->levels[place].row;
        known[i].key = keys[i];
        known[i].live = known[i].missing > 0 ? live_units(w, place, now_us) : 0;
        known[i].open_revision = revisions[i];
        if (w->options.lie == LIE_ORDER) {
            known[i].revision = known[i].open_revision = 0;
        }
    }
    return STATUS_OK;
}

static enum status
levels_note(struct state *s, const struct level_write *list, size_t count, struct err *err)
{
    struct model_world *w = process_of(s)->world;
    if (breaks(w)) {
        return lost(err);
    }
    for (size_t i = 0; i < count; i++) {
        model_trace(w, model_place(w, list[i].key), "noted %d for %lld", (int)list[i].quantity,
                    (long long)list[i].revision);
        store_level(w, &list[i]);
    }
    return breaks(w) ? lost(err) : STATUS_OK;
}

/* No product moves to another item here. */
static enum status levels_follow(
    struct state *s, const struct state_owner *list, size_t count, bool *moved, struct err *err)
{
    (void)s;
    (void)list;
    (void)count;
    (void)err;
    *moved = false;
    return STATUS_OK;
}

/* --- unimported sales --- */

/* An open attempt that asked for this number: it was executed. */
static const struct level_write *
open_write_of(const struct model_world *w, struct level_key key, int32_t quantity)
{
    const struct level_write *found = NULL;
    for (size_t i = 0; i < w->open.count; i++) {
        const struct model_attempt *a = &w->attempts.list[w->open.list[i]];
        for (size_t k = 0; k < a->count; k++) {
            const struct level_write *e = &a->list[k];
            if (e->key.item == key.item && e->key.location == key.location &&
                e->quantity == quantity && (found == NULL || found->revision < e->revision)) {
                found = e;
            }
        }
    }
    return found;
}

static bool has_grace(const struct model_world *w, size_t level)
{
    for (size_t i = 0; i < w->graces.count; i++) {
        if (w->graces.list[i].level == level) {
            return true;
        }
    }
    return false;
}

static void see(struct model_world *w, struct level_seen *seen)
{
    size_t place = model_place(w, seen->key);
    struct level_known *row = &w->levels[place].row;
    const struct level_write *ours = open_write_of(w, seen->key, seen->now);
    seen->noted = seen->first = false;
    if (!row->found || row->quantity != seen->before) {
        return;
    }
    row->quantity = seen->now;
    if (ours != NULL) {
        row->desired = ours->desired;
        row->raw = ours->raw;
        row->missing = ours->missing;
        row->reserved = ours->reserved;
        row->revision = ours->revision > row->revision ? ours->revision : row->revision;
        return;
    }
    model_trace(w, place, "%d sold, %d reserved: %d left", (int)seen->sold, (int)seen->reserved,
                (int)seen->now);
    row->missing += seen->sold;
    row->reserved = seen->reserved;
    seen->noted = true;
    seen->first = !has_grace(w, place);
    const struct model_grace grace = {
        .level = place, .units = seen->sold, .until_us = seen->until_us, .wake_us = seen->until_us};
    if (seen->sold > 0) {
        MEM_ADD(&w->graces, list, count, room, &grace);
    }
}

static enum status
sales_see(struct state *s, struct level_seen *list, size_t count, struct err *err)
{
    struct model_world *w = process_of(s)->world;
    if (breaks(w)) {
        return lost(err);
    }
    for (size_t i = 0; i < count; i++) {
        see(w, &list[i]);
    }
    return breaks(w) ? lost(err) : STATUS_OK;
}

/* Settled periods that are over are forgotten; the others wake the level again. */
static void wake_later(struct model_world *w, const int *holds, int64_t now_us)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->graces.count; i++) {
        struct model_grace *g = &w->graces.list[i];
        bool due = g->wake_us <= now_us;
        if (due && g->until_us <= now_us && holds[g->level] == 0) {
            continue;
        }
        if (due && holds[g->level] == 1) {
            g->wake_us = now_us + AGAIN_US;
        }
        w->graces.list[kept++] = *g;
    }
    w->graces.count = kept;
}

static enum status sales_due(struct state *s,
                             int64_t now_us,
                             bool (*is_ours)(void *arg, int32_t product_id),
                             void *arg,
                             struct state_unimported *list,
                             size_t *count,
                             struct err *err)
{
    struct model_world *w = process_of(s)->world;
    int holds[MODEL_LEVELS]; /* -1: not looked at */
    *count = 0;
    if (breaks(w)) {
        return lost(err);
    }
    for (size_t i = 0; i < MODEL_LEVELS; i++) {
        holds[i] = -1;
    }
    for (size_t i = 0; i < w->graces.count; i++) {
        size_t place = w->graces.list[i].level;
        const struct level_known *row = &w->levels[place].row;
        if (w->graces.list[i].wake_us > now_us || holds[place] >= 0 ||
            w->options.lie == LIE_GRACE || !is_ours(arg, row->product_id)) {
            continue;
        }
        holds[place] = row->missing > live_units(w, place, now_us);
        if (holds[place] == 1) {
            model_trace(w, place, "grace over");
            list[(*count)++] = (struct state_unimported){.key = row->key,
                                                         .product_id = row->product_id,
                                                         .desired = row->desired,
                                                         .raw = row->raw,
                                                         .revision = row->revision};
        }
    }
    wake_later(w, holds, now_us);
    return STATUS_OK;
}

static enum status sales_next(struct state *s, int64_t *wake_us, size_t *levels, struct err *err)
{
    const struct model_world *w = process_of(s)->world;
    (void)err;
    *wake_us = INT64_MAX;
    *levels = 0;
    for (size_t i = 0; i < w->graces.count; i++) {
        *wake_us = w->graces.list[i].wake_us < *wake_us ? w->graces.list[i].wake_us : *wake_us;
    }
    return STATUS_OK;
}

/* --- attempts --- */

static size_t hash_of(const char *key)
{
    size_t hash = 0;
    for (size_t i = 0; i < 8; i++) {
        hash = hash * 31 + (unsigned char)key[i];
    }
    return hash % 256;
}

size_t model_state_attempt(const struct model_world *w, const char *key)
{
    size_t at = w->hashed[hash_of(key)];
    while (at != SIZE_MAX && strcmp(w->attempts.list[at].key, key) != 0) {
        at = w->attempts.list[at].older;
    }
    return at;
}

static struct level_write *copy_list(const struct level_write *list, size_t count)
{
    struct level_write *copy = mem_calloc(count, sizeof *copy);
    memcpy(copy, list, count * sizeof *copy);
    return copy;
}

static void add_attempt(const struct model_process *p, const struct state_attempt *a)
{
    struct model_world *w = p->world;
    size_t number = w->attempts.count;
    size_t *hashed = &w->hashed[hash_of(a->key)];
    struct model_attempt attempt = {.open = true,
                                    .adjusts = a->adjusts,
                                    .instance = p->instance,
                                    .sent_at_us = clock_wall_us(),
                                    .generation = a->generation,
                                    .variables = mem_strdup(a->variables),
                                    .list = copy_list(a->list, a->count),
                                    .count = a->count,
                                    .older = *hashed};
    memcpy(attempt.key, a->key, sizeof attempt.key);
    MEM_ADD(&w->attempts, list, count, room, &attempt);
    MEM_ADD(&w->open, list, count, room, &number);
    *hashed = number;
}

static enum status attempts_begin(struct state *s,
                                  const struct state_attempt *const *list,
                                  size_t count,
                                  struct err *err)
{
    const struct model_process *p = process_of(s);
    struct model_world *w = p->world;
    if (breaks(w)) {
        return lost(err);
    }
    for (size_t i = 0; i < count; i++) {
        if (model_state_attempt(w, list[i]->key) != SIZE_MAX) {
            return err_set(err, STATUS_SOURCE_BUSY, "key %s was used before", list[i]->key);
        }
    }
    for (size_t i = 0; i < count; i++) {
        add_attempt(p, list[i]);
    }
    return breaks(w) ? lost(err) : STATUS_OK;
}

static void close_attempt(struct model_world *w, size_t number)
{
    w->attempts.list[number].open = false;
    mem_free(w->attempts.list[number].variables);
    w->attempts.list[number].variables = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < w->open.count; i++) {
        if (w->open.list[i] != number) {
            w->open.list[kept++] = w->open.list[i];
        }
    }
    w->open.count = kept;
}

static enum status attempts_settle(struct state *s,
                                   const struct state_outcome *list,
                                   size_t count,
                                   int64_t answered_at_us,
                                   struct err *err)
{
    struct model_world *w = process_of(s)->world;
    (void)answered_at_us;
    if (breaks(w)) {
        return lost(err);
    }
    for (size_t i = 0; i < count; i++) {
        size_t number = model_state_attempt(w, list[i].attempt->key);
        assert_true(number < w->attempts.count);
        const struct model_attempt *a = &w->attempts.list[number];
        for (size_t k = 0; strcmp(list[i].outcome, "applied") == 0 && k < a->count; k++) {
            store_level(w, &a->list[k]);
        }
        if (a->open) {
            close_attempt(w, number);
        }
    }
    return breaks(w) ? lost(err) : STATUS_OK;
}

static enum status
attempts_renew(struct state *s, const char *key, int64_t now_us, bool *open, struct err *err)
{
    const struct model_process *p = process_of(s);
    struct model_world *w = p->world;
    if (breaks(w)) {
        return lost(err);
    }
    size_t number = model_state_attempt(w, key);
    assert_true(number < w->attempts.count);
    struct model_attempt *a = &w->attempts.list[number];
    *open = a->open && a->instance == p->instance;
    if (*open) {
        a->sent_at_us = now_us;
    }
    return STATUS_OK;
}

static enum status
attempts_abandon(struct state *s, int64_t before_us, int64_t *count, struct err *err)
{
    const struct model_process *p = process_of(s);
    struct model_world *w = p->world;
    (void)err;
    *count = 0;
    for (size_t i = w->open.count; i > 0; i--) {
        size_t number = w->open.list[i - 1];
        const struct model_attempt *a = &w->attempts.list[number];
        if (a->instance != p->instance && a->sent_at_us < before_us) {
            close_attempt(w, number);
            (*count)++;
            w->result->abandoned++;
        }
    }
    return STATUS_OK;
}

static bool is_alive(const struct model_world *w, int64_t instance)
{
    for (size_t i = 0; i < w->options.processes; i++) {
        if (w->processes[i].instance == instance) {
            return true;
        }
    }
    return false;
}

static enum status attempts_adopt(struct state *s,
                                  int64_t after_revision,
                                  struct state_attempt **list,
                                  size_t *count,
                                  struct err *err)
{
    (void)after_revision;
    const struct model_process *p = process_of(s);
    struct model_world *w = p->world;
    *list = NULL;
    *count = 0;
    if (breaks(w)) {
        return lost(err);
    }
    *list = mem_calloc(w->open.count, sizeof **list);
    for (size_t i = 0; i < w->open.count; i++) {
        struct model_attempt *a = &w->attempts.list[w->open.list[i]];
        if (is_alive(w, a->instance)) {
            continue;
        }
        a->instance = p->instance;
        w->result->adopted++;
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

void model_state_forget_attempts(struct model_world *w)
{
    while (w->open.count > 0) {
        close_attempt(w, w->open.list[0]);
    }
}

void model_state_release(struct model_world *w)
{
    for (size_t i = 0; i < w->attempts.count; i++) {
        mem_free(w->attempts.list[i].variables);
        mem_free(w->attempts.list[i].list);
    }
    mem_free(w->attempts.list);
    mem_free(w->open.list);
    mem_free(w->graces.list);
}

/* --- parked rows and the guard --- */

static void park_level(struct model_world *w, const struct state_parked *row)
{
    size_t place = model_place(w, row->key);
    struct model_level *l = &w->levels[place];
    struct state_parked *old = &l->parked;
    int32_t attempts = old->revision == row->revision ? old->attempts + 1 : 1;
    if (old->revision > row->revision) {
        return;
    }
    model_trace(w, place, "parked: %s", row->reason);
    w->result->parks++;
    *old = *row;
    old->attempts = attempts;
    old->topic = old->reason = old->code = old->detail = old->request_id = NULL;
    l->retry_us = clock_wall_us() + row->wait_s * FAKE_SECOND;
}

static enum status park(struct state *s, struct state_parked *list, size_t count, struct err *err)
{
    struct model_world *w = process_of(s)->world;
    if (breaks(w)) {
        return lost(err);
    }
    for (size_t i = 0; i < count; i++) {
        park_level(w, &list[i]);
    }
    return STATUS_OK;
}

static enum status parked_place(struct state *s,
                                int32_t (*place_of)(void *arg, int32_t product_id),
                                void *arg,
                                struct err *err)
{
    struct model_world *w = process_of(s)->world;
    (void)err;
    for (size_t i = 0; i < w->options.levels; i++) {
        struct state_parked *row = &w->levels[i].parked;
        row->partition = row->partition >= 0 ? row->partition : place_of(arg, row->product_id);
    }
    return STATUS_OK;
}

static bool is_of(const struct state_share *share, int32_t partition)
{
    bool found = partition < 0;
    for (size_t i = 0; i < share->partition_count; i++) {
        found = found || share->partitions[i] == partition;
    }
    return found;
}

static enum status parked_due(struct state *s,
                              const struct state_share *share,
                              state_parked_fn each,
                              void *arg,
                              size_t *count,
                              struct err *err)
{
    struct model_world *w = process_of(s)->world;
    *count = 0;
    if (breaks(w)) {
        return lost(err);
    }
    for (size_t i = 0; i < w->options.levels && *count < share->max; i++) {
        struct model_level *l = &w->levels[i];
        if (l->parked.revision != 0 && l->retry_us <= clock_wall_us() &&
            is_of(share, l->parked.partition)) {
            const struct state_parked row = l->parked;
            l->retry_us = clock_wall_us() + AGAIN_US;
            model_trace(w, i, "tried again for %lld", (long long)row.revision);
            each(arg, &row);
            (*count)++;
        }
    }
    return STATUS_OK;
}

static enum status parked_rescan(struct state *s,
                                 const struct state_share *share,
                                 struct state_rescan *rescan,
                                 state_parked_fn each,
                                 void *arg,
                                 size_t *count,
                                 struct err *err)
{
    (void)rescan;
    return parked_due(s, share, each, arg, count, err);
}

static enum status
parked_settle(struct state *s, struct state_tried *list, size_t count, struct err *err)
{
    struct model_world *w = process_of(s)->world;
    if (breaks(w)) {
        return lost(err);
    }
    for (size_t i = 0; i < w->options.levels; i++) {
        struct state_parked *row = &w->levels[i].parked;
        for (size_t k = 0; row->revision != 0 && k < count; k++) {
            if (strcmp(row->subject, list[k].subject) == 0 && row->revision == list[k].revision &&
                row->attempts == list[k].attempts) {
                row->revision = 0;
            }
        }
    }
    return STATUS_OK;
}

static enum status products_noted(struct state *s,
                                  int32_t seconds,
                                  void (*each)(void *arg, const struct state_product *product),
                                  void *arg,
                                  struct err *err)
{
    const struct model_world *w = process_of(s)->world;
    char text[MODEL_TEXT];
    (void)err;
    for (size_t i = 0; i < MODEL_LEVELS; i++) {
        if (w->noted[i] != 0 && w->noted_us[i] > clock_wall_us() - seconds * FAKE_SECOND) {
            const struct state_product product = {.product_id = (int32_t)i + 1,
                                                  .text = model_text((int32_t)i + 1, text),
                                                  .sellable = true,
                                                  .revision = w->noted[i]};
            each(arg, &product);
        }
    }
    return STATUS_OK;
}

static enum status guard_read(struct state *s, struct state_guard *guard, struct err *err)
{
    (void)s;
    (void)err;
    *guard = (struct state_guard){.loaded = true};
    return STATUS_OK;
}

static enum status
guard_contact(struct state *s, bool go, struct state_contact *contact, struct err *err)
{
    (void)s;
    (void)go;
    (void)err;
    *contact = (struct state_contact){0};
    return STATUS_OK;
}

static enum status guard_levels(struct state *s, size_t *levels, struct err *err)
{
    (void)err;
    *levels = process_of(s)->world->options.levels;
    return STATUS_OK;
}

static enum status
guard_journal(struct state *s,
              int64_t since_us,
              int64_t window_us,
              int64_t accepted_revision,
              void (*each)(void *arg, const struct level_write *write, int64_t at_us),
              void *arg,
              struct err *err)
{
    (void)s;
    (void)since_us;
    (void)window_us;
    (void)accepted_revision;
    (void)each;
    (void)arg;
    (void)err;
    return STATUS_OK;
}

static enum status streams_read(struct state *s,
                                void (*each)(void *arg, const struct state_stream *stream),
                                void *arg,
                                struct err *err)
{
    (void)s;
    (void)each;
    (void)arg;
    (void)err;
    return STATUS_OK;
}

static const struct streams_port streams_port = {.read = streams_read};

const struct state_port model_state_port = {.streams = &streams_port,
                                            .levels = {.read = levels_read,
                                                       .note = levels_note,
                                                       .follow = levels_follow,
                                                       .sales_see = sales_see,
                                                       .sales_due = sales_due,
                                                       .sales_next = sales_next,
                                                       .attempts_begin = attempts_begin,
                                                       .attempts_settle = attempts_settle,
                                                       .attempts_renew = attempts_renew,
                                                       .attempts_abandon = attempts_abandon,
                                                       .attempts_adopt = attempts_adopt},
                                            .parked = {.park = park,
                                                       .place = parked_place,
                                                       .due = parked_due,
                                                       .rescan = parked_rescan,
                                                       .settle = parked_settle},
                                            .products = {.noted = products_noted},
                                            .guard = {.read = guard_read,
                                                      .contact = guard_contact,
                                                      .levels = guard_levels,
                                                      .journal = guard_journal}};

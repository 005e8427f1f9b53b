#include "consumer/plan/brake.h"

#include <stdlib.h>

#include "common/core/mem.h"
#include "common/core/status.h"
#include "consumer/plan/hash_index.h"

#define NONE UINT32_MAX

/* A level written within the window. Used ones form a list by the time of their last write; free ones
 * a stack through `newer`. */
struct written {
    struct level_key key;
    int64_t since_us;   /* when Odoo's number changed for the first write after base */
    int64_t at_us;      /* when it changed to `to` */
    int64_t written_us; /* of the last write */
    int32_t base;
    int32_t before; /* what the last write replaced */
    int32_t to;
    bool stocked;    /* above zero, then or since */
    bool superseded; /* while counting: a waiting level counts instead */
    uint32_t older, newer;
};

struct effect {
    bool fallen, changed;
};

struct tally {
    size_t fallen, changed;
};

/* The moments of the levels that count. */
struct moment {
    int64_t at_us;
    bool certain;
};

struct moments {
    struct moment *list;
    size_t count, room;
};

struct brake {
    struct brake_limits limits;
    struct written *pool;
    size_t pool_capacity;
    uint32_t pool_used;
    uint32_t free;
    uint32_t oldest, newest;
    struct hash_index by_key;
    bool is_counting;
    struct moments fallen, changed; /* while counting */
    struct tally bound;             /* the last count, and what was expected since */
    struct tally certain;           /* of the last count */
    size_t levels;
    size_t unwritten; /* waiting levels that we never wrote, by the last count */
    int64_t accepted;
    bool loaded;
};

struct brake *brake_new(const struct brake_limits *limits)
{
    struct brake *b = mem_calloc(1, sizeof *b);
    b->limits = *limits;
    b->free = b->oldest = b->newest = NONE;
    hash_index_init(&b->by_key);
    return b;
}

void brake_free(struct brake *b)
{
    if (b == NULL) {
        return;
    }
    mem_free(b->pool);
    mem_free(b->fallen.list);
    mem_free(b->changed.list);
    hash_index_release(&b->by_key);
    mem_free(b);
}

void brake_set_levels(struct brake *b, size_t levels)
{
    b->levels = levels;
}

void brake_set_loaded(struct brake *b)
{
    b->loaded = true;
}

/* --- levels written --- */

static uint32_t key_tag(struct level_key key)
{
    return (uint32_t)(hash_index_mix((uint64_t)key.item ^ hash_index_mix((uint64_t)key.location)) >>
                      32);
}

static bool find(const struct brake *b, struct level_key key, size_t *place)
{
    uint32_t tag = key_tag(key);
    for (size_t i = hash_index_home(&b->by_key, tag); hash_index_taken(&b->by_key, i);
         i = hash_index_next(&b->by_key, i)) {
        const struct written *w = &b->pool[hash_index_number(&b->by_key, i)];
        if (b->by_key.list[i].tag == tag && w->key.item == key.item &&
            w->key.location == key.location) {
            *place = i;
            return true;
        }
    }
    return false;
}

static void append(struct brake *b, uint32_t number)
{
    struct written *w = &b->pool[number];
    w->older = b->newest;
    w->newer = NONE;
    *(b->newest != NONE ? &b->pool[b->newest].newer : &b->oldest) = number;
    b->newest = number;
}

static void unlink_entry(struct brake *b, uint32_t number)
{
    const struct written *w = &b->pool[number];
    *(w->older != NONE ? &b->pool[w->older].newer : &b->oldest) = w->newer;
    *(w->newer != NONE ? &b->pool[w->newer].older : &b->newest) = w->older;
}

static uint32_t take_free(struct brake *b)
{
    if (b->free != NONE) {
        uint32_t number = b->free;
        b->free = b->pool[number].newer;
        return number;
    }
    if (b->pool_used == b->pool_capacity) {
        b->pool_capacity = mem_grow_capacity(b->pool_capacity, (size_t)b->pool_used + 1);
        b->pool = mem_realloc(b->pool, b->pool_capacity, sizeof *b->pool);
    }
    return b->pool_used++;
}

static void drop(struct brake *b, uint32_t number)
{
    struct written *w = &b->pool[number];
    size_t place = 0;
    bool found = find(b, w->key, &place);
    INVARIANT(found, "level %lld is not indexed", (long long)w->key.item);
    unlink_entry(b, number);
    hash_index_remove(&b->by_key, place);
    w->newer = b->free;
    b->free = number;
}

static void expire(struct brake *b, int64_t now_us)
{
    while (b->oldest != NONE && b->pool[b->oldest].written_us <= now_us - b->limits.window_us) {
        drop(b, b->oldest);
    }
}

static struct written *find_written(const struct brake *b, struct level_key key)
{
    size_t place = 0;
    return find(b, key, &place) ? &b->pool[hash_index_number(&b->by_key, place)] : NULL;
}

/* --- effects --- */

static struct effect effect_of(int32_t base, bool stocked, int32_t to)
{
    return (struct effect){.fallen = stocked && to <= 0, .changed = base != to};
}

static struct effect effect_of_written(const struct written *w)
{
    return effect_of(w->base, w->stocked, w->to);
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/*
 * A change counts together with earlier writes of its level while they lie within a window and the
 * store holds what we wrote last. Otherwise it begins at what the store holds: 10 → 9 → … → 0 over
 * hours must not hide that the last step is a fall of today, nor a sale in the store be one.
 */
static bool continues(const struct brake *b, const struct written *w, const struct brake_change *c)
{
    return c->from == w->to && c->at_us - w->since_us <= b->limits.window_us;
}

static struct effect effect_of_change(const struct brake *b, const struct brake_change *c)
{
    const struct written *w = find_written(b, c->key);
    if (c->revision <= b->accepted || c->from == c->to) {
        return (struct effect){0};
    }
    if (w != NULL && continues(b, w, c)) {
        return effect_of(w->base, w->stocked, c->to);
    }
    struct effect e = effect_of(c->from, c->from > 0, c->to);
    if (c->first) {
        e.changed = false;
        e.fallen = b->loaded && e.fallen;
    }
    return e;
}

static enum brake_verdict verdict_of(struct effect e)
{
    if (e.fallen) {
        return BRAKE_ZERO;
    }
    return e.changed ? BRAKE_CHANGE : BRAKE_OFF;
}

enum brake_verdict brake_effect(const struct brake *b, const struct brake_change *change)
{
    return verdict_of(effect_of_change(b, change));
}

static void collect(struct brake *b, struct effect e, int64_t at_us, bool certain)
{
    const struct moment moment = {.at_us = at_us, .certain = certain};
    if (e.fallen) {
        MEM_ADD(&b->fallen, list, count, room, &moment);
    }
    if (e.changed) {
        MEM_ADD(&b->changed, list, count, room, &moment);
    }
}

/* At most so much more than before: the new change, and what its level has done, should another
 * change that took its place be gone. */
static void add_to_bound(struct brake *b, const struct brake_change *c, struct effect e)
{
    const struct written *w = find_written(b, c->key);
    struct effect back = w != NULL ? effect_of_written(w) : (struct effect){0};
    b->bound.fallen += (size_t)e.fallen + back.fallen;
    b->bound.changed += (size_t)e.changed + back.changed;
}

enum brake_verdict brake_expect(struct brake *b, const struct brake_change *change)
{
    struct effect e = effect_of_change(b, change);
    if (!b->is_counting) {
        add_to_bound(b, change, e);
        return verdict_of(e);
    }
    struct written *w = find_written(b, change->key);
    if (w != NULL && change->revision > b->accepted && change->from != change->to) {
        w->superseded =
            continues(b, w, change) || distance(change->at_us, w->at_us) < b->limits.window_us;
    }
    collect(b, e, change->at_us, change->certain);
    b->unwritten += change->first;
    return verdict_of(e);
}

/* --- writes --- */

static void rewrite(struct brake *b, struct written *w, const struct brake_change *c)
{
    if (!continues(b, w, c)) {
        w->since_us = c->at_us;
        w->base = c->from;
        w->stocked = c->from > 0;
    }
    if (c->to != c->from) {
        w->at_us = c->at_us;
    }
    w->before = c->from;
    w->to = c->to;
    w->stocked = w->stocked || c->to > 0;
}

void brake_write(struct brake *b, const struct brake_change *change, int64_t now_us)
{
    expire(b, now_us);
    struct written *w = find_written(b, change->key);
    if (w != NULL) {
        uint32_t number = (uint32_t)(w - b->pool);
        rewrite(b, w, change);
        w->written_us = now_us;
        unlink_entry(b, number);
        append(b, number);
        return;
    }
    if (brake_effect(b, change) == BRAKE_OFF) {
        return;
    }
    uint32_t number = take_free(b);
    b->pool[number] = (struct written){.key = change->key,
                                       .since_us = change->at_us,
                                       .at_us = change->at_us,
                                       .written_us = now_us,
                                       .base = change->from,
                                       .before = change->from,
                                       .stocked = change->from > 0 || change->to > 0,
                                       .to = change->to};
    hash_index_add(&b->by_key, key_tag(change->key), number);
    append(b, number);
}

void brake_unwrite(struct brake *b, const struct level_write *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct written *w = find_written(b, list[i].key);
        if (w != NULL && w->to == list[i].quantity && w->before == list[i].change_from) {
            w->to = w->before;
        }
    }
}

void brake_accept(struct brake *b, int64_t revision)
{
    if (revision <= b->accepted) {
        return;
    }
    b->accepted = revision;
    while (b->oldest != NONE) {
        drop(b, b->oldest);
    }
}

/* --- counting --- */

void brake_count_begin(struct brake *b, int64_t now_us)
{
    expire(b, now_us);
    b->fallen = b->changed = (struct moments){0};
    b->unwritten = 0;
    b->is_counting = true;
}

void brake_count_unwritten(struct brake *b)
{
    b->unwritten++;
}

static int by_time(const void *a, const void *b)
{
    const struct moment *x = a;
    const struct moment *y = b;
    return (x->at_us > y->at_us) - (x->at_us < y->at_us);
}

static size_t greater(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The most moments within one window; frees the list. */
static size_t greatest(struct moments *m, int64_t window_us, size_t *certain)
{
    size_t first = 0;
    size_t most = 0;
    size_t certain_now = 0;
    *certain = 0;
    if (m->count > 0) {
        qsort(m->list, m->count, sizeof *m->list, by_time);
    }
    for (size_t i = 0; i < m->count; i++) {
        certain_now += m->list[i].certain;
        while (m->list[i].at_us - m->list[first].at_us >= window_us) {
            certain_now -= m->list[first++].certain;
        }
        most = greater(most, i + 1 - first);
        *certain = greater(*certain, certain_now);
    }
    mem_free(m->list);
    *m = (struct moments){0};
    return most;
}

void brake_count_end(struct brake *b)
{
    for (uint32_t number = b->oldest; number != NONE; number = b->pool[number].newer) {
        struct written *w = &b->pool[number];
        if (!w->superseded) {
            collect(b, effect_of_written(w), w->at_us, true);
        }
        w->superseded = false;
    }
    b->bound.fallen = greatest(&b->fallen, b->limits.window_us, &b->certain.fallen);
    b->bound.changed = greatest(&b->changed, b->limits.window_us, &b->certain.changed);
    b->is_counting = false;
}

/* --- the verdict --- */

struct brake_figures brake_figures(const struct brake *b)
{
    return (struct brake_figures){
        .levels = b->levels + b->unwritten, .fallen = b->bound.fallen, .changed = b->bound.changed};
}

static bool is_over(size_t count, size_t levels, int64_t percent, int64_t least)
{
    return percent < 100 && count >= (size_t)least && count * 100 > levels * (size_t)percent;
}

static enum brake_verdict judge(const struct brake *b, const struct tally *t)
{
    const struct brake_limits *l = &b->limits;
    size_t levels = b->levels + b->unwritten;
    if (is_over(t->fallen, levels, l->zero_percent, l->least)) {
        return BRAKE_ZERO;
    }
    return is_over(t->changed, levels, l->change_percent, l->least) ? BRAKE_CHANGE : BRAKE_OFF;
}

enum brake_verdict brake_judge(const struct brake *b)
{
    return judge(b, &b->bound);
}

enum brake_verdict brake_judge_certain(const struct brake *b)
{
    return judge(b, &b->certain);
}

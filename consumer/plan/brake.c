#include "consumer/plan/brake.h"

#include "common/core/mem.h"
#include "common/core/status.h"
#include "consumer/plan/hash_index.h"

#define NONE UINT32_MAX

/* A level written within the window. Used ones form a list by time; free ones a stack through
 * `newer`. */
struct written {
    struct level_key key;
    int64_t since_us; /* of the first write after base */
    int64_t at_us;    /* of the last write */
    int32_t base;
    int32_t to;
    bool stocked; /* above zero, then or since */
    uint32_t older, newer;
};

/* Counts of levels; below zero in between, since a level may return to its old quantity. */
struct tally {
    int64_t fallen;
    int64_t changed;
};

struct brake {
    struct brake_limits limits;
    struct written *pool;
    size_t pool_capacity;
    uint32_t pool_used;
    uint32_t free;
    uint32_t oldest, newest;
    struct hash_index by_key;
    struct tally window;   /* of the pool */
    struct tally expected; /* added to it by the levels that wait */
    int64_t expected_first;
    size_t levels;
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

static struct tally tally_of(int32_t base, bool stocked, int32_t to)
{
    return (struct tally){.fallen = stocked && to <= 0, .changed = base != to};
}

static struct tally tally_of_written(const struct written *w)
{
    return tally_of(w->base, w->stocked, w->to);
}

static struct tally minus(struct tally a, struct tally b)
{
    return (struct tally){.fallen = a.fallen - b.fallen, .changed = a.changed - b.changed};
}

static void add(struct tally *sum, struct tally t)
{
    sum->fallen += t.fallen;
    sum->changed += t.changed;
}

static void drop(struct brake *b, uint32_t number)
{
    struct written *w = &b->pool[number];
    size_t place = 0;
    bool found = find(b, w->key, &place);
    INVARIANT(found, "level %lld is not indexed", (long long)w->key.item);
    b->window = minus(b->window, tally_of_written(w));
    unlink_entry(b, number);
    hash_index_remove(&b->by_key, place);
    w->newer = b->free;
    b->free = number;
}

static void expire(struct brake *b, int64_t now_us)
{
    while (b->oldest != NONE && b->pool[b->oldest].at_us <= now_us - b->limits.window_us) {
        drop(b, b->oldest);
    }
}

/* --- effects --- */

/* The change of the window's figures by a write. */
static struct tally effect_of(const struct brake *b, const struct brake_change *c)
{
    size_t place = 0;
    if (c->revision <= b->accepted) {
        return (struct tally){0};
    }
    if (find(b, c->key, &place)) {
        const struct written *w = &b->pool[hash_index_number(&b->by_key, place)];
        return minus(tally_of(w->base, w->stocked, c->to), tally_of_written(w));
    }
    struct tally t = tally_of(c->from, c->from > 0, c->to);
    if (c->first) {
        t.changed = 0;
        t.fallen = b->loaded ? t.fallen : 0;
    }
    return t;
}

enum brake_verdict brake_expect(struct brake *b, const struct brake_change *change)
{
    struct tally effect = effect_of(b, change);
    add(&b->expected, effect);
    b->expected_first += change->first;
    if (effect.fallen > 0) {
        return BRAKE_ZERO;
    }
    return effect.changed > 0 ? BRAKE_CHANGE : BRAKE_OFF;
}

static void take_back(int64_t *count, int64_t effect)
{
    *count = effect > *count ? 0 : *count - effect;
}

/* A level that is written all the time begins a new window. */
static void rewrite(struct brake *b, uint32_t number, const struct brake_change *c, int64_t now_us)
{
    struct written *w = &b->pool[number];
    b->window = minus(b->window, tally_of_written(w));
    if (now_us - w->since_us > b->limits.window_us) {
        w->since_us = now_us;
        w->base = c->from;
        w->stocked = c->from > 0;
    }
    w->to = c->to;
    w->stocked = w->stocked || c->to > 0;
    w->at_us = now_us;
    add(&b->window, tally_of_written(w));
    unlink_entry(b, number);
    append(b, number);
}

void brake_write(struct brake *b, const struct brake_change *change, int64_t now_us)
{
    size_t place = 0;
    expire(b, now_us);
    struct tally effect = effect_of(b, change);
    take_back(&b->expected.fallen, effect.fallen);
    take_back(&b->expected.changed, effect.changed);
    if (change->first) {
        take_back(&b->expected_first, 1);
        b->levels++;
    }
    if (find(b, change->key, &place)) {
        rewrite(b, hash_index_number(&b->by_key, place), change, now_us);
        return;
    }
    if (effect.fallen == 0 && effect.changed == 0) {
        return;
    }
    uint32_t number = take_free(b);
    b->pool[number] = (struct written){.key = change->key,
                                       .since_us = now_us,
                                       .at_us = now_us,
                                       .base = change->from,
                                       .stocked = change->from > 0 || change->to > 0,
                                       .to = change->to};
    hash_index_add(&b->by_key, key_tag(change->key), number);
    append(b, number);
    add(&b->window, tally_of_written(&b->pool[number]));
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

void brake_recount(struct brake *b, int64_t now_us)
{
    expire(b, now_us);
    b->expected = (struct tally){0};
    b->expected_first = 0;
}

/* --- the verdict --- */

static size_t positive(int64_t n)
{
    return n > 0 ? (size_t)n : 0;
}

struct brake_figures brake_figures(const struct brake *b)
{
    return (struct brake_figures){.levels = b->levels + positive(b->expected_first),
                                  .fallen = positive(b->window.fallen + b->expected.fallen),
                                  .changed = positive(b->window.changed + b->expected.changed)};
}

static bool is_over(size_t count, size_t levels, int64_t percent, int64_t least)
{
    return percent < 100 && count >= (size_t)least && count * 100 > levels * (size_t)percent;
}

enum brake_verdict brake_judge(const struct brake *b)
{
    struct brake_figures f = brake_figures(b);
    if (is_over(f.fallen, f.levels, b->limits.zero_percent, b->limits.least)) {
        return BRAKE_ZERO;
    }
    return is_over(f.changed, f.levels, b->limits.change_percent, b->limits.least) ? BRAKE_CHANGE
                                                                                   : BRAKE_OFF;
}

#include "consumer/plan/coalescer.h"

#include "common/core/mem.h"
#include "consumer/plan/arrival_heap.h"
#include "consumer/plan/bisection.h"
#include "consumer/plan/hash_index.h"

#define NONE UINT32_MAX

enum { CHUNK_BITS = 12, CHUNK_SIZE = 1 << CHUNK_BITS };

struct entry {
    struct level level; /* first: a level's address is its entry's */
    uint64_t arrival;   /* rises with each level that arrives */
    uint32_t number;
    uint32_t older; /* list of all levels by arrival */
    uint32_t newer; /* also links free entries */
};

/* Entries live in chunks, so that pointers to them stay while the pool grows. */
struct chunk {
    struct entry *entries;
};

/* Reads are per location, so levels that wait for one are queued per location. */
struct location_queue {
    enum level_stage stage; /* UNREAD or CONFIRM */
    int64_t location;
    struct arrival_heap heap;
};

struct coalescer {
    struct offset_ledger *ledger; /* borrowed */
    struct chunk *chunks;
    size_t chunk_count;
    uint32_t used;
    uint32_t free;
    struct hash_index by_key;
    uint64_t arrivals;
    uint32_t oldest, newest;
    struct arrival_heap queues[LEVEL_STAGE_COUNT]; /* by stage; none of UNREAD, CONFIRM and BUSY */
    struct bisection bisecting;                    /* READY too, but not in the heap */
    struct location_queue *places;
    size_t place_count;
    size_t counts[LEVEL_STAGE_COUNT];
};

struct coalescer *coalescer_new(struct offset_ledger *ledger)
{
    struct coalescer *c = mem_calloc(1, sizeof *c);
    c->ledger = ledger;
    c->free = c->oldest = c->newest = NONE;
    hash_index_init(&c->by_key);
    return c;
}

void coalescer_free(struct coalescer *c)
{
    if (c == NULL) {
        return;
    }
    for (size_t i = 0; i < c->chunk_count; i++) {
        mem_free(c->chunks[i].entries);
    }
    mem_free(c->chunks);
    hash_index_release(&c->by_key);
    for (int i = 0; i < LEVEL_STAGE_COUNT; i++) {
        arrival_heap_release(&c->queues[i]);
    }
    bisection_release(&c->bisecting);
    for (size_t i = 0; i < c->place_count; i++) {
        arrival_heap_release(&c->places[i].heap);
    }
    mem_free(c->places);
    mem_free(c);
}

static struct entry *entry_at(const struct coalescer *c, uint32_t number)
{
    return &c->chunks[number >> CHUNK_BITS].entries[number & (CHUNK_SIZE - 1)];
}

static struct entry *entry_of(struct level *level)
{
    return (struct entry *)level;
}

/* --- by key --- */

/*
 * The item decides the home, the location only the end of the tag. So the locations of one item,
 * which one record changes together, lie next to each other.
 */
static uint32_t key_tag(struct level_key key)
{
    const uint32_t end = 0xFF;
    uint32_t item = (uint32_t)(hash_index_mix((uint64_t)key.item) >> 32);
    uint32_t location = (uint32_t)(hash_index_mix((uint64_t)key.location) >> 32);
    return (item & ~end) | (location & end);
}

/* The place of a key, or the free place at which the search ended. */
static size_t place_of(const struct coalescer *c, struct level_key key, uint32_t tag)
{
    const struct hash_index *s = &c->by_key;
    size_t i = hash_index_home(s, tag);
    for (; hash_index_taken(s, i); i = hash_index_next(s, i)) {
        if (s->list[i].tag == tag) {
            const struct level *p = &entry_at(c, hash_index_number(s, i))->level;
            if (p->key.item == key.item && p->key.location == key.location) {
                break;
            }
        }
    }
    return i;
}

/* --- entries --- */

static uint32_t take_free(struct coalescer *c)
{
    if (c->free != NONE) {
        uint32_t number = c->free;
        c->free = entry_at(c, number)->newer;
        return number;
    }
    if (c->used == c->chunk_count * CHUNK_SIZE) {
        c->chunks = mem_realloc(c->chunks, c->chunk_count + 1, sizeof *c->chunks);
        c->chunks[c->chunk_count++].entries = mem_calloc(CHUNK_SIZE, sizeof(struct entry));
    }
    return c->used++;
}

static void arrive(struct coalescer *c, struct entry *e)
{
    e->arrival = c->arrivals++;
    e->older = c->newest;
    e->newer = NONE;
    if (c->newest != NONE) {
        entry_at(c, c->newest)->newer = e->number;
    } else {
        c->oldest = e->number;
    }
    c->newest = e->number;
}

static void leave(struct coalescer *c, struct entry *e)
{
    if (e->older != NONE) {
        entry_at(c, e->older)->newer = e->newer;
    } else {
        c->oldest = e->newer;
    }
    if (e->newer != NONE) {
        entry_at(c, e->newer)->older = e->older;
    } else {
        c->newest = e->older;
    }
}

static void remove_entry(struct coalescer *c, struct entry *e)
{
    leave(c, e);
    hash_index_remove(&c->by_key, place_of(c, e->level.key, key_tag(e->level.key)));
    e->newer = c->free;
    c->free = e->number;
}

/* --- stages --- */

static bool is_by_location(enum level_stage stage)
{
    return stage == LEVEL_UNREAD || stage == LEVEL_CONFIRM;
}

static struct arrival_heap *queue_at(struct coalescer *c, enum level_stage stage, int64_t location)
{
    size_t i = 0;
    while (i < c->place_count &&
           (c->places[i].stage != stage || c->places[i].location != location)) {
        i++;
    }
    if (i == c->place_count) {
        c->places = mem_realloc(c->places, i + 1, sizeof *c->places);
        c->places[c->place_count++] = (struct location_queue){.stage = stage, .location = location};
    }
    return &c->places[i].heap;
}

static void enter_stage(struct coalescer *c, struct entry *e, enum level_stage stage)
{
    INVARIANT(stage < LEVEL_BUSY, "stage %d has no queue", (int)stage);
    struct arrival_heap *queue =
        is_by_location(stage) ? queue_at(c, stage, e->level.key.location) : &c->queues[stage];
    e->level.stage = stage;
    c->counts[stage]++;
    arrival_heap_push(queue, e->arrival, e->number);
}

/* The location whose first level arrived before those of all others. */
static struct arrival_heap *first_queue(struct coalescer *c, enum level_stage stage)
{
    struct arrival_heap *first = NULL;
    for (size_t i = 0; i < c->place_count; i++) {
        struct arrival_heap *q = &c->places[i].heap;
        if (c->places[i].stage == stage && q->count > 0 &&
            (first == NULL || q->list[0].arrival < first->list[0].arrival)) {
            first = q;
        }
    }
    return first;
}

/* Takes one bisecting group; levels beyond max stay together for the next call. */
static size_t take_group(struct coalescer *c, struct level **list, size_t max)
{
    size_t count = bisection_next_size(&c->bisecting);
    uint32_t *numbers = mem_calloc(count, sizeof *numbers);
    bisection_take(&c->bisecting, numbers);
    if (count > max) {
        bisection_begin(&c->bisecting);
    }
    for (size_t i = 0; i < count; i++) {
        if (i < max) {
            list[i] = &entry_at(c, numbers[i])->level;
            list[i]->stage = LEVEL_BUSY;
        } else {
            bisection_add(&c->bisecting, numbers[i]);
        }
    }
    mem_free(numbers);
    return count < max ? count : max;
}

static size_t
take_first(struct coalescer *c, struct arrival_heap *queue, struct level **list, size_t max)
{
    size_t taken = 0;
    while (taken < max && queue->count > 0) {
        struct entry *e = entry_at(c, arrival_heap_pop(queue));
        e->level.stage = LEVEL_BUSY;
        list[taken++] = &e->level;
    }
    return taken;
}

size_t coalescer_take(struct coalescer *c, enum level_stage stage, struct level **list, size_t max)
{
    INVARIANT(stage < LEVEL_BUSY, "stage %d cannot be taken", (int)stage);
    struct arrival_heap *queue = &c->queues[stage];
    if (is_by_location(stage)) {
        queue = first_queue(c, stage);
        if (queue == NULL) {
            return 0;
        }
    }
    size_t taken = stage == LEVEL_READY && c->bisecting.count > 0 ? take_group(c, list, max)
                                                                  : take_first(c, queue, list, max);
    c->counts[stage] -= taken;
    c->counts[LEVEL_BUSY] += taken;
    return taken;
}

size_t coalescer_take_at(
    struct coalescer *c, enum level_stage stage, int64_t location, struct level **list, size_t max)
{
    INVARIANT(is_by_location(stage), "stage %d is not queued by location", (int)stage);
    size_t taken = take_first(c, queue_at(c, stage, location), list, max);
    c->counts[stage] -= taken;
    c->counts[LEVEL_BUSY] += taken;
    return taken;
}

/* --- values --- */

/* A number that is the same again did not change now. */
static void
take_value(struct desired *to, const struct desired *value, const struct desired *before)
{
    int64_t since = before != NULL && before->quantity == value->quantity ? before->number_at_us
                                                                          : value->changed_at_us;
    *to = *value;
    to->number_at_us = since;
}

static void
enter_new(struct coalescer *c, struct level_key key, uint32_t tag, const struct desired *desired)
{
    uint32_t number = take_free(c);
    struct entry *e = entry_at(c, number);
    *e = (struct entry){.level = {.key = key}, .number = number};
    take_value(&e->level.desired, desired, NULL);
    hash_index_add(&c->by_key, tag, number);
    arrive(c, e);
    enter_stage(c, e, LEVEL_UNRESOLVED);
}

enum offer_result
coalescer_offer(struct coalescer *c, struct level_key key, const struct desired *desired)
{
    uint32_t tag = key_tag(key);
    size_t place = place_of(c, key, tag);
    if (!hash_index_taken(&c->by_key, place)) {
        offset_ledger_hold(c->ledger, desired->at);
        enter_new(c, key, tag, desired);
        return OFFER_NEW;
    }
    struct level *p = &entry_at(c, hash_index_number(&c->by_key, place))->level;
    struct desired *newest = p->has_next ? &p->next : &p->desired;
    if (desired->revision <= newest->revision) {
        return OFFER_SUPERSEDED;
    }
    offset_ledger_hold(c->ledger, desired->at);
    if (p->stage == LEVEL_BUSY && !p->has_next) {
        take_value(&p->next, desired, &p->desired);
        p->has_next = true;
        return OFFER_NEW;
    }
    offset_ledger_finish(c->ledger, newest->at);
    take_value(newest, desired, newest);
    if (!p->has_next) {
        p->tries = 0;
    }
    return OFFER_REPLACED;
}

/* The waiting newer value becomes the desired one. */
static void step_to_next(struct level *p)
{
    p->desired = p->next;
    p->has_next = false;
    p->tries = 0;
}

static void leave_busy(struct coalescer *c, const struct level *p)
{
    INVARIANT(p->stage == LEVEL_BUSY, "level is in stage %d", (int)p->stage);
    c->counts[LEVEL_BUSY]--;
}

/* Ends BUSY without finishing the desired value. @return true when a newer value took over */
static bool come_back(struct coalescer *c, struct level *level)
{
    bool superseded = level->has_next;
    leave_busy(c, level);
    if (superseded) {
        offset_ledger_finish(c->ledger, level->desired.at);
        step_to_next(level);
    }
    return superseded;
}

bool coalescer_put_back(struct coalescer *c, struct level *level, enum level_stage stage)
{
    bool superseded = come_back(c, level);
    level->bisecting = false;
    enter_stage(c, entry_of(level), stage);
    return superseded;
}

size_t coalescer_bisect(struct coalescer *c, struct level *const *list, size_t count, size_t parts)
{
    size_t superseded = 0;
    size_t part = (count + parts - 1) / parts;
    for (size_t i = 0; i < count; i++) {
        if (i % part == 0) {
            bisection_begin(&c->bisecting);
        }
        superseded += come_back(c, list[i]);
        list[i]->bisecting = true;
        list[i]->stage = LEVEL_READY;
        c->counts[LEVEL_READY]++;
        bisection_add(&c->bisecting, entry_of(list[i])->number);
    }
    return superseded;
}

void coalescer_finish(struct coalescer *c, struct level *level, const int32_t *written)
{
    struct entry *e = entry_of(level);
    leave_busy(c, level);
    offset_ledger_finish(c->ledger, level->desired.at);
    if (!level->has_next) {
        remove_entry(c, e);
        return;
    }
    step_to_next(level);
    level->bisecting = false;
    leave(c, e);
    arrive(c, e);
    if (written != NULL) {
        level->change_from = *written;
    }
    enter_stage(c, e, written != NULL ? LEVEL_READY : LEVEL_UNRESOLVED);
}

/* --- taking out of all stages --- */

typedef bool (*fits_fn)(void *arg, const struct level *level);

struct pulling {
    struct coalescer *c;
    fits_fn fits;
    void *arg;
    struct level **list; /* levels that fit; NULL: they are removed */
    size_t taken;
};

/* @return true when the entry leaves its stage */
static bool pull(struct pulling *p, struct entry *e)
{
    if (!p->fits(p->arg, &e->level)) {
        return false;
    }
    p->c->counts[e->level.stage]--;
    if (p->list == NULL) {
        remove_entry(p->c, e);
    } else {
        e->level.stage = LEVEL_BUSY;
        p->c->counts[LEVEL_BUSY]++;
        p->list[p->taken] = &e->level;
    }
    p->taken++;
    return true;
}

/* Pushes the numbers that stay again, in place, so that they keep their order. */
static void pull_from(struct pulling *p, struct arrival_heap *heap)
{
    size_t before = heap->count;
    heap->count = 0;
    for (size_t i = 0; i < before; i++) {
        struct arrival a = heap->list[i];
        if (!pull(p, entry_at(p->c, a.number))) {
            arrival_heap_push(heap, a.arrival, a.number);
        }
    }
}

static bool pull_bisecting(void *arg, uint32_t number)
{
    struct pulling *p = arg;
    return pull(p, entry_at(p->c, number));
}

static size_t pull_all(struct coalescer *c, fits_fn fits, void *arg, struct level **list)
{
    struct pulling p = {.c = c, .fits = fits, .arg = arg, .list = list};
    for (int i = 0; i < LEVEL_BUSY; i++) {
        pull_from(&p, &c->queues[i]);
    }
    for (size_t i = 0; i < c->place_count; i++) {
        pull_from(&p, &c->places[i].heap);
    }
    bisection_drop(&c->bisecting, pull_bisecting, &p);
    return p.taken;
}

size_t coalescer_pull(struct coalescer *c, fits_fn fits, void *arg, struct level ***list)
{
    *list = mem_calloc(coalescer_total(c), sizeof(struct level *));
    size_t taken = pull_all(c, fits, arg, *list);
    if (taken == 0) {
        mem_free(*list);
        *list = NULL;
    }
    return taken;
}

static bool is_of_partition(void *arg, const struct level *level)
{
    const int32_t *partition = arg;
    const struct desired *desired = &level->desired;
    int32_t of = desired->at.partition != -1 ? desired->at.partition : desired->row_partition;
    return of == *partition;
}

void coalescer_drop_partition(struct coalescer *c, int32_t partition)
{
    INVARIANT(c->counts[LEVEL_BUSY] == 0, "%zu levels are busy", c->counts[LEVEL_BUSY]);
    (void)pull_all(c, is_of_partition, &partition, NULL);
}

/* --- figures --- */

void coalescer_each(const struct coalescer *c,
                    enum level_stage stage,
                    void (*each)(void *arg, struct level *level),
                    void *arg)
{
    for (uint32_t number = c->oldest; number != NONE;) {
        struct entry *e = entry_at(c, number);
        number = e->newer;
        if (e->level.stage == stage || stage == LEVEL_STAGE_COUNT) {
            each(arg, &e->level);
        }
    }
}

bool coalescer_has(const struct coalescer *c, struct level_key key)
{
    return hash_index_taken(&c->by_key, place_of(c, key, key_tag(key)));
}

size_t coalescer_count(const struct coalescer *c, enum level_stage stage)
{
    return c->counts[stage];
}

size_t coalescer_total(const struct coalescer *c)
{
    return c->by_key.count;
}

int64_t coalescer_oldest_changed_at_us(const struct coalescer *c)
{
    return c->oldest == NONE ? 0 : entry_at(c, c->oldest)->level.desired.changed_at_us;
}

/**
 * slots: a hash index: from a hash to the number of an entry that the caller keeps in an array.
 *
 * Open addressing with linear probing, at most half full, so that a look-up touches one or two
 * cache lines whatever the size. It knows nothing of keys: the caller walks from slots_home while
 * the place is taken, and compares the tag first, then its own entry:
 *
 *     for (size_t i = slots_home(s, tag); slots_taken(s, i); i = slots_next(s, i)) {
 *         if (s->list[i].tag == tag && entries[slots_number(s, i)].key == key) …
 *     }
 *
 * Deleting shifts followers back: no tombstones, so the cost does not grow with history. Memory
 * follows the largest count since init. Pure; one owner. At most 2^31 entries.
 */
#ifndef STOCKSYNC_PLAN_SLOTS_H
#define STOCKSYNC_PLAN_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slots {
    struct slot {
        uint32_t tag;   /* the hash; its top bits are the home */
        uint32_t owner; /* entry number + 1; 0: free */
    } * list;
    size_t size;    /* places, a power of two */
    unsigned shift; /* 32 − log2(size) */
    size_t count;   /* taken */
};

void slots_init(struct slots *s);
/** Frees; s may be zero. */
void slots_release(struct slots *s);
/** Adds; the caller knows that its key is not there yet. May move every place. */
void slots_add(struct slots *s, uint32_t tag, uint32_t number);
/** Frees a taken place; may move others. */
void slots_remove(struct slots *s, size_t place);

/** Spreads the bits of a number (the finaliser of splitmix64). */
static inline uint64_t slots_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xBF58476D1CE4E5B9);
    x ^= x >> 27;
    x *= UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/** Tag of a NUL-terminated text: FNV-1a, then mixed. */
uint32_t slots_text_tag(const char *text);

static inline size_t slots_home(const struct slots *s, uint32_t tag)
{
    return (size_t)(tag >> s->shift);
}

static inline size_t slots_next(const struct slots *s, size_t place)
{
    return (place + 1) & (s->size - 1);
}

static inline bool slots_taken(const struct slots *s, size_t place)
{
    return s->list[place].owner != 0;
}

static inline uint32_t slots_number(const struct slots *s, size_t place)
{
    return s->list[place].owner - 1;
}

#endif

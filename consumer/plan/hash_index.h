/**
 * hash_index: from a hash to the number of an entry that the caller keeps in an array.
 *
 * Open addressing with linear probing, at most half full, so that a look-up touches one or two
 * cache lines at any size. It knows no keys: the caller walks from hash_index_home while the place
 * is taken, and compares the tag first, then its own entry:
 *
 *     for (size_t i = hash_index_home(s, tag); hash_index_taken(s, i); i = hash_index_next(s, i)) {
 *         if (s->list[i].tag == tag && entries[hash_index_number(s, i)].key == key) …
 *     }
 *
 * Deleting shifts followers back: no tombstones, so the cost does not grow with history. Memory
 * follows the largest count since init. Pure; one owner. At most 2^31 entries.
 */
#ifndef STOCKSYNC_PLAN_HASH_INDEX_H
#define STOCKSYNC_PLAN_HASH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_index {
    struct slot {
        uint32_t tag;   /* the hash; its top bits are the home */
        uint32_t entry; /* its number + 1; 0: free */
    } * list;
    size_t size;    /* places, a power of two */
    unsigned shift; /* 32 − log2(size) */
    size_t count;   /* taken */
};

void hash_index_init(struct hash_index *s);
/** Frees; s may be zero. */
void hash_index_release(struct hash_index *s);
/** Adds; the caller knows that its key is not there yet. May move every place. */
void hash_index_add(struct hash_index *s, uint32_t tag, uint32_t number);
/** Frees a taken place; may move others. */
void hash_index_remove(struct hash_index *s, size_t place);

/** Spreads the bits of a number (the finaliser of splitmix64). */
static inline uint64_t hash_index_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xBF58476D1CE4E5B9);
    x ^= x >> 27;
    x *= UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/** Tag of a NUL-terminated text: FNV-1a, then mixed. */
uint32_t hash_index_text_tag(const char *text);

static inline size_t hash_index_home(const struct hash_index *s, uint32_t tag)
{
    return (size_t)(tag >> s->shift);
}

static inline size_t hash_index_next(const struct hash_index *s, size_t place)
{
    return (place + 1) & (s->size - 1);
}

static inline bool hash_index_taken(const struct hash_index *s, size_t place)
{
    return s->list[place].entry != 0;
}

static inline uint32_t hash_index_number(const struct hash_index *s, size_t place)
{
    return s->list[place].entry - 1;
}

#endif

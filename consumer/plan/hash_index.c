#include "consumer/plan/hash_index.h"

#include "common/core/mem.h"

#define FIRST_BITS 6U
#define TAG_BITS   32U

static void set_size(struct hash_index *s, unsigned bits)
{
    s->size = (size_t)1 << bits;
    s->shift = TAG_BITS - bits;
    s->list = mem_calloc(s->size, sizeof *s->list);
}

void hash_index_init(struct hash_index *s)
{
    s->count = 0;
    set_size(s, FIRST_BITS);
}

void hash_index_release(struct hash_index *s)
{
    mem_free(s->list);
    *s = (struct hash_index){0};
}

static void put(struct hash_index *s, struct slot slot)
{
    size_t place = hash_index_home(s, slot.tag);
    while (hash_index_taken(s, place)) {
        place = hash_index_next(s, place);
    }
    s->list[place] = slot;
}

static void grow(struct hash_index *s)
{
    struct slot *old = s->list;
    size_t old_size = s->size;
    set_size(s, TAG_BITS - s->shift + 1);
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].entry != 0) {
            put(s, old[i]);
        }
    }
    mem_free(old);
}

void hash_index_add(struct hash_index *s, uint32_t tag, uint32_t number)
{
    if ((s->count + 1) * 2 > s->size) {
        grow(s);
    }
    put(s, (struct slot){.tag = tag, .entry = number + 1});
    s->count++;
}

void hash_index_remove(struct hash_index *s, size_t place)
{
    size_t mask = s->size - 1;
    size_t hole = place;
    for (size_t i = hash_index_next(s, hole); hash_index_taken(s, i); i = hash_index_next(s, i)) {
        /* a follower may fill the hole unless its home lies behind the hole */
        size_t from_home = (i - hash_index_home(s, s->list[i].tag)) & mask;
        if (from_home >= ((i - hole) & mask)) {
            s->list[hole] = s->list[i];
            hole = i;
        }
    }
    s->list[hole] = (struct slot){0};
    s->count--;
}

uint32_t hash_index_text_tag(const char *text)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (const char *p = text; *p != '\0'; p++) {
        hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001B3);
    }
    return (uint32_t)(hash_index_mix(hash) >> 32);
}

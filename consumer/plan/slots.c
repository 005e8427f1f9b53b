#include "consumer/plan/slots.h"

#include "common/core/mem.h"

#define FIRST_BITS 6U
#define TAG_BITS   32U

static void set_size(struct slots *s, unsigned bits)
{
    s->size = (size_t)1 << bits;
    s->shift = TAG_BITS - bits;
    s->list = mem_calloc(s->size, sizeof *s->list);
}

void slots_init(struct slots *s)
{
    s->count = 0;
    set_size(s, FIRST_BITS);
}

void slots_release(struct slots *s)
{
    mem_free(s->list);
    *s = (struct slots){0};
}

static void put(struct slots *s, struct slot slot)
{
    size_t place = slots_home(s, slot.tag);
    while (slots_taken(s, place)) {
        place = slots_next(s, place);
    }
    s->list[place] = slot;
}

static void grow(struct slots *s)
{
    struct slot *old = s->list;
    size_t old_size = s->size;
    set_size(s, TAG_BITS - s->shift + 1);
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].owner != 0) {
            put(s, old[i]);
        }
    }
    mem_free(old);
}

void slots_add(struct slots *s, uint32_t tag, uint32_t number)
{
    if ((s->count + 1) * 2 > s->size) {
        grow(s);
    }
    put(s, (struct slot){.tag = tag, .owner = number + 1});
    s->count++;
}

void slots_remove(struct slots *s, size_t place)
{
    size_t mask = s->size - 1;
    size_t hole = place;
    for (size_t i = slots_next(s, hole); slots_taken(s, i); i = slots_next(s, i)) {
        /* a follower may fill the hole unless its home lies behind the hole */
        size_t from_home = (i - slots_home(s, s->list[i].tag)) & mask;
        if (from_home >= ((i - hole) & mask)) {
            s->list[hole] = s->list[i];
            hole = i;
        }
    }
    s->list[hole] = (struct slot){0};
    s->count--;
}

uint32_t slots_text_tag(const char *text)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (const char *p = text; *p != '\0'; p++) {
        hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001B3);
    }
    return (uint32_t)(slots_mix(hash) >> 32);
}

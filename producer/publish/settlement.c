#include "producer/publish/settlement.h"

#include <string.h>

#include "common/core/mem.h"
#include "common/core/status.h"

#define FIRST_SLOTS 1024

void settlement_init(struct settlement *s, size_t max_marks, int64_t every_us)
{
    *s = (struct settlement){.max_marks = max_marks, .every_us = every_us};
}

void settlement_release(struct settlement *s)
{
    mem_free(s->ids);
    mem_free(s->slots);
    *s = (struct settlement){0};
}

/* Ids come in runs. Multiplying by an odd constant (2^64 over the golden ratio) spreads them over
 * the upper bits. */
static size_t first_slot(size_t slot_count, int64_t id)
{
    const uint64_t mixed = (uint64_t)id * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed >> 32) & (slot_count - 1);
}

/* The slot that holds id, or the empty one where it belongs. */
static size_t find_slot(const int64_t *slots, size_t slot_count, int64_t id)
{
    size_t at = first_slot(slot_count, id);
    while (slots[at] != 0 && slots[at] != id) {
        at = (at + 1) & (slot_count - 1);
    }
    return at;
}

/* At most half full. */
static void make_room(struct settlement *s)
{
    if (s->count == s->cap) {
        s->cap = mem_grow_capacity(s->cap, s->count + 1);
        s->ids = mem_realloc(s->ids, s->cap, sizeof *s->ids);
    }
    if ((s->count + 1) * 2 <= s->slot_count) {
        return;
    }
    const size_t slot_count = s->slot_count == 0 ? FIRST_SLOTS : s->slot_count * 2;
    int64_t *slots = mem_calloc(slot_count, sizeof *slots);
    for (size_t i = 0; i < s->count; i++) {
        slots[find_slot(slots, slot_count, s->ids[i])] = s->ids[i];
    }
    mem_free(s->slots);
    s->slots = slots;
    s->slot_count = slot_count;
}

void settlement_add(struct settlement *s, const int64_t *ids, size_t count, int64_t now_us)
{
    if (s->count == 0) {
        s->begun_us = now_us;
    }
    for (size_t i = 0; i < count; i++) {
        INVARIANT(ids[i] > 0, "mark id %lld", (long long)ids[i]);
        make_room(s);
        const size_t at = find_slot(s->slots, s->slot_count, ids[i]);
        if (s->slots[at] == 0) {
            s->slots[at] = ids[i];
            s->ids[s->count++] = ids[i];
        }
    }
}

bool settlement_covers(const struct settlement *s, int64_t id)
{
    return s->count > 0 && id > 0 && s->slots[find_slot(s->slots, s->slot_count, id)] == id;
}

bool settlement_is_due(const struct settlement *s, int64_t now_us, bool idle)
{
    return s->count > 0 &&
           (idle || s->count >= s->max_marks || now_us - s->begun_us >= s->every_us);
}

int64_t settlement_deadline_us(const struct settlement *s)
{
    return s->count > 0 ? s->begun_us + s->every_us : INT64_MAX;
}

const int64_t *settlement_ids(const struct settlement *s, size_t *count)
{
    *count = s->count;
    return s->ids;
}

void settlement_clear(struct settlement *s)
{
    if (s->slot_count > FIRST_SLOTS && s->count * 16 < s->slot_count) {
        /* Frees a burst's table instead of wiping it for every small batch. */
        mem_free(s->slots);
        s->slots = NULL;
        s->slot_count = 0;
    } else if (s->slots != NULL) {
        memset(s->slots, 0, s->slot_count * sizeof *s->slots);
    }
    s->count = 0;
}

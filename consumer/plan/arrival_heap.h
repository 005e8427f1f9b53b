/**
 * arrival_heap: numbers of entries, taken out in order of arrival.
 *
 * A binary heap: an entry that comes back late (its request was refused) must still be taken before
 * those that arrived after it. Rising arrivals are pushed without a move. Pure; one owner;
 * zero-initialised is empty.
 */
#ifndef STOCKSYNC_PLAN_ARRIVAL_HEAP_H
#define STOCKSYNC_PLAN_ARRIVAL_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct arrival_heap {
    struct arrival {
        uint64_t arrival; /* unique */
        uint32_t number;
    } * list; /* list[0] arrived first */
    size_t count;
    size_t capacity;
};

void arrival_heap_release(struct arrival_heap *heap);
void arrival_heap_push(struct arrival_heap *heap, uint64_t arrival, uint32_t number);
/** Takes the number that arrived first; the heap must not be empty. */
uint32_t arrival_heap_pop(struct arrival_heap *heap);

#endif

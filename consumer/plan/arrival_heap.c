#include "consumer/plan/arrival_heap.h"

#include "common/core/mem.h"

void arrival_heap_release(struct arrival_heap *heap)
{
    mem_free(heap->list);
    *heap = (struct arrival_heap){0};
}

void arrival_heap_push(struct arrival_heap *heap, uint64_t arrival, uint32_t number)
{
    if (heap->count == heap->capacity) {
        heap->capacity = mem_grow_capacity(heap->capacity, heap->count + 1);
        heap->list = mem_realloc(heap->list, heap->capacity, sizeof *heap->list);
    }
    size_t i = heap->count++;
    while (i > 0 && heap->list[(i - 1) / 2].arrival > arrival) {
        heap->list[i] = heap->list[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap->list[i] = (struct arrival){.arrival = arrival, .number = number};
}

uint32_t arrival_heap_pop(struct arrival_heap *heap)
{
    uint32_t first = heap->list[0].number;
    struct arrival last = heap->list[--heap->count];
    size_t i = 0;
    for (size_t child = 1; child < heap->count; child = 2 * i + 1) {
        if (child + 1 < heap->count && heap->list[child + 1].arrival < heap->list[child].arrival) {
            child++;
        }
        if (last.arrival <= heap->list[child].arrival) {
            break;
        }
        heap->list[i] = heap->list[child];
        i = child;
    }
    heap->list[i] = last; /* the heap may be empty now: its storage is still there */
    return first;
}

/**
 * mem: the only place that allocates.
 *
 * Allocation failure aborts: a restart resumes from marks and offsets, and most error paths go
 * away. A size that comes from input goes through strbuf or a checked maximum first. Thread-safe.
 */
#ifndef STOCKSYNC_CORE_MEM_H
#define STOCKSYNC_CORE_MEM_H

#include <stddef.h>

#include "common/core/attributes.h"

/** Uninitialised memory, owner is the caller; never NULL (size 0 gives a valid pointer). */
NODISCARD void *mem_alloc(size_t size);
/** Zeroed memory for count elements; overflow of the product aborts. */
NODISCARD void *mem_calloc(size_t count, size_t size);
/** Resizes to count elements; may move; old pointer is gone. Overflow of the product aborts. */
NODISCARD void *mem_realloc(void *ptr, size_t count, size_t size);
/** Copy of text; NULL gives NULL. */
NODISCARD char *mem_strdup(const char *text);
/** Copy of len bytes with a NUL behind. */
NODISCARD char *mem_strndup(const char *ptr, size_t len);
/** Accepts NULL. */
void mem_free(void *ptr);

/**
 * Capacity for an array that must hold `needed` elements: doubles, starts at 16.
 *
 * Use: if (n == cap) { cap = mem_grow_capacity(cap, n + 1); a = mem_realloc(a, cap, sizeof *a); }
 */
size_t mem_grow_capacity(size_t capacity, size_t needed);

/** Adds a copy of *item behind a list that grows: owner->list, ->count and ->room of one struct. */
#define MEM_ADD(owner, list, count, room, item)                                                    \
    do {                                                                                           \
        if ((owner)->count == (owner)->room) {                                                     \
            (owner)->room = mem_grow_capacity((owner)->room, (owner)->count + 1);                  \
            (owner)->list = mem_realloc((owner)->list, (owner)->room, sizeof *(owner)->list);      \
        }                                                                                          \
        (owner)->list[(owner)->count++] = *(item);                                                 \
    } while (0)

#endif

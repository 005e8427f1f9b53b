#include "common/core/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/status.h"

#define FIRST_CAPACITY 16

void *mem_alloc(size_t size)
{
    void *ptr = malloc(size > 0 ? size : 1);
    INVARIANT(ptr != NULL, "out of memory: %zu bytes", size);
    return ptr;
}

static size_t product(size_t count, size_t size)
{
    INVARIANT(size == 0 || count <= SIZE_MAX / size, "%zu times %zu bytes overflow", count, size);
    return count * size;
}

void *mem_calloc(size_t count, size_t size)
{
    size_t total = product(count, size);
    void *ptr = calloc(1, total > 0 ? total : 1);
    INVARIANT(ptr != NULL, "out of memory: %zu bytes", total);
    return ptr;
}

void *mem_realloc(void *ptr, size_t count, size_t size)
{
    size_t total = product(count, size);
    void *moved = realloc(ptr, total > 0 ? total : 1);
    INVARIANT(moved != NULL, "out of memory: %zu bytes", total);
    return moved;
}

char *mem_strdup(const char *text)
{
    return text != NULL ? mem_strndup(text, strlen(text)) : NULL;
}

char *mem_strndup(const char *ptr, size_t len)
{
    INVARIANT(len < SIZE_MAX, "a text of %zu bytes has no room for its end", len);
    char *copy = mem_alloc(len + 1);
    if (len > 0) {
        (void)memcpy(copy, ptr, len);
    }
    copy[len] = '\0';
    return copy;
}

void mem_free(void *ptr)
{
    free(ptr);
}

size_t mem_grow_capacity(size_t capacity, size_t needed)
{
    size_t grown = capacity < FIRST_CAPACITY ? FIRST_CAPACITY : capacity;
    while (grown < needed) {
        INVARIANT(grown <= SIZE_MAX / 2, "capacity for %zu elements overflows", needed);
        grown *= 2;
    }
    return grown;
}

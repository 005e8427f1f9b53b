#include "consumer/intake/offset_watch.h"

#include <string.h>

#include "common/core/mem.h"

void offset_watch_release(struct offset_watch *w)
{
    mem_free(w->list);
    *w = (struct offset_watch){0};
}

void offset_watch_expect(struct offset_watch *w, int32_t partition, int64_t offset)
{
    size_t index = (size_t)partition;
    if (index >= w->size) {
        size_t size = mem_grow_capacity(w->size, index + 1);
        w->list = mem_realloc(w->list, size, sizeof *w->list);
        memset(w->list + w->size, 0, (size - w->size) * sizeof *w->list);
        w->size = size;
    }
    w->list[index] = offset > 0 ? offset : 0;
}

int64_t offset_watch_note(struct offset_watch *w, int32_t partition, int64_t offset)
{
    int64_t expected = (size_t)partition < w->size ? w->list[partition] : 0;
    offset_watch_expect(w, partition, offset);
    return offset < expected ? expected : 0;
}

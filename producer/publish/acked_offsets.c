#include "producer/publish/acked_offsets.h"

#include <inttypes.h>

#include "common/core/mem.h"

void acked_offsets_init(struct acked_offsets *offsets)
{
    *offsets = (struct acked_offsets){0};
}

void acked_offsets_release(struct acked_offsets *offsets)
{
    mem_free(offsets->next);
    *offsets = (struct acked_offsets){0};
}

static void reach(struct acked_offsets *offsets, size_t count)
{
    if (count <= offsets->count) {
        return;
    }
    offsets->next = mem_realloc(offsets->next, count, sizeof *offsets->next);
    while (offsets->count < count) {
        offsets->next[offsets->count++] = -1;
    }
}

void acked_offsets_note(struct acked_offsets *offsets, int32_t partition, int64_t offset)
{
    if (offset < 0 || partition < 0 || offsets->went_back) {
        return;
    }
    reach(offsets, (size_t)partition + 1);
    int64_t *next = &offsets->next[partition];
    if (offset < *next) {
        offsets->went_back = true;
        offsets->partition = partition;
        offsets->from = *next - 1;
        offsets->to = offset;
        return;
    }
    *next = offset + 1;
}

enum status
acked_offsets_check(const struct acked_offsets *offsets, const char *topic, struct err *err)
{
    if (!offsets->went_back) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_STREAM_ENDED,
                   "topic '%s' was replaced: partition %" PRId32 " acknowledged offset %" PRId64
                   " after offset %" PRId64,
                   topic, offsets->partition, offsets->to, offsets->from);
}

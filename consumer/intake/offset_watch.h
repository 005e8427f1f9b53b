/**
 * offset_watch: the least offset that each partition may deliver next. A smaller one means that the
 * log went back: somebody created the topic again, or put an older log in its place.
 * Pure. One owner: the record source.
 */
#ifndef STOCKSYNC_INTAKE_OFFSET_WATCH_H
#define STOCKSYNC_INTAKE_OFFSET_WATCH_H

#include <stddef.h>
#include <stdint.h>

struct offset_watch {
    int64_t *list; /* by partition */
    size_t size;
};

void offset_watch_release(struct offset_watch *w);
/** A partition is read from here on. @param offset  negative: not known, any may come */
void offset_watch_expect(struct offset_watch *w, int32_t partition, int64_t offset);
/**
 * The partition is at this offset. It is expected from now on.
 * @return the offset that was expected, if this one is smaller; else 0
 */
int64_t offset_watch_note(struct offset_watch *w, int32_t partition, int64_t offset);

#endif

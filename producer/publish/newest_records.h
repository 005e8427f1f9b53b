/**
 * newest_records: which products' newest record is no tombstone. A hash table of product ids with
 * the revision of the newest record. Pure.
 *
 * Revisions decide, not the order of arrival: the topic may have had fewer partitions once, so two
 * partitions may hold records of one product.
 */
#ifndef STOCKSYNC_PUBLISH_NEWEST_RECORDS_H
#define STOCKSYNC_PUBLISH_NEWEST_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct newest_record {
    int64_t revision;
    int32_t product_id; /* 0: the place is free */
    bool tombstone;
};

struct newest_records {
    struct newest_record *places;
    size_t size; /* a power of two; 0 before the first */
    size_t count;
};

void newest_records_init(struct newest_records *records);
void newest_records_release(struct newest_records *records);
/** @param revision  0: unknown; then the later call counts as the newer record */
void newest_records_note(struct newest_records *records,
                         int32_t product_id,
                         int64_t revision,
                         bool tombstone);
/** Moves the products whose newest record is no tombstone into a list, and empties the table.
 * @return how many; ids ascend, free them with mem_free */
size_t newest_records_take_living(struct newest_records *records, int32_t **ids);

#endif

/**
 * partition_offset: where a group goes on reading a partition.
 */
#ifndef STOCKSYNC_INTAKE_PARTITION_OFFSET_H
#define STOCKSYNC_INTAKE_PARTITION_OFFSET_H

#include <stdint.h>

struct partition_offset {
    int32_t partition;
    int64_t next_offset; /* the one to read next */
};

#endif

/**
 * history: reads the records of some products, or of all, from the oldest to the present end of
 * the topic.
 *
 * Reads committed, so a record of an unsettled transaction shows up a second later. One owner;
 * blocking; see topic_reader.h.
 */
#ifndef STOCKSYNC_INTAKE_HISTORY_H
#define STOCKSYNC_INTAKE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/bytes.h"
#include "common/core/conf.h"
#include "common/core/status.h"

struct history_record {
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* -1: none */
    struct bytes key;
    struct bytes value; /* ptr NULL: tombstone */
    int64_t header_revision;
    struct bytes header_stream; /* ptr NULL: none */
};

/** Called for every record, in the order of its partition. @return false to stop reading */
typedef bool (*history_fn)(void *arg, const struct history_record *record);

/**
 * @param products  only records with these keys
 * @param count     0: all records
 * @return STATUS_OK, also when there is none; STATUS_BROKER_LOST; STATUS_TOPIC_UNFIT: no such
 *         topic; STATUS_PERMISSION; STATUS_CONFIG; STATUS_STOPPING
 */
NODISCARD enum status history_read(const struct conf_pairs *kafka,
                                   const char *topic,
                                   const int32_t *products,
                                   size_t count,
                                   history_fn each,
                                   void *arg,
                                   struct err *err);

#endif

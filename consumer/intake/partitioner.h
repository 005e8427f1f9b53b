/**
 * partitioner: which partition of the topic carries a product. The producer chooses it by the key,
 * as Java's clients do (murmur2). For consumer/intake only.
 */
#ifndef STOCKSYNC_INTAKE_PARTITIONER_H
#define STOCKSYNC_INTAKE_PARTITIONER_H

#include <stdint.h>

#include <librdkafka/rdkafka.h>

/** Partitions of the topic, as a broker says within the limit. @return 0: no answer */
int32_t partitioner_count(rd_kafka_t *client, const char *topic, int limit_ms);
/** @param count  partitions of the topic. @return -1 when count is 0 */
int32_t partitioner_place(int32_t product_id, int32_t count);

#endif

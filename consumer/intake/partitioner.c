#include "consumer/intake/partitioner.h"

#include <inttypes.h>
#include <stdio.h>

int32_t partitioner_count(rd_kafka_t *client, const char *topic, int limit_ms)
{
    const struct rd_kafka_metadata *metadata = NULL;
    int32_t count = 0;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    if (handle == NULL) {
        return 0;
    }
    if (rd_kafka_metadata(client, 0, handle, &metadata, limit_ms) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(handle);
    return count;
}

int32_t partitioner_place(int32_t product_id, int32_t count)
{
    char key[16];
    int len = snprintf(key, sizeof key, "%" PRId32, product_id);
    if (count <= 0) {
        return -1;
    }
    return rd_kafka_msg_partitioner_murmur2(NULL, key, (size_t)len, count, NULL, NULL);
}

/**
 * mock_kafka: librdkafka's mock cluster for tests: one broker, real TCP on loopback, errors on
 * request.
 *
 * Not for fencing, not for latency, and it knows no topic settings. One thread.
 */
#ifndef STOCKSYNC_TESTS_MOCK_KAFKA_H
#define STOCKSYNC_TESTS_MOCK_KAFKA_H

#include <stdbool.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "common/core/conf.h"

#define MOCK_TOPIC "stock.test"

/* Kafka's numbers of the requests that get errors here. */
enum {
    API_PRODUCE = 0,
    API_FETCH = 1,
    API_OFFSET_COMMIT = 8,
    API_INIT_PRODUCER_ID = 22,
    API_END_TXN = 26
};

struct mock_kafka {
    rd_kafka_t *owner; /* the client that runs the cluster */
    rd_kafka_mock_cluster_t *cluster;
    struct conf_pair pairs[8];
    struct conf_pairs conf; /* bootstrap.servers and what was added */
};

/** One record as it lies in the topic; texts are cut to their arrays. */
struct mock_record {
    char key[24];
    char value[400];
    size_t value_len;
    bool tombstone;
    char revision[24]; /* headers; "" when absent */
    char cause[16];
    char epoch[16];
    char stream[40];
};

/** Starts a cluster with MOCK_TOPIC of that many partitions. */
void mock_kafka_start(struct mock_kafka *mock, int partitions);
void mock_kafka_stop(struct mock_kafka *mock);
/** Adds a property to mock->conf; both are literals. At most seven. */
void mock_kafka_set(struct mock_kafka *mock, const char *name, const char *value);
/** Writes one record (value NULL: tombstone) to a partition and waits for it. revision NULL: no
 * header. */
void mock_kafka_write(struct mock_kafka *mock,
                      int32_t partition,
                      const char *key,
                      const char *value,
                      const char *revision);
/** The same with a header cause; NULL: no header. */
void mock_kafka_write_caused(struct mock_kafka *mock,
                             int32_t partition,
                             const char *key,
                             const char *value,
                             const char *revision,
                             const char *cause);
/** The same with a header stream. */
void mock_kafka_write_of_stream(struct mock_kafka *mock,
                                int32_t partition,
                                const char *key,
                                const char *value,
                                const char *revision,
                                const char *stream);
/** Copies a record that another reader has. */
void mock_kafka_copy(const rd_kafka_message_t *message, struct mock_record *record);
/** Reads a partition from its beginning to its end with another client. @return how many, at
 * most max */
size_t
mock_kafka_read(struct mock_kafka *mock, int32_t partition, struct mock_record *list, size_t max);

#endif

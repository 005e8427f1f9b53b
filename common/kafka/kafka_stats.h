/**
 * kafka_stats: what librdkafka's statistics say about a cluster that does not answer. Pure.
 *
 * Source: STATISTICS.md of librdkafka 2.0.2: brokers.NAME has nodeid, rx (responses received),
 * waitresp_cnt (requests that wait for one), rxidle and txidle (µs since the last receive and send).
 */
#ifndef STOCKSYNC_KAFKA_KAFKA_STATS_H
#define STOCKSYNC_KAFKA_KAFKA_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A client of role consumer makes them so often: it cannot be configured otherwise. */
#define KAFKA_STATS_EVERY_MS 1000

struct kafka_stats {
    int64_t received;  /* answers of all brokers since the client was made */
    int64_t silent_us; /* the longest time that a broker keeps a request waiting; 0: none does */
};

/**
 * Reads one document. The coordinator's connection does not count as silent: it keeps a member
 * waiting while the group is divided.
 * @return false: not a document of statistics
 */
bool kafka_stats_read(const char *json, size_t len, struct kafka_stats *stats);

#endif

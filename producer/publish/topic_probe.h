/**
 * topic_probe: what the topic itself says: its cluster, ends, newest records and keys.
 *
 * Reads uncommitted, as consumers do. One owner; blocking; ends early when the process is asked to
 * stop. timeout_ms limits how long Kafka may be silent; what answers is read to its end.
 */
#ifndef STOCKSYNC_PUBLISH_TOPIC_PROBE_H
#define STOCKSYNC_PUBLISH_TOPIC_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/conf.h"
#include "common/core/status.h"

/** Longer ids are cut. */
#define TOPIC_CLUSTER_SIZE 128
/** A UUID as text; longer ones are cut, and so are no stream's. */
#define TOPIC_STREAM_SIZE 40

struct topic_probe;

struct topic_partition_facts {
    int64_t end;      /* offset of the next record: the high watermark */
    int64_t revision; /* of the newest record; 0: there is none, or it has no header */
    char stream[TOPIC_STREAM_SIZE]; /* the same; "": none */
    bool has_record;
};

struct topic_facts {
    char cluster[TOPIC_CLUSTER_SIZE];        /* "": the cluster has no id */
    struct topic_partition_facts *partition; /* by partition */
    size_t count;
};

struct topic_probe_record {
    int32_t product_id; /* 0: its key is no product's */
    int32_t partition;
    int64_t offset;
    int64_t revision; /* 0: no header */
    char stream[TOPIC_STREAM_SIZE];
    bool tombstone;
};

/** @return STATUS_OK; anything else ends the reading with it */
typedef enum status (*topic_probe_record_fn)(void *arg,
                                             const struct topic_probe_record *record,
                                             struct err *err);
/** The same. */
typedef enum status (*topic_probe_key_fn)(void *arg, int32_t product_id, struct err *err);

/**
 * Makes the client without connecting. Keep it: the next question needs no new connection.
 * @return STATUS_OK, STATUS_CONFIG
 */
NODISCARD enum status topic_probe_open(const struct conf_pairs *kafka,
                                       const char *topic,
                                       struct topic_probe **probe,
                                       struct err *err);
/** Accepts NULL. */
void topic_probe_close(struct topic_probe *probe);
/** Frees and zeroes. */
void topic_facts_release(struct topic_facts *facts);

/*
 * All of these return:
 *     STATUS_OK
 *     STATUS_BROKER_LOST  no answer within timeout_ms
 *     STATUS_TOPIC_UNFIT  no such topic
 *     STATUS_PERMISSION   the ACLs Describe and Read on the topic are needed
 *     STATUS_STOPPING     asked to stop
 */

/**
 * Cluster, partitions and their ends: one request for the metadata, one to each leader. Ends within
 * timeout_ms.
 *
 * @param facts  [out] zeroed or from an earlier call; without records; release it
 */
NODISCARD enum status topic_probe_ends(struct topic_probe *probe,
                                       int timeout_ms,
                                       struct topic_facts *facts,
                                       struct err *err);
/** The same, with the newest record of each partition, which is searched from the end. */
NODISCARD enum status topic_probe_facts(struct topic_probe *probe,
                                        int timeout_ms,
                                        struct topic_facts *facts,
                                        struct err *err);
/**
 * Every record from these offsets on, partition by partition in its order; the partitions are
 * mixed.
 * @param starts  by partition; one before the oldest record means it
 */
NODISCARD enum status topic_probe_from(struct topic_probe *probe,
                                       int timeout_ms,
                                       const int64_t *starts,
                                       size_t count,
                                       topic_probe_record_fn each,
                                       void *arg,
                                       struct err *err);
/**
 * Reads the whole topic and gives the product of each record, tombstones too; with repeats. Keys
 * that are no product's are left out. Logs its progress and reports to the service manager.
 */
NODISCARD enum status topic_probe_keys(
    struct topic_probe *probe, int timeout_ms, topic_probe_key_fn each, void *arg, struct err *err);

#endif

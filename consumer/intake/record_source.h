/**
 * record_source: one consumer group member: records and assignment events in, offsets out.
 *
 * Reads uncommitted, commits by hand. Callbacks of librdkafka run inside record_source_poll and only
 * record their event. In a cooperative group REVOKED names the partitions that leave, in an eager
 * group all (kafka_assignor). The caller's duties are the same. One owner: the lane's thread.
 */
#ifndef STOCKSYNC_INTAKE_RECORD_SOURCE_H
#define STOCKSYNC_INTAKE_RECORD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/bytes.h"
#include "common/core/conf.h"
#include "common/core/metric.h"
#include "common/core/status.h"
#include "consumer/intake/partition_offset.h"
#include "consumer/intake/source_health.h"

struct record_source;

struct record_source_options {
    const struct conf_pairs *kafka; /* pass-through; borrowed until closed */
    const char *topic;
    const char *group_id;
    const char *client_id;
};

/**
 * NOTHING    the queue is empty
 * RECORD     a record or tombstone
 * ASSIGNED   partitions were added; until the next poll, record_source_read_from may choose
 *            where to begin
 * REVOKED    partitions are about to leave: finish, commit, record_source_release_partitions
 * LOST       partitions are gone: commit nothing for them; the source has released them
 * AT_END     the end of one partition is reached for now
 */
enum source_event_type {
    SOURCE_NOTHING,
    SOURCE_RECORD,
    SOURCE_ASSIGNED,
    SOURCE_REVOKED,
    SOURCE_LOST,
    SOURCE_AT_END
};

/** Bytes and lists are valid until the next poll. Bytes: ptr NULL when absent. */
struct source_event {
    enum source_event_type type;
    int32_t partition;      /* RECORD, AT_END, as the next two */
    int64_t offset;         /* of the record, or of the next one that is written */
    int64_t gone_back_from; /* the partition was at this greater offset before; 0: it was not. The
                               group's committed offset is still there */
    /* RECORD */
    int64_t timestamp_ms; /* the broker's or the producer's; -1: none */
    struct bytes key;
    struct bytes value;           /* absent: a tombstone */
    int64_t header_revision;      /* header "revision", the only one of a tombstone; 0: absent */
    struct bytes header_cause;    /* header "cause" */
    struct bytes header_database; /* header "database" */
    struct bytes header_stream;   /* header "stream" */
    /* ASSIGNED, REVOKED, LOST */
    const int32_t *partitions;
    size_t partition_count;
};

extern const struct metric_table record_source_metric_table; /* label group */

/** Makes the client and subscribes; does not wait. @return STATUS_OK, STATUS_CONFIG */
NODISCARD enum status record_source_open(const struct record_source_options *options,
                                         struct record_source **source,
                                         struct err *err);
/** Readable when record_source_poll has something; polling until SOURCE_NOTHING clears it. */
int record_source_fd(const struct record_source *source);
/**
 * The next event, without waiting.
 * @return STATUS_OK, also with SOURCE_NOTHING; STATUS_BROKER_LOST: all brokers are down, go on
 *         polling; STATUS_TOPIC_UNFIT, STATUS_PERMISSION, STATUS_CLIENT_BROKEN; STATUS_CONFIG: the
 *         group has members with the other kind of assignment
 */
NODISCARD enum status
record_source_poll(struct record_source *source, struct source_event *event, struct err *err);
/** When Kafka answered and failed; polling keeps it right. Valid until closed. */
const struct source_health *record_source_health(const struct record_source *source);
/** Commits the list, pruned to the assignment, asynchronously. Successes are logged at debug,
 * failures are counted. */
void record_source_commit(struct record_source *source,
                          const struct partition_offset *list,
                          size_t count);
/**
 * Commits and waits, at most timeout_ms: on revoke and on close. A generation error is normal then.
 * @return STATUS_OK or a transient status
 */
NODISCARD enum status record_source_commit_wait(struct record_source *source,
                                                const struct partition_offset *list,
                                                size_t count,
                                                int timeout_ms,
                                                struct err *err);
/** A partition of the last SOURCE_ASSIGNED is read from this offset instead of the committed one; 0:
 * from its first record. Before the next poll. */
void record_source_read_from(struct record_source *source, int32_t partition, int64_t offset);
/** Releases the partitions of the last SOURCE_REVOKED. */
void record_source_release_partitions(struct record_source *source);
/** The partition that carries a product's records; -1: not known, no broker has said how many there
 * are. */
int32_t record_source_partition_of(const struct record_source *source, int32_t product_id);
/**
 * Stops or resumes one partition: no record of it is delivered while it is paused, and none is lost.
 * Polling must go on. Ends when the partition leaves; ignored when it is not assigned.
 */
void record_source_pause(struct record_source *source, int32_t partition, bool paused);
/** Partitions of the topic; 0: not known yet. */
int32_t record_source_partition_count(const struct record_source *source);
size_t record_source_assigned_count(const struct record_source *source);
/** Leaves the group within timeout_ms, then frees. Accepts NULL. */
void record_source_close(struct record_source *source, int timeout_ms);

#endif

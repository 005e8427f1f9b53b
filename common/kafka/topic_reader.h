/**
 * topic_reader: reads a topic from a start to its present end, all partitions at once.
 *
 * Joins no group and commits nothing. The end is taken when a reading begins: the last stable
 * offset, or the high watermark when it reads uncommitted. Markers of transactions occupy offsets
 * too, so the last record may lie before the end. Ends early when the process is asked to stop
 * (signals.h). One owner; blocking.
 */
#ifndef STOCKSYNC_KAFKA_TOPIC_READER_H
#define STOCKSYNC_KAFKA_TOPIC_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/bytes.h"
#include "common/core/conf.h"
#include "common/core/status.h"

struct topic_reader;

struct topic_reader_options {
    const struct conf_pairs *kafka; /* pass-through; borrowed for topic_reader_open */
    const char *topic;              /* borrowed for topic_reader_open */
    const char *client_id;          /* the same */
    bool uncommitted;               /* also records of open and of aborted transactions */
};

struct topic_record {
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* -1: none */
    struct bytes key;
    struct bytes value;  /* ptr NULL: tombstone */
    const void *message; /* for topic_record_header */
};

/** Called for every record, in the order of its partition. @return false to stop reading */
typedef bool (*topic_record_fn)(void *arg, const struct topic_record *record);

enum topic_start {
    TOPIC_START_OLDEST,
    TOPIC_START_OFFSETS, /* of each partition */
    TOPIC_START_LAST     /* the last offsets before the end of each partition */
};

struct topic_reading {
    enum topic_start start;
    const int64_t *offsets; /* TOPIC_START_OFFSETS: by partition; one before the oldest means it */
    size_t offset_count;    /* partitions behind it are read from the oldest */
    int64_t last;           /* TOPIC_START_LAST: how many offsets, markers included */
    const bool *partitions; /* by partition: read it; NULL: all of them */
    size_t partition_count; /* partitions behind it are not read */
    int answer_ms;          /* a failure: no partition that is being read answers for so long */
    topic_record_fn each;
    /* Called about twice a second, also while nothing arrives; NULL: not called. */
    void (*tick)(void *arg);
    void *arg; /* of each and tick */
};

/** Where a partition begins and ends. */
struct topic_range {
    int64_t oldest; /* the first offset that may still hold a record; -1: not asked for */
    int64_t end;    /* the next record's */
};

/** Makes the client without connecting. @return STATUS_OK, STATUS_CONFIG */
NODISCARD enum status topic_reader_open(const struct topic_reader_options *options,
                                        struct topic_reader **reader,
                                        struct err *err);
/** Accepts NULL. */
void topic_reader_close(struct topic_reader *reader);
/**
 * Asks where the partitions end: one request for the metadata, one to each leader.
 * @return STATUS_OK
 *         STATUS_BROKER_LOST  no answer within timeout_ms, or a partition has no leader
 *         STATUS_TOPIC_UNFIT  no such topic
 *         STATUS_PERMISSION
 */
NODISCARD enum status
topic_reader_measure(struct topic_reader *reader, int timeout_ms, struct err *err);
/** By partition, as the last measure or read found them. Borrowed until the next. */
const struct topic_range *topic_reader_ranges(const struct topic_reader *reader, size_t *count);
/** The cluster's id as of the last measure or read; "": it has none. @return text */
char *topic_reader_cluster(struct topic_reader *reader, char *text, size_t size);
/**
 * Measures, then reads.
 * @return STATUS_OK, also when there is no record; STATUS_STOPPING; as topic_reader_measure
 */
NODISCARD enum status topic_reader_read(struct topic_reader *reader,
                                        const struct topic_reading *reading,
                                        struct err *err);

/** The last header of that name. @return ptr NULL: absent; borrowed as the record is */
struct bytes topic_record_header(const struct topic_record *record, const char *name);
/** The header "revision"; 0: none. */
int64_t topic_record_revision(const struct topic_record *record);

#endif

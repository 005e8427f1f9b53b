/**
 * record_source: one consumer group member: records in, assignment events, offsets out.
 *
 * Reads uncommitted, commits by hand, cooperative-sticky. Callbacks of librdkafka run inside
 * record_source_poll and only record what happened. One owner: the lane's thread.
 */
#ifndef STOCKSYNC_INTAKE_RECORD_SOURCE_H
#define STOCKSYNC_INTAKE_RECORD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/bytes.h"
#include "common/core/conf.h"
#include "common/core/status.h"

struct record_source;

struct record_source_options {
    const struct conf_pairs *kafka; /* pass-through; borrowed until closed */
    const char *topic;
    const char *group_id;
    const char *client_id;
};

enum source_event_type {
    SOURCE_NOTHING,  /* queue empty */
    SOURCE_RECORD,   /* a record or tombstone */
    SOURCE_ASSIGNED, /* partitions added: partition list valid until the next poll */
    SOURCE_REVOKED,  /* partitions about to leave: finish, commit, then
                        record_source_release_partitions */
    SOURCE_LOST,  /* partitions already gone: commit nothing for them; released by the source itself
                   */
    SOURCE_AT_END /* end of one partition reached for now */
};

struct source_event {
    enum source_event_type type;
    int32_t partition;    /* RECORD, AT_END */
    int64_t offset;       /* RECORD */
    int64_t timestamp_ms; /* RECORD: the broker's or the producer's; -1 none */
    struct bytes key;     /* RECORD; valid until the next poll */
    struct bytes value;   /* RECORD; ptr NULL: tombstone; valid until the next poll */
    int64_t
        header_revision; /* RECORD: header "revision"; 0 when absent. A tombstone's only revision */
    struct bytes header_cause; /* RECORD: header "cause"; ptr NULL when absent; valid until the next
                                  poll */
    struct bytes header_database; /* RECORD: header "database", as header_cause */
    const int32_t *partitions;    /* ASSIGNED, REVOKED, LOST */
    size_t partition_count;
};

struct partition_offset {
    int32_t partition;
    int64_t next_offset; /* the one to read next */
};

/** Makes the client and subscribes; does not wait. @return STATUS_OK, STATUS_CONFIG */
NODISCARD enum status record_source_open(const struct record_source_options *options,
                                         struct record_source **source,
                                         struct err *err);
/** Readable when record_source_poll has something; clear with record_source_poll until
 * SOURCE_NOTHING. */
int record_source_fd(const struct record_source *source);
/** Next event without waiting. @return STATUS_OK (also with SOURCE_NOTHING), STATUS_BROKER_LOST
 * (all brokers down: go on polling), STATUS_TOPIC_UNFIT, STATUS_PERMISSION, STATUS_CLIENT_BROKEN */
NODISCARD enum status
record_source_poll(struct record_source *source, struct source_event *event, struct err *err);
/** Commits the list, pruned to the assignment, asynchronously; the result is logged at debug,
 * failures counted. */
void record_source_commit(struct record_source *source,
                          const struct partition_offset *list,
                          size_t count);
/** Commits and waits, at most timeout_ms: on revoke and on close. A generation error is normal
 * there. @return STATUS_OK or a transient status */
NODISCARD enum status record_source_commit_wait(struct record_source *source,
                                                const struct partition_offset *list,
                                                size_t count,
                                                int timeout_ms,
                                                struct err *err);
/** Lets the revoked partitions of the last SOURCE_REVOKED go. */
void record_source_release_partitions(struct record_source *source);
/** Stops or resumes fetching of everything assigned (kept across new assignments); polling must go
 * on. */
void record_source_pause(struct record_source *source, bool paused);
size_t record_source_assigned_count(const struct record_source *source);
/** Leaves the group within timeout_ms, then frees. Accepts NULL. */
void record_source_close(struct record_source *source, int timeout_ms);

#endif

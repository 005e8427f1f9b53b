/**
 * assignment: the partitions that the group has assigned to one client, and those about to leave.
 *
 * A cooperative group adds and removes some partitions. An eager one removes all of them, then
 * assigns a new set.
 * For consumer/intake only. One owner: the record source.
 */
#ifndef STOCKSYNC_INTAKE_ASSIGNMENT_H
#define STOCKSYNC_INTAKE_ASSIGNMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "consumer/intake/partition_offset.h"

struct assignment {
    rd_kafka_t *client; /* borrowed, like the texts */
    const char *topic;
    const char *group;
    int32_t *list;
    size_t count;
    size_t capacity;
    rd_kafka_topic_partition_list_t *entering; /* added, and not begun yet; else NULL */
    rd_kafka_topic_partition_list_t *leaving;  /* revoked, and not released yet; else NULL */
    rd_kafka_topic_partition_list_t *paused;   /* of the assigned ones; NULL: none */
    bool is_cooperative;
};

/** Frees the lists alone. */
void assignment_free_lists(struct assignment *a);
bool assignment_has(const struct assignment *a, int32_t partition);
/** Assigned, and not about to leave: its messages are for the caller. */
bool assignment_delivers(const struct assignment *a, int32_t partition);
/** Adds new partitions, and takes the list. Nothing is read of them until assignment_enter, so that
 * the caller can choose where to begin. */
void assignment_begin_entering(struct assignment *a, rd_kafka_topic_partition_list_t *list);
/** A partition that enters is read from this offset instead of the committed one.
 * @return false: it does not enter */
bool assignment_read_from(struct assignment *a, int32_t partition, int64_t offset);
/** The committed offsets of the partitions that enter; the caller frees. NULL: no answer within the
 * limit. */
rd_kafka_topic_partition_list_t *assignment_committed(const struct assignment *a, int limit_ms);
/** Begins to read what was added. None of it is paused. */
void assignment_enter(struct assignment *a);
/** Lets partitions go: of an eager group all, whatever the list says. */
void assignment_remove(struct assignment *a, const rd_kafka_topic_partition_list_t *list);
/** Takes the list; its partitions stay assigned until assignment_release_leaving. */
void assignment_begin_leaving(struct assignment *a, rd_kafka_topic_partition_list_t *list);
void assignment_release_leaving(struct assignment *a);
/** Pauses or resumes the fetching of one assigned partition. Records of a paused partition that
 * were fetched and not polled come again when it resumes. */
void assignment_pause(struct assignment *a, int32_t partition, bool paused);

/** Those offsets whose partitions are assigned; the caller destroys the list. NULL: none is. */
rd_kafka_topic_partition_list_t *
assignment_pick(const struct assignment *a, const struct partition_offset *list, size_t count);

#endif

/**
 * source_health: when Kafka answered a member of a group, and when it failed. Pure: the time is a
 * parameter (monotonic µs).
 *
 * An answer counts for readiness while the client is a member of its group: what it reads is
 * nothing before that. Whether the cluster is away does not depend on the group.
 */
#ifndef STOCKSYNC_INTAKE_SOURCE_HEALTH_H
#define STOCKSYNC_INTAKE_SOURCE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/health.h"
#include "common/core/status.h"
#include "common/kafka/kafka_stats.h"

/* A broker answers a fetch after half a second, also when there is nothing to read. */
#define SOURCE_SILENCE_US INT64_C(10000000)

#define SOURCE_DOWN "no broker of the Kafka cluster can be reached"

struct source_health {
    int64_t begun_us;
    int64_t heard_us;    /* last answer of any kind; 0: none yet */
    int64_t answered_us; /* last answer while a member; 0: none yet */
    int64_t down_us;     /* no broker could be reached; 0: never */
    int64_t failed_us;   /* that, or partitions were lost, or reading failed; 0: never */
    bool is_member;
    int64_t received; /* answers that were counted */
    bool is_stale;    /* answers of the next statistics may be older than down_us */
    char why[240];    /* of the last failure */
};

void source_health_begin(struct source_health *h, int64_t now_us);
/** Statistics have come: have there been answers since the last ones? */
void source_health_note_stats(struct source_health *h,
                              const struct kafka_stats *stats,
                              int64_t now_us);
/** Partitions were assigned, perhaps none. */
void source_health_note_joined(struct source_health *h, int64_t now_us);
/** All partitions have left: the group is divided again. */
void source_health_note_left(struct source_health *h);
/** The group has taken the partitions away. */
void source_health_note_lost(struct source_health *h, int64_t now_us);
/** Reading failed. @param down  no broker can be reached */
void source_health_note_failure(struct source_health *h,
                                int64_t now_us,
                                bool down,
                                const char *why);

/** @return STATUS_OK; STATUS_BROKER_LOST: the cluster does not answer, err says for how long */
NODISCARD enum status
source_health_check(const struct source_health *h, int64_t now_us, struct err *err);
/** Copies answers and failures, for the job that reads from the source. */
void source_health_show(const struct source_health *h, struct health_server *kafka);

#endif

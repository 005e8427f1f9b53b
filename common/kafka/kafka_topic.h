/**
 * kafka_topic: creates the topic with its designed settings, compares an existing one with them, or
 * gives it more partitions.
 */
#ifndef STOCKSYNC_KAFKA_KAFKA_TOPIC_H
#define STOCKSYNC_KAFKA_KAFKA_TOPIC_H

#include "common/core/conf.h"
#include "common/core/conf_shared.h"
#include "common/core/status.h"
#include "common/core/strbuf.h"

/** err.origin when the topic is missing, as opposed to unfit. */
#define KAFKA_TOPIC_MISSING "UNKNOWN_TOPIC_OR_PART"

struct kafka_topic_design {
    const char *name;
    int partitions;                 /* when it is created; an existing one may have more */
    int replication_factor;         /* -1: the broker's default */
    int64_t compaction_lag_ms;      /* min.compaction.lag.ms: full history for that long */
    int64_t tombstone_retention_ms; /* delete.retention.ms */
    int64_t message_max_bytes;      /* max.message.bytes */
};

/** The design that the options describe; borrows the name. */
struct kafka_topic_design kafka_topic_design_of(const struct topic_conf *topic);

/**
 * Makes sure that the topic exists with the designed settings.
 *
 * @param may_create  create it when it is missing
 * @param notes       [out] appended: harmless differences (longer retention, more replicas), one
 *                    per line
 * @return STATUS_OK
 *         STATUS_TOPIC_UNFIT   missing and not created: err holds the command that creates it. Or a
 *                              setting breaks a guarantee (cleanup.policy, fewer partitions …): err
 *                              names the setting, its value and the wanted one
 *         STATUS_PERMISSION    the cluster refuses: err names the ACL
 *         STATUS_BROKER_LOST   no answer within timeout_ms
 */
NODISCARD enum status kafka_topic_ensure(const struct conf_pairs *pass_through,
                                         const struct kafka_topic_design *design,
                                         bool may_create,
                                         int timeout_ms,
                                         struct strbuf *notes,
                                         struct err *err);
/**
 * Tells how many partitions the topic has.
 * @return STATUS_OK
 *         STATUS_TOPIC_UNFIT  missing; origin KAFKA_TOPIC_MISSING
 *         STATUS_PERMISSION   the cluster refuses: err names the ACL
 *         STATUS_BROKER_LOST  no answer within timeout_ms
 */
NODISCARD enum status kafka_topic_count(const struct conf_pairs *pass_through,
                                        const char *name,
                                        int timeout_ms,
                                        int *partitions,
                                        struct err *err);
/**
 * Raises the number of partitions, and waits until all of them have a leader.
 * @return as kafka_topic_count; STATUS_TOPIC_UNFIT too when the cluster refuses, as it does when
 *         the topic has as many or more
 */
NODISCARD enum status kafka_topic_grow(const struct conf_pairs *pass_through,
                                       const char *name,
                                       int partitions,
                                       int timeout_ms,
                                       struct err *err);

#endif

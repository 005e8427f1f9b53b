/**
 * kafka_assignor: which strategy divides a topic's partitions among the members of a group.
 *
 * Cooperative assignment moves few partitions at each rebalance. Below version 2.3.0, librdkafka
 * aborts the process when a cooperative client closes before its first assignment (confluentinc/
 * librdkafka, pull request 4381). With such a library an eager strategy is used, which takes every
 * partition from every member at each rebalance. All members of a group need the same kind.
 *
 * Pure, thread-safe.
 */
#ifndef STOCKSYNC_KAFKA_KAFKA_ASSIGNOR_H
#define STOCKSYNC_KAFKA_KAFKA_ASSIGNOR_H

#include <stdbool.h>

#include "common/core/conf.h"

#define KAFKA_ASSIGNOR_PROPERTY "partition.assignment.strategy"

struct kafka_assignor {
    const char *strategy; /* as librdkafka takes it; static, or borrowed from the pass-through */
    const char *library;  /* version of librdkafka: "2.0.2"; static */
    bool is_cooperative;
    bool is_given;  /* [kafka] names it */
    bool may_abort; /* cooperative, and the library lacks the fix */
};

/** The strategy that [kafka] names, else the best one that the library in use can do. */
struct kafka_assignor kafka_assignor_of(const struct conf_pairs *pass_through);
/** The same for a version as rd_kafka_version gives it. @param library  its text; borrowed */
struct kafka_assignor
kafka_assignor_for(const struct conf_pairs *pass_through, int version, const char *library);
/** Why a strategy that [kafka] names cannot be used; NULL: it can. Static. */
const char *kafka_assignor_refusal(const char *strategy);
/** One sentence about the choice and, if it may abort, the next step. Static. */
const char *kafka_assignor_reason(const struct kafka_assignor *assignor);

#endif

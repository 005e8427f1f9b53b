/**
 * kafka_conf: librdkafka's properties. Our defaults come first, then the pass-through from [kafka],
 * then the properties that carry a guarantee.
 *
 * The tables in kafka_conf.c hold the values and their reasons. Thread-safe.
 */
#ifndef STOCKSYNC_KAFKA_KAFKA_CONF_H
#define STOCKSYNC_KAFKA_KAFKA_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/conf.h"
#include "common/core/status.h"

/** Our default of transaction.timeout.ms: the broker ends a transaction that is open for so long. */
#define KAFKA_TRANSACTION_TIMEOUT_MS 15000

enum kafka_role {
    KAFKA_PRODUCER,
    KAFKA_CONSUMER,
    KAFKA_READER /* topic_reader: commits nothing */
};

struct kafka_identity {
    enum kafka_role role;
    const char *client_id;        /* "stocksync-producer", "stocksync-store-outlet" */
    const char *group_id;         /* consumers; NULL for the others */
    const char *transactional_id; /* producer: "stocksync-<topic>"; NULL: admin calls alone */
    bool uncommitted;             /* readers: read uncommitted; default: committed */
    int64_t message_max_bytes;    /* producer: the topic's max.message.bytes; 0: the default */
};

/**
 * Checks the pass-through entries without connecting and reports every problem with its line:
 * unknown to the library, a bad value, or a property that is ours to set.
 */
void kafka_conf_check(const struct conf_pairs *pass_through, struct conf_problems *problems);

/**
 * Builds the rd_kafka_conf_t for an identity, with kafka_log attached. The caller owns it until
 * rd_kafka_new takes it. The log lines of a producer and a consumer wait until the caller has named
 * their queue (rd_kafka_set_log_queue); a reader's come at once.
 *
 * @param conf  [out] rd_kafka_conf_t *; void, so that folders without librdkafka can include this
 * @return STATUS_OK, STATUS_CONFIG with the library's text
 */
NODISCARD enum status kafka_conf_build(const struct conf_pairs *pass_through,
                                       const struct kafka_identity *identity,
                                       void **conf,
                                       struct err *err);

#endif

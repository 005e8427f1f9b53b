/**
 * code_log: error codes that a person should look at: each is counted, and logged once.
 */
#ifndef STOCKSYNC_LANE_CODE_LOG_H
#define STOCKSYNC_LANE_CODE_LOG_H

#include "common/core/metric.h"
#include "consumer/shopify/graphql.h"

/* Codes that are logged. Those that come after them are only counted. */
#define CODE_LOG_MAX 16

/** Zero is empty. */
struct code_log {
    char codes[CODE_LOG_MAX][64];
    size_t count;
};

/** @param counter  counts each occurrence */
void code_log_answer(struct code_log *log,
                     const char *store,
                     const struct answer *answer,
                     struct metric *counter);

#endif

/**
 * message: reads messages and events of librdkafka.
 * For consumer/intake only. Pure.
 */
#ifndef STOCKSYNC_INTAKE_MESSAGE_H
#define STOCKSYNC_INTAKE_MESSAGE_H

#include <librdkafka/rdkafka.h>

#include "common/core/bytes.h"

/** The last header of that name; ptr NULL when absent. */
struct bytes message_header(const rd_kafka_message_t *message, const char *name);
/** Header "revision" as a number; 0: absent, or none. */
int64_t message_revision(const rd_kafka_message_t *message);
/** The first error of a finished commit, of the whole or of one partition. */
rd_kafka_resp_err_t message_commit_result(rd_kafka_event_t *event);

#endif

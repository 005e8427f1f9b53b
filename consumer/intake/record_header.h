/**
 * record_header: headers of a record, borrowed from its message. For consumer/intake only.
 */
#ifndef STOCKSYNC_INTAKE_RECORD_HEADER_H
#define STOCKSYNC_INTAKE_RECORD_HEADER_H

#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "common/core/bytes.h"

/** The last header of that name; ptr NULL when absent. */
struct bytes record_header_find(const rd_kafka_message_t *message, const char *name);
/** Header "revision"; 0: absent, or no positive number. */
int64_t record_header_revision(const rd_kafka_message_t *message);

#endif

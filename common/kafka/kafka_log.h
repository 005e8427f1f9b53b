/**
 * kafka_log: librdkafka's log lines and error events as our log lines.
 *
 * Callbacks run inside the client's poll where log.queue is set (kafka_conf), else on the library's
 * threads. The client's opaque is not used by them.
 */
#ifndef STOCKSYNC_KAFKA_KAFKA_LOG_H
#define STOCKSYNC_KAFKA_KAFKA_LOG_H

#include <librdkafka/rdkafka.h>

/** Sets log_cb and error_cb of conf. */
void kafka_log_attach(rd_kafka_conf_t *conf);
/** One error event as a log line: for a client with another error_cb. */
void kafka_log_error_event(const rd_kafka_t *client, int code, const char *reason);

#endif

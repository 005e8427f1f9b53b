/**
 * kafka_log: librdkafka's log lines and error events as our log lines; statistics as metrics (kafka_stats).
 *
 * Callbacks run inside the client's poll. opaque of the client is not used by them.
 */
#ifndef STOCKSYNC_KAFKA_KAFKA_LOG_H
#define STOCKSYNC_KAFKA_KAFKA_LOG_H

#include <librdkafka/rdkafka.h>

/** Sets log_cb and error_cb of conf; repeated connection failures fold in the logger. */
void kafka_log_attach(rd_kafka_conf_t *conf);

#endif

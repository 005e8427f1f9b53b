/**
 * kafka_err: librdkafka's error codes and objects to our statuses. Includes librdkafka: only for
 * folders that may.
 */
#ifndef STOCKSYNC_KAFKA_KAFKA_ERR_H
#define STOCKSYNC_KAFKA_KAFKA_ERR_H

#include <librdkafka/rdkafka.h>

#include "common/core/status.h"

/** Fills err from a plain code: fenced, authorisation, unknown topic, too large, time-outs; the
 * rest is STATUS_BROKER_LOST. */
enum status kafka_err_code(struct err *err, rd_kafka_resp_err_t code, const char *what);
/** Fills err from an error object and destroys it: fatal fenced, other fatal (CLIENT_BROKEN),
 * abortable (BATCH_ABORTED), else by code. NULL gives STATUS_OK. */
enum status kafka_err_object(struct err *err, rd_kafka_error_t *error, const char *what);

#endif

/**
 * kafka_err: librdkafka's error codes and objects to our statuses. Includes librdkafka: only for
 * folders that may.
 */
#ifndef STOCKSYNC_KAFKA_KAFKA_ERR_H
#define STOCKSYNC_KAFKA_KAFKA_ERR_H

#include <librdkafka/rdkafka.h>

#include "common/core/status.h"

/*
 *     code or object                                  status
 *     fenced, invalid producer epoch                  STATUS_FENCED
 *     authorisation, authentication                   STATUS_PERMISSION
 *     unknown or unusable topic or partition          STATUS_TOPIC_UNFIT
 *     message too large                               STATUS_TOO_LARGE
 *     fatal, but not fenced                           STATUS_CLIENT_BROKEN
 *     object that requires an abort                   STATUS_BATCH_ABORTED
 *     retriable object, any other code                STATUS_BROKER_LOST
 */
/** Fills err from a code. @return STATUS_OK for no error */
enum status kafka_err_code(struct err *err, rd_kafka_resp_err_t code, const char *what);
/** Fills err from an object and destroys it. @return STATUS_OK for NULL */
enum status kafka_err_object(struct err *err, rd_kafka_error_t *error, const char *what);

#endif

#include "common/kafka/kafka_err.h"

#include <stdbool.h>

/* Any other code counts as a lost broker, which is retried with back-off. */
static enum status status_of(rd_kafka_resp_err_t code)
{
    /* NOLINTNEXTLINE(clang-diagnostic-switch-enum): a dozen codes out of two hundred */
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return STATUS_OK;
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
        return STATUS_FENCED;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        return STATUS_PERMISSION;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        return STATUS_TOPIC_UNFIT;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return STATUS_TOO_LARGE;
    case RD_KAFKA_RESP_ERR__FATAL:
        return STATUS_CLIENT_BROKEN;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    default:
        return STATUS_BROKER_LOST;
    }
}

static enum status fill(struct err *err,
                        enum status status,
                        rd_kafka_resp_err_t code,
                        const char *what,
                        const char *text)
{
    return err_set_origin(err, status, rd_kafka_err2name(code), "%s: %s", what, text);
}

enum status kafka_err_code(struct err *err, rd_kafka_resp_err_t code, const char *what)
{
    const enum status rc = status_of(code);
    return rc == STATUS_OK ? rc : fill(err, rc, code, what, rd_kafka_err2str(code));
}

enum status kafka_err_object(struct err *err, rd_kafka_error_t *error, const char *what)
{
    if (error == NULL) {
        return STATUS_OK;
    }
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    enum status rc = status_of(code);
    if (rd_kafka_error_is_fatal(error) != 0) {
        rc = rc == STATUS_FENCED ? STATUS_FENCED : STATUS_CLIENT_BROKEN;
    } else if (rd_kafka_error_txn_requires_abort(error) != 0) {
        rc = STATUS_BATCH_ABORTED;
    } else if (rd_kafka_error_is_retriable(error) != 0) {
        rc = STATUS_BROKER_LOST;
    }
    (void)fill(err, rc, code, what, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return rc;
}

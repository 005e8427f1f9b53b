#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/kafka/kafka_err.h"

static const struct {
    rd_kafka_resp_err_t code;
    enum status expected;
} CODES[] = {
    {RD_KAFKA_RESP_ERR_NO_ERROR, STATUS_OK},
    {RD_KAFKA_RESP_ERR__FENCED, STATUS_FENCED},
    {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, STATUS_FENCED},
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, STATUS_FENCED},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, STATUS_PERMISSION},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, STATUS_PERMISSION},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, STATUS_PERMISSION},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, STATUS_PERMISSION},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, STATUS_TOPIC_UNFIT},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, STATUS_TOPIC_UNFIT},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, STATUS_TOO_LARGE},
    {RD_KAFKA_RESP_ERR__FATAL, STATUS_CLIENT_BROKEN},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, STATUS_BROKER_LOST},
    {RD_KAFKA_RESP_ERR__TRANSPORT, STATUS_BROKER_LOST},
    {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, STATUS_BROKER_LOST},
    {RD_KAFKA_RESP_ERR_UNKNOWN, STATUS_BROKER_LOST},
};

static void kafka_err_code_tells_who_acts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CODES / sizeof *CODES; i++) {
        struct err err = {0};
        const enum status status = kafka_err_code(&err, CODES[i].code, "trying");
        if (status != CODES[i].expected) {
            fail_msg("%s: %s", rd_kafka_err2name(CODES[i].code), status_name(status));
        }
        if (status != STATUS_OK) {
            assert_int_equal(err.status, status);
            assert_non_null(strstr(err.msg, "trying: "));
            assert_int_equal(
                strncmp(err.origin, rd_kafka_err2name(CODES[i].code), sizeof err.origin - 1), 0);
        }
    }
}

static void kafka_err_object_takes_no_error_for_ok(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(kafka_err_object(&err, NULL, "trying"), STATUS_OK);
}

static void kafka_err_object_without_flags_goes_by_its_code(void **state)
{
    (void)state;
    struct err err = {0};
    rd_kafka_error_t *error =
        rd_kafka_error_new(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "no %s", "entry");
    assert_int_equal(kafka_err_object(&err, error, "trying"), STATUS_PERMISSION);
    assert_string_equal(err.msg, "trying: no entry");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kafka_err_code_tells_who_acts),
        cmocka_unit_test(kafka_err_object_takes_no_error_for_ok),
        cmocka_unit_test(kafka_err_object_without_flags_goes_by_its_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/status.h"

static void status_every_one_has_a_name_a_text_and_a_class(void **state)
{
    (void)state;
    for (int i = STATUS_OK; i <= STATUS_INTERNAL; i++) {
        assert_true(strlen(status_name((enum status)i)) > 0);
        assert_true(strlen(status_text((enum status)i)) > 0);
        assert_true(strlen(status_class_name(status_class((enum status)i))) > 0);
    }
    assert_string_equal(status_name(STATUS_SOURCE_LOST), "SOURCE_LOST");
    assert_string_equal(status_text(STATUS_SOURCE_LOST), "connection to the database lost");
    assert_string_equal(status_class_name(status_class(STATUS_SOURCE_LOST)), "transient");
}

static void status_exit_codes_are_those_of_the_manual(void **state)
{
    (void)state;
    static const struct {
        enum status status;
        int code;
    } CASES[] = {
        {STATUS_OK, 0},           {STATUS_STOPPING, 0},     {STATUS_USAGE, 64},
        {STATUS_CONFIG, 78},      {STATUS_PERMISSION, 78},  {STATUS_DATABASE_UNFIT, 78},
        {STATUS_TOPIC_UNFIT, 78}, {STATUS_FENCED, 80},      {STATUS_INTERNAL, 70},
        {STATUS_SOURCE_LOST, 69}, {STATUS_BROKER_LOST, 69}, {STATUS_NOT_FOUND, 69},
        {STATUS_AUTH, 69},        {STATUS_TOO_LARGE, 69},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_int_equal(status_exit_code(CASES[i].status), CASES[i].code);
    }
}

static void err_set_replaces_everything(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(err_set_origin(&err, STATUS_SOURCE_LOST, "08006", "slot '%s'", "a"),
                     STATUS_SOURCE_LOST);
    assert_string_equal(err.origin, "08006");
    assert_string_equal(err.msg, "slot 'a'");
    assert_int_equal(err_set(&err, STATUS_CONFIG, "n is %d", 7), STATUS_CONFIG);
    assert_int_equal(err.status, STATUS_CONFIG);
    assert_string_equal(err.origin, "");
    assert_string_equal(err.msg, "n is 7");
}

static void err_set_origin_accepts_a_missing_origin(void **state)
{
    (void)state;
    struct err err = {0};
    (void)err_set_origin(&err, STATUS_AUTH, NULL, "no");
    assert_string_equal(err.origin, "");
}

static void err_prefix_puts_context_before_the_message(void **state)
{
    (void)state;
    struct err err = {0};
    (void)err_set_origin(&err, STATUS_TIMED_OUT, "28", "no answer");
    assert_int_equal(err_prefix(&err, "store '%s'", "outlet"), STATUS_TIMED_OUT);
    assert_string_equal(err.msg, "store 'outlet': no answer");
    assert_string_equal(err.origin, "28");
}

static void err_long_texts_are_cut_not_overrun(void **state)
{
    (void)state;
    char text[2 * sizeof(((struct err *)0)->msg)];
    struct err err = {0};
    (void)memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)err_set_origin(&err, STATUS_INTERNAL, text, "%s", text);
    assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
    assert_int_equal(strlen(err.origin), sizeof err.origin - 1);
    (void)err_prefix(&err, "p");
    assert_memory_equal(err.msg, "p: xxx", 6);
    assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
    (void)err_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_every_one_has_a_name_a_text_and_a_class),
        cmocka_unit_test(status_exit_codes_are_those_of_the_manual),
        cmocka_unit_test(err_set_replaces_everything),
        cmocka_unit_test(err_set_origin_accepts_a_missing_origin),
        cmocka_unit_test(err_prefix_puts_context_before_the_message),
        cmocka_unit_test(err_long_texts_are_cut_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

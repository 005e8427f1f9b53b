#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "common/core/logger.h"

/* The clock is a fake, so that folding is tested without waiting. */
static int64_t now_us = 1000000000;

int64_t clock_monotonic_us(void)
{
    return now_us;
}

int64_t clock_wall_us(void)
{
    return now_us;
}

char *clock_format_utc(int64_t wall_us, char text[CLOCK_TEXT_SIZE])
{
    (void)snprintf(text, CLOCK_TEXT_SIZE, "T%lld", (long long)(wall_us / 1000000));
    return text;
}

static FILE *capture;
static int real_stderr;

static void start_capture(void)
{
    capture = tmpfile();
    assert_non_null(capture);
    real_stderr = dup(STDERR_FILENO);
    assert_true(dup2(fileno(capture), STDERR_FILENO) >= 0);
}

/* What was written to standard error since start_capture. */
static const char *end_capture(void)
{
    static char text[20000];
    (void)dup2(real_stderr, STDERR_FILENO);
    (void)close(real_stderr);
    rewind(capture);
    size_t n = fread(text, 1, sizeof text - 1, capture);
    text[n] = '\0';
    (void)fclose(capture);
    return text;
}

/* A new instant far from all others, so that no case folds into another one. */
static int fresh(void **state)
{
    (void)state;
    log_flush();
    now_us += 1000000000;
    now_us -= now_us % 1000000000;
    log_init("producer", LOG_INFO);
    return 0;
}

static void logger_line_has_the_fixed_keys_first(void **state)
{
    (void)state;
    start_capture();
    log_info("tail", "settled", LF_INT("count", 120), LF_REAL("age_s", 0.25), LF_MSG("a b"));
    assert_string_equal(end_capture(), "ts=T2000 level=info svc=producer mod=tail event=settled "
                                       "count=120 age_s=0.25 msg=\"a b\"\n");
}

static void logger_values_are_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *shown;
    } CASES[] = {
        {NULL, ""},
        {"", "\"\""},
        {"plain-1.5/x:y", "plain-1.5/x:y"},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"a\nb\r\tc", "\"a\\nb\\r\\tc\""},
        {"\x01\x1B[2J\x7F", "\"\\u0001\\u001b[2J\\u007f\""},
        {"\xC2\x9B"
         "2J",
         "\"\\u009b2J\""},
        {"K\xC3\xB6ln", "K\xC3\xB6ln"},
        {"\xFF", "\"\\ufffd\""},
        {"a\xC3", "\"a\\ufffd\""},
        {"\xE2\x82\xAC \xED\xA0\x80", "\"\xE2\x82\xAC \\ufffd\\ufffd\\ufffd\""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char expected[200];
        start_capture();
        log_info("m", "e", LF_TEXT("sku", CASES[i].value), LF_INT("i", i));
        (void)snprintf(expected, sizeof expected, " sku=%s i=%zu\n", CASES[i].shown, i);
        assert_non_null(strstr(end_capture(), expected));
    }
}

static void logger_numbers_keep_their_range(void **state)
{
    (void)state;
    start_capture();
    log_info("m", "e", LF_INT("a", INT64_MIN), LF_INT("b", INT64_MAX), LF_REAL("c", -1.5));
    assert_non_null(
        strstr(end_capture(), " a=-9223372036854775808 b=9223372036854775807 c=-1.5\n"));
}

static void logger_failure_adds_what_err_says(void **state)
{
    (void)state;
    struct err err = {0};
    (void)err_set_origin(&err, STATUS_SOURCE_LOST, "08006", "connection 'a' lost");
    start_capture();
    log_failure(LOG_WARN, "tail", "reconnect", &err, LOG_FIELDS(LF_INT("backoff_ms", 250)));
    assert_string_equal(end_capture(),
                        "ts=T5000 level=warn svc=producer mod=tail event=reconnect backoff_ms=250 "
                        "status=SOURCE_LOST class=transient origin=08006 "
                        "msg=\"connection 'a' lost\"\n");
    (void)err_set(&err, STATUS_AUTH, "no");
    start_capture();
    log_failure(LOG_ERROR, "lane", "refused", &err, LOG_FIELDS(LF_TEXT("store", "a")));
    assert_non_null(strstr(end_capture(), " store=a status=AUTH class=store msg=no\n"));
}

static void logger_level_filters(void **state)
{
    (void)state;
    start_capture();
    log_init("producer", LOG_WARN);
    log_info("m", "hidden", LF_INT("a", 1));
    log_debug("m", "hidden", LF_INT("a", 1));
    log_warn("m", "seen", LF_INT("a", 1));
    log_error("m", "seen", LF_INT("a", 2));
    assert_string_equal(end_capture(), "ts=T6000 level=warn svc=producer mod=m event=seen a=1\n"
                                       "ts=T6000 level=error svc=producer mod=m event=seen a=2\n");
    assert_true(log_enabled(LOG_WARN));
    assert_false(log_enabled(LOG_INFO));
}

static void logger_level_names(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"error", "warn", "info", "debug"};
    enum log_level level = LOG_DEBUG;
    for (size_t i = 0; i < 4; i++) {
        assert_true(log_level_parse(NAMES[i], &level));
        assert_int_equal(level, i);
    }
    assert_false(log_level_parse("Info", &level));
    assert_false(log_level_parse("", &level));
}

static void logger_repeats_fold_until_the_window_ends(void **state)
{
    (void)state;
    start_capture();
    for (int i = 0; i < 5; i++) {
        log_warn("m", "again", LF_INT("n", 1));
        now_us += 1000000;
    }
    now_us += 5000000; /* 10 s after the first one */
    log_warn("m", "other", LF_INT("n", 1));
    log_warn("m", "again", LF_INT("n", 1));
    assert_string_equal(end_capture(),
                        "ts=T8000 level=warn svc=producer mod=m event=again n=1\n"
                        "ts=T8004 level=warn svc=producer mod=m event=again n=1 repeated=4\n"
                        "ts=T8010 level=warn svc=producer mod=m event=other n=1\n"
                        "ts=T8010 level=warn svc=producer mod=m event=again n=1\n");
}

static void logger_alternating_lines_fold_too(void **state)
{
    (void)state;
    start_capture();
    for (int i = 0; i < 3; i++) {
        log_warn("m", "a", LF_INT("n", 1));
        log_warn("m", "b", LF_INT("n", 1));
    }
    log_flush();
    log_flush();
    assert_string_equal(end_capture(),
                        "ts=T9000 level=warn svc=producer mod=m event=a n=1\n"
                        "ts=T9000 level=warn svc=producer mod=m event=b n=1\n"
                        "ts=T9000 level=warn svc=producer mod=m event=a n=1 repeated=2\n"
                        "ts=T9000 level=warn svc=producer mod=m event=b n=1 repeated=2\n");
}

/* More different lines than there are slots: none is lost, and the count of a pushed-out one is
 * written first. */
static void logger_many_different_lines_lose_nothing(void **state)
{
    (void)state;
    int lines = 0;
    start_capture();
    log_info("m", "first", LF_INT("n", 0));
    log_info("m", "first", LF_INT("n", 0));
    for (int i = 0; i < 100; i++) {
        now_us += 1000;
        log_info("m", "line", LF_INT("n", i));
    }
    const char *text = end_capture();
    for (const char *c = text; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    assert_int_equal(lines, 102);
    assert_non_null(strstr(text, "event=first n=0 repeated=1\n"));
}

static void logger_long_values_are_cut_and_the_line_stays_whole(void **state)
{
    (void)state;
    static char text[9000];
    (void)memset(text, 'x', sizeof text - 1);
    start_capture();
    log_info("m", "e", LF_TEXT("a", text), LF_MSG("end"));
    const char *out = end_capture();
    assert_non_null(strstr(out, "x\xE2\x80\xA6\" msg=end\n"));
    assert_true(strlen(out) < 1200);

    start_capture();
    log_info("m", "e", LF_TEXT("a", text), LF_TEXT("b", text), LF_TEXT("c", text),
             LF_TEXT("d", text), LF_MSG("end"));
    out = end_capture();
    assert_true(strlen(out) <= 4096);
    assert_int_equal(out[strlen(out) - 1], '\n');
    assert_non_null(strstr(out, " c=\"xxx"));
    assert_null(strstr(out, " d="));
    assert_non_null(strstr(out, "x\xE2\x80\xA6\" cut=1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(logger_line_has_the_fixed_keys_first, fresh),
        cmocka_unit_test_setup(logger_values_are_escaped, fresh),
        cmocka_unit_test_setup(logger_numbers_keep_their_range, fresh),
        cmocka_unit_test_setup(logger_failure_adds_what_err_says, fresh),
        cmocka_unit_test_setup(logger_level_filters, fresh),
        cmocka_unit_test_setup(logger_level_names, fresh),
        cmocka_unit_test_setup(logger_repeats_fold_until_the_window_ends, fresh),
        cmocka_unit_test_setup(logger_alternating_lines_fold_too, fresh),
        cmocka_unit_test_setup(logger_many_different_lines_lose_nothing, fresh),
        cmocka_unit_test_setup(logger_long_values_are_cut_and_the_line_stays_whole, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/metric.h"

/* The registry is global and only grows: each case uses names of its own and looks for its part of
 * the text. */
static struct strbuf text;

static const char *rendered(void)
{
    strbuf_reset(&text);
    metric_render(&text);
    return text.ptr;
}

static void metric_text_is_exact(void **state)
{
    (void)state;
    struct metric *plain = metric_counter("t_marks_total", "marks read", NULL, NULL);
    struct metric *a = metric_gauge("t_age_seconds", "age of the oldest", "store", "a");
    metric_add(plain, 2);
    metric_add(plain, UINT64_C(10000000000));
    metric_set(a, 1.5);
    metric_set(metric_gauge("t_age_seconds", "age of the oldest", "store", "b"), 0);
    assert_string_equal(rendered(), "# HELP t_marks_total marks read\n"
                                    "# TYPE t_marks_total counter\n"
                                    "t_marks_total 10000000002\n"
                                    "# HELP t_age_seconds age of the oldest\n"
                                    "# TYPE t_age_seconds gauge\n"
                                    "t_age_seconds{store=\"a\"} 1.5\n"
                                    "t_age_seconds{store=\"b\"} 0\n");
}

static void metric_same_name_stays_together(void **state)
{
    (void)state;
    (void)metric_counter("t_one_total", "one", "store", "a");
    (void)metric_counter("t_two_total", "two", "store", "a");
    (void)metric_counter("t_one_total", "one", "store", "b");
    assert_non_null(strstr(rendered(), "# HELP t_one_total one\n"
                                       "# TYPE t_one_total counter\n"
                                       "t_one_total{store=\"a\"} 0\n"
                                       "t_one_total{store=\"b\"} 0\n"
                                       "# HELP t_two_total two\n"));
}

static void metric_registering_again_gives_the_same_cell(void **state)
{
    (void)state;
    struct metric *first = metric_counter("t_again_total", "again", "store", "a");
    assert_ptr_equal(metric_counter("t_again_total", "again", "store", "a"), first);
    assert_ptr_not_equal(metric_counter("t_again_total", "again", "store", "b"), first);
    assert_ptr_not_equal(metric_counter("t_again_total", "again", NULL, NULL), first);
}

static void metric_label_and_help_are_escaped(void **state)
{
    (void)state;
    (void)metric_counter("t_escape_total", "a \"b\" \\ c\nd", "store", "q\"b\\s\nl");
    assert_non_null(strstr(rendered(), "# HELP t_escape_total a \"b\" \\\\ c\\nd\n"
                                       "# TYPE t_escape_total counter\n"
                                       "t_escape_total{store=\"q\\\"b\\\\s\\nl\"} 0\n"));
}

static void metric_gauge_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *shown;
    } CASES[] = {
        {0.1, "t_number 0.1\n"},
        {-3, "t_number -3\n"},
        {1e15, "t_number 1e+15\n"},
        {123456789012345.0, "t_number 123456789012345\n"},
        {1.0 / 3, "t_number 0.33333333333333331\n"},
        {(double)INFINITY, "t_number +Inf\n"},
        {-(double)INFINITY, "t_number -Inf\n"},
        {(double)NAN, "t_number NaN\n"},
    };
    struct metric *m = metric_gauge("t_number", "number", NULL, NULL);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        metric_set(m, CASES[i].value);
        assert_non_null(strstr(rendered(), CASES[i].shown));
    }
}

static void metric_histogram_is_cumulative(void **state)
{
    (void)state;
    struct metric *m = metric_histogram("t_delay_seconds", "delay", "store", "a");
    static const int64_t OBSERVED[] = {-5, 0, 1000, 1001, 250000, 600000000, 600000001};
    for (size_t i = 0; i < sizeof OBSERVED / sizeof OBSERVED[0]; i++) {
        metric_observe_us(m, OBSERVED[i]);
    }
    assert_true(fabs(metric_value(m) - 7) < 1e-9);
    assert_non_null(strstr(rendered(), "# HELP t_delay_seconds delay\n"
                                       "# TYPE t_delay_seconds histogram\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"0.001\"} 3\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"0.002\"} 4\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"0.005\"} 4\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"0.01\"} 4\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"0.02\"} 4\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"0.05\"} 4\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"0.1\"} 4\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"0.2\"} 4\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"0.5\"} 5\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"1\"} 5\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"2\"} 5\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"5\"} 5\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"10\"} 5\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"20\"} 5\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"60\"} 5\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"120\"} 5\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"300\"} 5\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"600\"} 6\n"
                                       "t_delay_seconds_bucket{store=\"a\",le=\"+Inf\"} 7\n"
                                       "t_delay_seconds_sum{store=\"a\"} 1200.252002\n"
                                       "t_delay_seconds_count{store=\"a\"} 7\n"));
}

static void metric_histogram_without_label(void **state)
{
    (void)state;
    (void)metric_histogram("t_bare_seconds", "bare", NULL, NULL);
    const char *out = rendered();
    assert_non_null(strstr(out, "\nt_bare_seconds_bucket{le=\"0.001\"} 0\n"));
    assert_non_null(strstr(out, "\nt_bare_seconds_sum 0\nt_bare_seconds_count 0\n"));
}

static void *add_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10000; i++) {
        metric_add(metric_counter("t_shared_total", "shared", "store", "a"), 1);
        metric_observe_us(metric_histogram("t_shared_seconds", "shared", NULL, NULL), i);
    }
    return NULL;
}

static void metric_threads_lose_no_count(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_often, NULL), 0);
    }
    (void)rendered();
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    const char *out = rendered();
    assert_non_null(strstr(out, "t_shared_total{store=\"a\"} 40000\n"));
    assert_non_null(strstr(out, "t_shared_seconds_count 40000\n"));
    assert_true(metric_value(metric_counter("t_shared_total", "shared", "store", "a")) > 39999.5);
}

static int set_up(void **state)
{
    (void)state;
    strbuf_init(&text, 1000000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    strbuf_release(&text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metric_text_is_exact), /* first: it compares the whole registry */
        cmocka_unit_test(metric_same_name_stays_together),
        cmocka_unit_test(metric_registering_again_gives_the_same_cell),
        cmocka_unit_test(metric_label_and_help_are_escaped),
        cmocka_unit_test(metric_gauge_numbers),
        cmocka_unit_test(metric_histogram_is_cumulative),
        cmocka_unit_test(metric_histogram_without_label),
        cmocka_unit_test(metric_threads_lose_no_count),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

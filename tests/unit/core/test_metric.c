#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/metric.h"

/* The registry is global and only grows. Each case uses other names and looks for its part of the
 * text. */
static struct strbuf text;

/* A table of one row. */
static struct metric *
one(enum metric_kind kind, const char *name, const char *help, const char *label, const char *value)
{
    struct metric *cell = NULL;
    const struct metric_row row = {0, kind, name, NULL, NULL, help};
    const struct metric_table table = {&row, 1, label};
    metric_table_register(&table, value, &cell);
    return cell;
}

static const char *rendered(void)
{
    strbuf_reset(&text);
    metric_render(&text);
    return text.ptr;
}

static void metric_text_is_exact(void **state)
{
    (void)state;
    struct metric *plain = one(METRIC_COUNTER, "t_marks_total", "marks read", NULL, NULL);
    struct metric *a = one(METRIC_GAUGE, "t_age_seconds", "age of the oldest", "store", "a");
    metric_add(plain, 2);
    metric_add(plain, UINT64_C(10000000000));
    metric_set(a, 1.5);
    metric_set(one(METRIC_GAUGE, "t_age_seconds", "age of the oldest", "store", "b"), 0);
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
    (void)one(METRIC_COUNTER, "t_one_total", "one", "store", "a");
    (void)one(METRIC_COUNTER, "t_two_total", "two", "store", "a");
    (void)one(METRIC_COUNTER, "t_one_total", "one", "store", "b");
    assert_non_null(strstr(rendered(), "# HELP t_one_total one\n"
                                       "# TYPE t_one_total counter\n"
                                       "t_one_total{store=\"a\"} 0\n"
                                       "t_one_total{store=\"b\"} 0\n"
                                       "# HELP t_two_total two\n"));
}

static void metric_registering_again_gives_the_same_cell(void **state)
{
    (void)state;
    struct metric *first = one(METRIC_COUNTER, "t_again_total", "again", "store", "a");
    assert_ptr_equal(one(METRIC_COUNTER, "t_again_total", "again", "store", "a"), first);
    assert_ptr_not_equal(one(METRIC_COUNTER, "t_again_total", "again", "store", "b"), first);
    assert_ptr_not_equal(one(METRIC_COUNTER, "t_again_total", "again", NULL, NULL), first);
}

static void metric_label_and_help_are_escaped(void **state)
{
    (void)state;
    (void)one(METRIC_COUNTER, "t_escape_total", "a \"b\" \\ c\nd", "store", "q\"b\\s\nl");
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
    struct metric *m = one(METRIC_GAUGE, "t_number", "number", NULL, NULL);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        metric_set(m, CASES[i].value);
        assert_non_null(strstr(rendered(), CASES[i].shown));
    }
}

static void metric_histogram_is_cumulative(void **state)
{
    (void)state;
    struct metric *m = one(METRIC_HISTOGRAM, "t_delay_seconds", "delay", "store", "a");
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
    (void)one(METRIC_HISTOGRAM, "t_bare_seconds", "bare", NULL, NULL);
    const char *out = rendered();
    assert_non_null(strstr(out, "\nt_bare_seconds_bucket{le=\"0.001\"} 0\n"));
    assert_non_null(strstr(out, "\nt_bare_seconds_sum 0\nt_bare_seconds_count 0\n"));
}

static void metric_seconds_counter_takes_microseconds(void **state)
{
    (void)state;
    struct metric *m = one(METRIC_SECONDS_COUNTER, "t_wait_seconds_total", "waited", NULL, NULL);
    metric_add_us(m, 2500000);
    metric_add_us(m, 1);
    metric_add_us(m, -7);
    assert_true(fabs(metric_value(m) - 2.500001) < 1e-9);
    assert_non_null(strstr(rendered(), "# HELP t_wait_seconds_total waited\n"
                                       "# TYPE t_wait_seconds_total counter\n"
                                       "t_wait_seconds_total 2.500001\n"));
}

/* --- tables --- */

struct store_cells {
    struct metric *requests, *excluded[2], *wait;
};

static const struct metric_row STORE_ROWS[] = {
    {.offset = offsetof(struct store_cells, requests),
     .kind = METRIC_COUNTER,
     .name = "t_table_requests_total",
     .help = "requests sent"},
    {.offset = offsetof(struct store_cells, excluded[0]),
     .kind = METRIC_COUNTER,
     .name = "t_table_excluded_total",
     .label = "reason",
     .value = "foreign",
     .help = "levels left out"},
    {.offset = offsetof(struct store_cells, excluded[1]),
     .kind = METRIC_COUNTER,
     .name = "t_table_excluded_total",
     .label = "reason",
     .value = "brake",
     .help = "levels left out"},
    {.offset = offsetof(struct store_cells, wait),
     .kind = METRIC_SECONDS_COUNTER,
     .name = "t_table_wait_seconds_total",
     .help = "time waited"},
};
static const struct metric_table STORE_TABLE = {
    .rows = STORE_ROWS, .count = sizeof STORE_ROWS / sizeof STORE_ROWS[0], .label = "store"};

struct program_cells {
    struct metric *age, *state[2];
};

static const struct metric_row PROGRAM_ROWS[] = {
    {.offset = offsetof(struct program_cells, age),
     .kind = METRIC_HISTOGRAM,
     .name = "t_table_age_seconds",
     .help = "age of a change"},
    {.offset = offsetof(struct program_cells, state[0]),
     .kind = METRIC_GAUGE,
     .name = "t_table_state",
     .label = "state",
     .value = "standby",
     .help = "1 for the present state"},
    {.offset = offsetof(struct program_cells, state[1]),
     .kind = METRIC_GAUGE,
     .name = "t_table_state",
     .label = "state",
     .value = "leader",
     .help = "1 for the present state"},
};
static const struct metric_table PROGRAM_TABLE = {
    .rows = PROGRAM_ROWS, .count = sizeof PROGRAM_ROWS / sizeof PROGRAM_ROWS[0]};

static void metric_table_labels_of_table_and_row_are_shown_together(void **state)
{
    (void)state;
    struct store_cells a, b;
    metric_table_register(&STORE_TABLE, "a", &a);
    metric_table_register(&STORE_TABLE, "b", &b);
    metric_add(a.requests, 1);
    metric_add(b.requests, 2);
    metric_add(a.excluded[0], 3);
    metric_add(a.excluded[1], 4);
    metric_add(b.excluded[1], 5);
    const char *out = rendered();
    assert_non_null(strstr(out, "t_table_requests_total{store=\"a\"} 1\n"
                                "t_table_requests_total{store=\"b\"} 2\n"));
    assert_non_null(strstr(out, "# TYPE t_table_excluded_total counter\n"
                                "t_table_excluded_total{store=\"a\",reason=\"foreign\"} 3\n"
                                "t_table_excluded_total{store=\"a\",reason=\"brake\"} 4\n"
                                "t_table_excluded_total{store=\"b\",reason=\"foreign\"} 0\n"
                                "t_table_excluded_total{store=\"b\",reason=\"brake\"} 5\n"));
}

static void metric_table_without_label_shows_the_label_of_a_row_alone(void **state)
{
    (void)state;
    struct program_cells cells;
    metric_table_register(&PROGRAM_TABLE, NULL, &cells);
    metric_set(cells.state[1], 1);
    metric_observe_us(cells.age, 1500000);
    const char *out = rendered();
    assert_non_null(strstr(out, "# TYPE t_table_state gauge\n"
                                "t_table_state{state=\"standby\"} 0\n"
                                "t_table_state{state=\"leader\"} 1\n"));
    assert_non_null(strstr(out, "t_table_age_seconds_sum 1.5\n"));
}

static void metric_table_registered_again_gives_the_same_cells(void **state)
{
    (void)state;
    struct store_cells first, again, other;
    metric_table_register(&STORE_TABLE, "again", &first);
    metric_table_register(&STORE_TABLE, "again", &again);
    metric_table_register(&STORE_TABLE, "other", &other);
    assert_memory_equal(&first, &again, sizeof first);
    assert_ptr_not_equal(first.excluded[0], first.excluded[1]);
    assert_ptr_not_equal(first.excluded[1], other.excluded[1]);
}

static void metric_tables_are_documented_once_a_name(void **state)
{
    (void)state;
    static const struct metric_table *const TABLES[] = {&STORE_TABLE, &PROGRAM_TABLE, NULL};
    static const struct metric_table *const NONE[] = {NULL};
    strbuf_reset(&text);
    metric_table_document(TABLES, &text);
    assert_string_equal(
        text.ptr,
        "| metric | labels | kind | meaning |\n"
        "|---|---|---|---|\n"
        "| `t_table_requests_total` | store | counter | requests sent |\n"
        "| `t_table_excluded_total` | store, reason: foreign brake | counter | levels left out |\n"
        "| `t_table_wait_seconds_total` | store | counter | time waited |\n"
        "| `t_table_age_seconds` |  | histogram | age of a change |\n"
        "| `t_table_state` | state: standby leader | gauge | 1 for the present state |\n");
    strbuf_reset(&text);
    metric_table_document(NONE, &text);
    assert_string_equal(text.ptr, "| metric | labels | kind | meaning |\n|---|---|---|---|\n");
}

/* --- threads --- */

static void *add_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10000; i++) {
        metric_add(one(METRIC_COUNTER, "t_shared_total", "shared", "store", "a"), 1);
        metric_observe_us(one(METRIC_HISTOGRAM, "t_shared_seconds", "shared", NULL, NULL), i);
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
    assert_true(metric_value(one(METRIC_COUNTER, "t_shared_total", "shared", "store", "a")) >
                39999.5);
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
        cmocka_unit_test(metric_seconds_counter_takes_microseconds),
        cmocka_unit_test(metric_table_labels_of_table_and_row_are_shown_together),
        cmocka_unit_test(metric_table_without_label_shows_the_label_of_a_row_alone),
        cmocka_unit_test(metric_table_registered_again_gives_the_same_cells),
        cmocka_unit_test(metric_tables_are_documented_once_a_name),
        cmocka_unit_test(metric_threads_lose_no_count),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/core/clock.h"
#include "producer/app/gc_task.h"

static struct producer_conf conf = {.gc = {.every_ms = 1}};
static atomic_int cleanings;

static enum status
clean(const struct producer_conf *given, struct gc_report *report, struct err *err)
{
    assert_ptr_equal(given, &conf);
    report->has_horizon = true;
    report->horizon.age_s = 700;
    report->counts = (struct gc_counts){.attempts = 2, .levels = 3};
    return atomic_fetch_add(&cleanings, 1) % 2 == 0
               ? STATUS_OK
               : err_set(err, STATUS_SOURCE_LOST, "the database is away");
}

static void gc_task_cleans_at_its_interval_and_goes_on_after_a_failure(void **state)
{
    (void)state;
    const struct timespec moment = {.tv_nsec = 100000};
    const int64_t deadline = clock_monotonic_us() + 5000000;
    struct gc_metrics metrics;
    struct gc_task *task = NULL;
    struct err err;
    metric_table_register(&gc_metric_table, NULL, &metrics);
    assert_int_equal(gc_task_start(&conf, clean, &task, &err), STATUS_OK);
    while (atomic_load(&cleanings) < 3 && clock_monotonic_us() < deadline) {
        (void)nanosleep(&moment, NULL);
    }
    gc_task_stop(task);
    const int count = atomic_load(&cleanings);
    assert_true(count >= 3);
    assert_int_equal((int)metric_value(metrics.runs), (count + 1) / 2);
    assert_int_equal((int)metric_value(metrics.failures), count / 2);
    assert_int_equal((int)metric_value(metrics.removed), 5 * ((count + 1) / 2));
    assert_int_equal((int)metric_value(metrics.horizon_age), 700);
}

static void gc_task_that_was_never_started_stops(void **state)
{
    (void)state;
    gc_task_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test(name)
        TEST(gc_task_cleans_at_its_interval_and_goes_on_after_a_failure),
        TEST(gc_task_that_was_never_started_stops),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/brake_control.h"
#include "consumer/lane/printer.h"
#include "tests/unit/lane/bench.h"

static struct source_guard guard;
static struct brake_control brake;
static struct printer printer;
static struct sink sink;
static char printed[4000];

static void print(const char *line)
{
    size_t used = strlen(printed);
    (void)snprintf(printed + used, sizeof printed - used, "%s\n", line);
}

static int open_printer(void **state)
{
    struct err err;
    (void)bench_open(state);
    printed[0] = 0;
    sink = printer_sink(&printer);
    bench.sink = sink;
    bench.options.print = print;
    bench.guard.levels = 10;
    const struct state_guard row = {.loaded = true};
    source_guard_open(&guard, &bench.c, &bench.streams.known, &row);
    metric_add(bench.metrics.record.foreign, 7); /* counted before the start */
    int rc = brake_control_open(&brake, &bench.c, &guard, &row, &err) == STATUS_OK ? 0 : -1;
    sink.begin(sink.arg, &bench.c, &brake);
    return rc;
}

static int close_printer(void **state)
{
    source_guard_close(&guard);
    return bench_close(state);
}

#define PRINTER_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, open_printer, close_printer)

static void waiting(int32_t product_id, const char *sku, int32_t to, enum level_stage stage)
{
    bench_product(product_id, sku, 40 + product_id);
    (void)coalescer_put_back(bench.c.coalescer, bench_ready(40 + product_id, product_id, to, 5),
                             stage);
}

static void turn(bool at_end)
{
    struct err err = {0};
    assert_int_equal(sink.turn(sink.arg, at_end, &err), STATUS_OK);
}

static void a_dry_run_writes_nothing(void **state)
{
    (void)state;
    assert_false(sink.writes);
}

static void planned_writes_are_printed_at_the_end(void **state)
{
    (void)state;
    waiting(1, "A \"1\"", 4, LEVEL_READY);
    waiting(2, "B", 4, LEVEL_MISSING);
    waiting(3, "C", 4, LEVEL_UNTRACKED);
    turn(false);
    assert_string_equal(printed, "");
    turn(true);
    assert_string_equal(
        printed,
        "store=alpha product=1 sku=\"A \\\"1\\\"\" item=41 location=70 from=5 to=4 cause=stock\n"
        "store=alpha product=2 sku=\"B\" item=42 location=70 from=unknown to=4 cause=stock "
        "first=activate\n"
        "store=alpha product=3 sku=\"C\" item=43 location=70 from=unknown to=4 cause=stock "
        "first=track\n");
    assert_int_equal(coalescer_total(bench.c.coalescer), 0);
    assert_int_equal(bench_unfinished(), 0);
    printed[0] = 0;
    turn(true);
    assert_string_equal(printed, "");
}

static void the_totals_say_which_way_the_levels_go(void **state)
{
    (void)state;
    waiting(1, "A", 9, LEVEL_READY);
    waiting(2, "B", 4, LEVEL_READY);
    waiting(3, "C", 0, LEVEL_READY);
    waiting(4, "D", 4, LEVEL_MISSING); /* from an unknown number */
    turn(true);
    sink.end(sink.arg);
    assert_non_null(strstr(printed, "would write 4 of 4 levels"));
    assert_non_null(strstr(printed, "; 1 would rise, 2 fall, 1 of them to zero"));
}

static void a_level_that_is_not_resolved_delays_the_print(void **state)
{
    (void)state;
    waiting(1, "A", 4, LEVEL_READY);
    waiting(2, "B", 4, LEVEL_UNREAD);
    turn(true);
    assert_string_equal(printed, "");
}

static void a_shared_product_is_not_printed(void **state)
{
    (void)state;
    waiting(1, "TWO", 4, LEVEL_READY);
    bench_product(2, "TWO", 41);
    turn(true);
    assert_string_equal(printed, "");
    assert_int_equal(printer.would_write, 0);
    assert_int_equal(bench_unfinished(), 0);
}

static void without_a_print_function_the_log_has_the_writes(void **state)
{
    (void)state;
    bench.options.print = NULL;
    waiting(1, "A", 4, LEVEL_READY);
    turn(true);
    sink.end(sink.arg);
    assert_int_equal(printer.would_write, 1);
    assert_string_equal(printed, "");
}

static void the_summary_counts_everything(void **state)
{
    (void)state;
    static const enum level_end ends[] = {END_CONFIRMED, END_CONFIRMED, END_SUPERSEDED, END_PARKED};
    for (size_t i = 0; i < 4; i++) {
        const struct outcome outcome = {.end = ends[i]};
        sink.completed(sink.arg, &outcome);
    }
    for (int32_t i = 1; i <= 6; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", (int)i);
        waiting(i, sku, 0, LEVEL_READY);
    }
    metric_add(bench.metrics.record.foreign, 2);
    bench.parked.in_memory[0] = bench.parked.in_memory[2] = "unmapped";
    bench.parked.in_memory[1] = "no_sku";
    turn(true);
    printed[0] = 0;
    sink.end(sink.arg);
    assert_string_equal(
        printed,
        "store=alpha would write 6 of 9 levels; 2 hold the number already, 1 were written from "
        "this record or a newer one; 0 would rise, 6 fall, 6 of them to zero; unmapped 2; no_sku "
        "1; 2 records of another database left out; "
        "the brake would hold: 6 of 10 levels would fall to zero within 60 s, more than "
        "brake_percent = 50: nothing is written until the cause is gone or 'stocksync-consumer "
        "resume --store alpha' accepts it\n");
}

static void a_quiet_summary_is_short(void **state)
{
    (void)state;
    sink.end(sink.arg);
    assert_string_equal(printed,
                        "store=alpha would write 0 of 0 levels; 0 hold the number already, 0 were "
                        "written from this record or a newer one\n");
}

static void more_reasons_than_fit_are_left_out(void **state)
{
    (void)state;
    static char reasons[18][8];
    for (size_t i = 0; i < 18; i++) {
        (void)snprintf(reasons[i], sizeof reasons[i], "r%zu", i);
        bench.parked.in_memory[i] = reasons[i];
    }
    sink.end(sink.arg);
    assert_non_null(strstr(printed, "; r15 1"));
    assert_null(strstr(printed, "; r16 1"));
}

static void a_failing_count_is_returned(void **state)
{
    (void)state;
    struct err err;
    for (int32_t i = 1; i <= 6; i++) {
        char sku[16];
        (void)snprintf(sku, sizeof sku, "S%d", (int)i);
        waiting(i, sku, 0, LEVEL_READY);
    }
    bench.fails = "guard_levels";
    assert_int_equal(sink.turn(sink.arg, true, &err), STATUS_SOURCE_LOST);
    assert_string_equal(printed, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PRINTER_TEST(a_dry_run_writes_nothing),
        PRINTER_TEST(planned_writes_are_printed_at_the_end),
        PRINTER_TEST(the_totals_say_which_way_the_levels_go),
        PRINTER_TEST(a_level_that_is_not_resolved_delays_the_print),
        PRINTER_TEST(a_shared_product_is_not_printed),
        PRINTER_TEST(without_a_print_function_the_log_has_the_writes),
        PRINTER_TEST(the_summary_counts_everything),
        PRINTER_TEST(a_quiet_summary_is_short),
        PRINTER_TEST(more_reasons_than_fit_are_left_out),
        PRINTER_TEST(a_failing_count_is_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "producer/odoo/install_copy.h"
#include "producer/odoo/install_steps.h"

static void a_step_without_statements_is_left_out(void **state)
{
    (void)state;
    struct install_plan plan;
    install_plan_init(&plan);
    install_plan_step(&plan, "nothing", NULL, NULL);
    install_plan_step(&plan, "triggers on stock_quant", "stock_quant", "ACCESS EXCLUSIVE");
    install_plan_add(&plan, "DROP TRIGGER a ON public.stock_quant");
    install_plan_add(&plan, "DROP TRIGGER b ON public.stock_quant");
    install_plan_step(&plan, "functions", NULL, NULL);
    install_plan_script(&plan, "DROP FUNCTION f();\n");
    install_plan_step(&plan, "nothing", NULL, NULL);
    assert_int_equal(plan.step_count, 3);
    struct bytes first = install_plan_statements(&plan, 0);
    static const char FIRST[] =
        "DROP TRIGGER a ON public.stock_quant;\nDROP TRIGGER b ON public.stock_quant;\n";
    assert_int_equal(first.len, strlen(FIRST));
    assert_memory_equal(first.ptr, FIRST, first.len);
    assert_int_equal(install_plan_statements(&plan, 1).len, strlen("DROP FUNCTION f();\n"));
    assert_int_equal(install_plan_statements(&plan, 2).len, 0);
    install_plan_release(&plan);
}

/* The lock comes first, and no transaction waits long for anything. */
static void printed_sql_has_the_limits(void **state)
{
    (void)state;
    struct install_plan plan;
    struct strbuf out;
    install_plan_init(&plan);
    strbuf_init(&out, 16384);
    install_plan_step(&plan, "triggers on stock_quant", "stock_quant", "SHARE ROW EXCLUSIVE");
    install_plan_add(&plan, "CREATE TRIGGER a");
    install_plan_step(&plan, "schema stocksync", NULL, NULL);
    install_plan_add(&plan, "CREATE SCHEMA stocksync");
    install_steps_print(&plan, &out);
    const char *first = strstr(out.ptr, "-- triggers on stock_quant\nBEGIN;\n");
    assert_non_null(first);
    const char *limit = strstr(first, "SET LOCAL lock_timeout = '75ms';\n");
    const char *lock = strstr(first, "LOCK TABLE public.stock_quant IN SHARE ROW EXCLUSIVE MODE;\n"
                                     "CREATE TRIGGER a;\nCOMMIT;\n-- schema stocksync\nBEGIN;\n");
    assert_true(limit != NULL && lock != NULL && limit < lock);
    assert_non_null(strstr(lock, "SET LOCAL lock_timeout = '75ms';\n"));
    assert_null(strstr(lock + 1, "LOCK TABLE"));
    assert_non_null(strstr(out.ptr, "pg_advisory_unlock(6004, 2);\n"));
    strbuf_release(&out);
    install_plan_release(&plan);
}

static void pauses_grow_to_half_a_second(void **state)
{
    (void)state;
    assert_int_equal(install_steps_backoff_us(1), 100000);
    assert_int_equal(install_steps_backoff_us(2), 200000);
    assert_int_equal(install_steps_backoff_us(3), 400000);
    assert_int_equal(install_steps_backoff_us(4), 500000);
    assert_int_equal(install_steps_backoff_us(1000000), 500000);
}

static void marks_of_a_day_are_no_warning(void **state)
{
    (void)state;
    char text[256] = "";
    assert_false(install_copy_warning(&(struct install_copy_marks){.bytes = 9}, text));
    assert_false(install_copy_warning(&(struct install_copy_marks){.age_s = 86400}, text));
    assert_true(install_copy_warning(
        &(struct install_copy_marks){.bytes = 7900000000, .age_s = 3 * 86400 + 5}, text));
    assert_non_null(strstr(text, "3 days"));
    assert_non_null(strstr(text, "7900 MB"));
    assert_non_null(strstr(text, "uninstall"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_without_statements_is_left_out),
        cmocka_unit_test(printed_sql_has_the_limits),
        cmocka_unit_test(pauses_grow_to_half_a_second),
        cmocka_unit_test(marks_of_a_day_are_no_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

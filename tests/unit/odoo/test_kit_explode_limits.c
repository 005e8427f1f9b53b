#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/odoo/kit_explode.h"
#include "tests/unit/odoo/kit_example.h"

/* Products from BASE on; product BASE + n has bill BASE + n. */
enum { BASE = 100000 };

static void add_product(struct kit_rows *rows, int32_t n)
{
    const struct kit_product product = {.id = BASE + n,
                                        .template_id = BASE + n,
                                        .uom_id = UNIT,
                                        .is_storable = true,
                                        .has_priority = true};
    kit_rows_add_product(rows, &product);
}

static void add_bill(struct kit_rows *rows, int32_t n, int32_t company_id)
{
    const struct kit_bom bom = {.id = BASE + n,
                                .template_id = BASE + n,
                                .company_id = company_id,
                                .uom_id = UNIT,
                                .quantity = 1};
    kit_rows_add_bom(rows, &bom);
}

static void add_line(struct kit_rows *rows, int32_t id, int32_t from, int32_t to)
{
    const struct kit_line line = {
        .id = id, .bom_id = BASE + from, .product_id = BASE + to, .uom_id = UNIT, .quantity = 1};
    kit_rows_add_line(rows, &line);
}

/* Each of the levels names the next in so many lines; the last is no kit. Companies alternate when
 * no level may open the next. */
static void add_levels(struct kit_rows *rows, int32_t levels, int32_t lines, bool opened)
{
    kit_example_add_shop(rows, false);
    for (int32_t n = 0; n <= levels; n++) {
        add_product(rows, n);
    }
    for (int32_t n = 0; n < levels; n++) {
        add_bill(rows, n, opened ? 0 : 1 + n % 2);
        for (int32_t line = 0; line < lines; line++) {
            add_line(rows, 1 + n * lines + line, n, n + 1);
        }
    }
    kit_rows_sort(rows);
}

static void explode_levels(int32_t levels, int32_t lines, bool opened, struct kit_needs *needs)
{
    struct kit_rows rows = {0};
    add_levels(&rows, levels, lines, opened);
    kit_explode(&rows, BASE, needs);
    assert_int_equal(needs->kind, KIT_PHANTOM);
    kit_example_check_order("levels", BASE, needs);
    kit_rows_release(&rows);
}

static void kit_explode_goes_down_a_thousand_levels(void **state)
{
    (void)state;
    struct kit_needs needs = {0};
    explode_levels(1000, 1, true, &needs);
    assert_int_equal(needs.problem, KIT_FINE);
    assert_int_equal(needs.count, 1000);
    for (size_t i = 0; i < 999; i++) {
        assert_int_equal(needs.parts[i].role, KIT_ROLE_STRUCTURE);
    }
    assert_int_equal(needs.parts[999].role, KIT_ROLE_LIMITS);
    assert_true(needs.parts[999].need == 1);
    kit_needs_release(&needs);
}

static void kit_explode_goes_down_a_thousand_levels_that_it_does_not_open(void **state)
{
    (void)state;
    struct kit_needs needs = {0};
    explode_levels(1000, 1, false, &needs);
    assert_int_equal(needs.problem, KIT_FINE);
    assert_int_equal(needs.count, 1000);
    assert_int_equal(needs.parts[0].role, KIT_ROLE_LIMITS);
    assert_true(needs.parts[0].need == 1);
    for (size_t i = 1; i < 1000; i++) {
        assert_int_equal(needs.parts[i].role, KIT_ROLE_THROUGH);
    }
    kit_needs_release(&needs);
}

static void kit_explode_finds_a_cycle_a_thousand_levels_long(void **state)
{
    (void)state;
    struct kit_needs needs = {0};
    for (int opened = 0; opened <= 1; opened++) {
        struct kit_rows rows = {0};
        add_levels(&rows, 1000, 1, opened);
        add_bill(&rows, 1000, opened ? 0 : 1);
        add_line(&rows, 5000, 1000, 1);
        add_line(&rows, 5001, 1000, 0);
        kit_rows_sort(&rows);
        kit_explode(&rows, BASE, &needs);
        assert_int_equal(needs.problem, KIT_CYCLE);
        kit_example_check_order("long cycle", BASE, &needs);
        kit_rows_release(&rows);
    }
    kit_needs_release(&needs);
}

static void kit_explode_stops_where_lines_double_at_each_level(void **state)
{
    (void)state;
    struct kit_needs needs = {0};
    explode_levels(15, 2, true, &needs); /* 2 + 4 + … = 65,534 lines */
    assert_int_equal(needs.problem, KIT_FINE);
    assert_int_equal(needs.count, 15);
    assert_true(needs.parts[14].need == 32768);
    explode_levels(16, 2, true, &needs); /* 131,070 */
    assert_int_equal(needs.problem, KIT_TOO_LARGE);
    explode_levels(20, 2, true, &needs);
    assert_int_equal(needs.problem, KIT_TOO_LARGE);
    explode_levels(60, 2, true, &needs); /* would never end */
    assert_int_equal(needs.problem, KIT_TOO_LARGE);
    kit_needs_release(&needs);
}

static void kit_explode_looks_once_at_each_kit_that_it_does_not_open(void **state)
{
    (void)state;
    struct kit_needs needs = {0};
    explode_levels(60, 2, false, &needs); /* 120 lines, 2^60 ways through them */
    assert_int_equal(needs.problem, KIT_FINE);
    assert_int_equal(needs.count, 60);
    assert_int_equal(needs.parts[0].role, KIT_ROLE_LIMITS);
    assert_true(needs.parts[0].need == 2);
    for (size_t i = 1; i < 60; i++) {
        assert_int_equal(needs.parts[i].role, KIT_ROLE_THROUGH);
    }
    kit_needs_release(&needs);
}

static void kit_explode_takes_as_many_lines_as_promised(void **state)
{
    (void)state;
    struct kit_needs needs = {0};
    explode_levels(1, KIT_MAX_LINES, true, &needs);
    assert_int_equal(needs.problem, KIT_FINE);
    assert_int_equal(needs.count, 1);
    assert_true(needs.parts[0].need == KIT_MAX_LINES);
    explode_levels(1, KIT_MAX_LINES + 1, true, &needs);
    assert_int_equal(needs.problem, KIT_TOO_LARGE);
    assert_int_equal(needs.count, 1); /* still listed: one line less would cure it */
    kit_needs_release(&needs);
}

static void kit_explode_of_nothing_is_no_kit(void **state)
{
    (void)state;
    struct kit_rows rows = {0};
    struct kit_needs needs = {0};
    kit_rows_sort(&rows);
    kit_explode(&rows, A, &needs);
    assert_int_equal(needs.kind, KIT_NONE);
    assert_int_equal(needs.problem, KIT_FINE);
    assert_int_equal(needs.count, 0);
    const struct kit_child orphan = {.parent_id = NOBODY, .product_id = A};
    kit_rows_add_child(&rows, &orphan);
    kit_example_add_shop(&rows, false);
    kit_rows_sort(&rows);
    kit_explode(&rows, NOBODY, &needs);
    assert_int_equal(needs.kind, KIT_NONE);
    assert_int_equal(needs.count, 0);
    kit_needs_release(&needs);
    kit_rows_release(&rows);
    kit_needs_release(&needs);
    kit_rows_release(&rows);
}

static void kit_explode_replaces_what_needs_held(void **state)
{
    (void)state;
    struct kit_rows rows = {0};
    struct kit_needs needs = {0};
    add_levels(&rows, 3, 1, true);
    add_product(&rows, 9);
    add_bill(&rows, 9, 0);
    add_line(&rows, 99, 9, 9);
    kit_rows_sort(&rows);
    for (int round = 0; round < 3; round++) {
        kit_explode(&rows, BASE, &needs);
        assert_int_equal(needs.kind, KIT_PHANTOM);
        assert_int_equal(needs.bom_id, BASE);
        assert_int_equal(needs.problem, KIT_FINE);
        assert_int_equal(needs.count, 3);
        assert_true(needs.parts[2].need == 1);
        kit_explode(&rows, BASE + 9, &needs);
        assert_int_equal(needs.problem, KIT_CYCLE);
        kit_explode(&rows, A, &needs);
        assert_int_equal(needs.kind, KIT_NONE);
        assert_int_equal(needs.problem, KIT_FINE);
        assert_int_equal(needs.count, 0);
    }
    kit_needs_release(&needs);
    kit_rows_release(&rows);
}

static void kit_rows_sort_takes_rows_that_come_later(void **state)
{
    (void)state;
    struct kit_rows rows = {0};
    struct kit_needs needs = {0};
    add_levels(&rows, 1, 1, true);
    kit_explode(&rows, BASE, &needs);
    assert_true(needs.parts[0].need == 1);
    add_line(&rows, 0x7fffffff, 0, 1);
    add_line(&rows, 7, 0, 1);
    add_line(&rows, 7, 0, 1);
    add_line(&rows, 1, 0, 1);
    kit_rows_sort(&rows);
    assert_int_equal(rows.line_count, 3);
    kit_explode(&rows, BASE, &needs);
    assert_int_equal(needs.count, 1);
    assert_true(needs.parts[0].need == 3);
    kit_needs_release(&needs);
    kit_rows_release(&rows);
}

static void kit_rows_reset_keeps_the_memory_and_the_order(void **state)
{
    (void)state;
    struct kit_rows rows = {.order = KIT_BOM_VARIANT_FIRST};
    struct kit_needs needs = {0};
    add_levels(&rows, 2, 1, true);
    const size_t room = rows.line_room;
    kit_rows_reset(&rows);
    assert_int_equal(rows.order, KIT_BOM_VARIANT_FIRST);
    assert_int_equal(rows.product_count + rows.bom_count + rows.line_count + rows.uom_count, 0);
    assert_int_equal(rows.line_room, room);
    kit_rows_sort(&rows);
    kit_explode(&rows, BASE, &needs);
    assert_int_equal(needs.kind, KIT_NONE);
    kit_needs_release(&needs);
    kit_rows_release(&rows);
}

/* As kit_source reads a number that no double holds. */
static void kit_explode_gives_no_number_when_one_of_a_bill_is_none(void **state)
{
    (void)state;
    struct kit_needs needs = {0};
    for (int place = 0; place < 4; place++) {
        struct kit_rows rows = {0};
        add_levels(&rows, 2, 1, true);
        double *const places[] = {&rows.boms[0].quantity, &rows.boms[1].quantity,
                                  &rows.lines[0].quantity, &rows.uoms[0].rounding};
        assert_int_equal(rows.uoms[0].id, UNIT);
        *places[place] = (double)NAN;
        kit_explode(&rows, BASE, &needs);
        assert_int_equal(needs.problem, KIT_TOO_LARGE);
        assert_true(isfinite(needs.yield));
        kit_rows_release(&rows);
    }
    kit_needs_release(&needs);
}

static void kit_problem_name_is_the_word_of_the_list(void **state)
{
    (void)state;
    assert_string_equal(kit_problem_name(KIT_CYCLE), "cycle");
    assert_string_equal(kit_problem_name(KIT_TOO_LARGE), "too_large");
    assert_string_equal(kit_problem_name(KIT_UOM_UNKNOWN), "uom_unknown");
    assert_string_equal(kit_problem_name(KIT_UOM_FACTOR), "uom_factor");
    assert_string_equal(kit_problem_name(KIT_UOM_CATEGORY), "uom_category");
    assert_string_equal(kit_problem_name(KIT_BATCH), "batch");
    assert_string_equal(kit_problem_name(KIT_COMPONENT_UNKNOWN), "component_unknown");
    assert_string_equal(kit_problem_name(KIT_UNREADABLE), "unreadable");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kit_explode_goes_down_a_thousand_levels),
        cmocka_unit_test(kit_explode_goes_down_a_thousand_levels_that_it_does_not_open),
        cmocka_unit_test(kit_explode_finds_a_cycle_a_thousand_levels_long),
        cmocka_unit_test(kit_explode_stops_where_lines_double_at_each_level),
        cmocka_unit_test(kit_explode_looks_once_at_each_kit_that_it_does_not_open),
        cmocka_unit_test(kit_explode_takes_as_many_lines_as_promised),
        cmocka_unit_test(kit_explode_of_nothing_is_no_kit),
        cmocka_unit_test(kit_explode_replaces_what_needs_held),
        cmocka_unit_test(kit_rows_sort_takes_rows_that_come_later),
        cmocka_unit_test(kit_rows_reset_keeps_the_memory_and_the_order),
        cmocka_unit_test(kit_explode_gives_no_number_when_one_of_a_bill_is_none),
        cmocka_unit_test(kit_problem_name_is_the_word_of_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/odoo/id_list.h"

static void fill(struct id_list *list, const int32_t *ids, size_t count)
{
    id_list_reset(list);
    id_list_add_all(list, ids, count);
    id_list_sort(list);
}

static void id_list_sort_orders_and_drops_repeats(void **state)
{
    (void)state;
    static const int32_t ids[] = {7, INT32_MAX, 3, 7, INT32_MIN, 3, 3, 0};
    static const int32_t expected[] = {INT32_MIN, 0, 3, 7, INT32_MAX};
    struct id_list list = {0};
    id_list_sort(&list);
    assert_int_equal(list.count, 0);
    fill(&list, ids, 8);
    assert_int_equal(list.count, 5);
    assert_memory_equal(list.ids, expected, sizeof expected);
    id_list_release(&list);
    assert_null(list.ids);
}

static void id_list_subtract_takes_out_what_the_other_has(void **state)
{
    (void)state;
    static const struct {
        int32_t list[4], other[4], left[4];
        size_t list_count, other_count, left_count;
    } cases[] = {
        {{1, 2, 3, 4}, {2, 4}, {1, 3}, 4, 2, 2},
        {{1, 2, 3, 4}, {0, 5}, {1, 2, 3, 4}, 4, 2, 4},
        {{1, 2}, {1, 2, 3}, {0}, 2, 3, 0},
        {{1, 2}, {0}, {1, 2}, 2, 0, 2},
        {{0}, {1}, {0}, 0, 1, 0},
    };
    struct id_list list = {0};
    struct id_list other = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fill(&list, cases[i].list, cases[i].list_count);
        fill(&other, cases[i].other, cases[i].other_count);
        id_list_subtract(&list, &other);
        assert_int_equal(list.count, cases[i].left_count);
        for (size_t k = 0; k < list.count; k++) {
            assert_int_equal(list.ids[k], cases[i].left[k]);
        }
    }
    id_list_release(&list);
    id_list_release(&other);
}

static void id_list_index_finds_what_is_there_and_nothing_else(void **state)
{
    (void)state;
    static const int32_t ids[] = {-5, 0, 8, 9};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(id_list_index(ids, 4, ids[i]), i);
    }
    assert_int_equal(id_list_index(ids, 4, 1), 4);
    assert_int_equal(id_list_index(ids, 4, 10), 4);
    assert_int_equal(id_list_index(NULL, 0, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(id_list_sort_orders_and_drops_repeats),
        cmocka_unit_test(id_list_subtract_takes_out_what_the_other_has),
        cmocka_unit_test(id_list_index_finds_what_is_there_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

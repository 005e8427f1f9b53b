#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/odoo/place_map.h"

static void place_map_of_nothing_knows_nothing(void **state)
{
    (void)state;
    struct place_map map = {0};
    assert_null(place_map_first(&map, 8));
    assert_false(place_map_has(&map, 8, 0));
    place_map_link(&map, 8, 0);
    place_map_reset(&map);
    assert_int_equal(map.link_count, 0);
    place_map_release(&map);
}

static void place_map_keeps_each_location_once(void **state)
{
    (void)state;
    struct place_map map = {0};
    for (int round = 0; round < 3; round++) {
        place_map_add(&map, 8);
        place_map_add(&map, -8);
    }
    assert_int_equal(map.count, 2);
    place_map_link(&map, 8, 3);
    place_map_link(&map, 99, 3);
    assert_int_equal(map.link_count, 1);
    assert_true(place_map_has(&map, 8, 3));
    assert_false(place_map_has(&map, 8, 2));
    assert_null(place_map_first(&map, -8));
    place_map_release(&map);
}

static void place_map_walks_all_warehouses_of_a_location(void **state)
{
    (void)state;
    struct place_map map = {0};
    unsigned seen = 0;
    place_map_add(&map, 5);
    place_map_add(&map, 6);
    place_map_link(&map, 5, 0);
    place_map_link(&map, 6, 1);
    place_map_link(&map, 5, 2);
    for (const struct place_link *at = place_map_first(&map, 5); at != NULL;
         at = place_map_next(&map, at)) {
        seen |= 1U << at->warehouse;
    }
    assert_int_equal(seen, 5);
    place_map_release(&map);
}

static void place_map_grows_and_forgets_on_reset(void **state)
{
    (void)state;
    struct place_map map = {0};
    for (int round = 0; round < 2; round++) {
        for (int32_t id = 1; id <= 5000; id++) {
            place_map_add(&map, id * 64); /* equal low bits */
        }
        for (int32_t id = 1; id <= 5000; id++) {
            place_map_link(&map, id * 64, (size_t)id);
        }
        assert_int_equal(map.count, 5000);
        for (int32_t id = 1; id <= 5000; id++) {
            const struct place_link *at = place_map_first(&map, id * 64);
            assert_non_null(at);
            assert_int_equal(at->warehouse, id);
            assert_null(place_map_next(&map, at));
            assert_null(place_map_first(&map, id * 64 + 1));
        }
        place_map_reset(&map);
        assert_null(place_map_first(&map, 64));
    }
    place_map_release(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(place_map_of_nothing_knows_nothing),
        cmocka_unit_test(place_map_keeps_each_location_once),
        cmocka_unit_test(place_map_walks_all_warehouses_of_a_location),
        cmocka_unit_test(place_map_grows_and_forgets_on_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

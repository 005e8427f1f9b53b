#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/odoo/mark_id.h"

static void mark_id_gives_back_what_it_was_made_of(void **state)
{
    (void)state;
    static const struct {
        struct pg_tid place;
        uint32_t xid;
        uint32_t file;
        int32_t kept_xid;
        int32_t kept_file;
    } cases[] = {
        {{0, 1}, 0, 0, 0, 0},
        {{0, 1}, 3, 16384, 3, 0},
        {{0, 291}, 524287, 255, 524287, 255},
        {{1, 1}, 524288, 256, 0, 0},
        {{4711, 17}, UINT32_MAX, UINT32_MAX, 524287, 255},
        {{(UINT32_C(1) << 24) - 1, 2047}, 0x12345678, 0x9abc, 0x45678, 0xbc},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t id = mark_id_of_quant(cases[i].place, cases[i].xid, cases[i].file);
        assert_true(id > 0);
        assert_true(mark_id_is_quant(id));
        assert_int_equal(mark_id_place(id).block, cases[i].place.block);
        assert_int_equal(mark_id_place(id).offset, cases[i].place.offset);
        assert_int_equal(mark_id_xid(id), cases[i].kept_xid);
        assert_int_equal(mark_id_file(id), cases[i].kept_file);
    }
}

static void mark_ids_are_in_the_order_of_their_places(void **state)
{
    (void)state;
    int64_t first = mark_id_of_quant((struct pg_tid){0, 1}, UINT32_MAX, UINT32_MAX);
    int64_t second = mark_id_of_quant((struct pg_tid){0, 2}, 0, 0);
    int64_t next_block = mark_id_of_quant((struct pg_tid){1, 1}, 0, 0);
    assert_true(first < second);
    assert_true(second < next_block);
}

static void mark_ids_of_a_place_differ_by_transaction_and_file(void **state)
{
    (void)state;
    const struct pg_tid place = {7, 7};
    assert_true(mark_id_of_quant(place, 1000, 9) != mark_id_of_quant(place, 1001, 9));
    assert_true(mark_id_of_quant(place, 1000, 9) != mark_id_of_quant(place, 1000, 10));
}

static void mark_ids_of_the_marks_table_are_lower(void **state)
{
    (void)state;
    const int64_t greatest = (INT64_C(1) << 62) - 1;
    assert_false(mark_id_is_quant(1));
    assert_false(mark_id_is_quant(greatest));
    assert_true(mark_id_of_quant((struct pg_tid){0, 1}, 0, 0) > greatest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mark_id_gives_back_what_it_was_made_of),
        cmocka_unit_test(mark_ids_are_in_the_order_of_their_places),
        cmocka_unit_test(mark_ids_of_a_place_differ_by_transaction_and_file),
        cmocka_unit_test(mark_ids_of_the_marks_table_are_lower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

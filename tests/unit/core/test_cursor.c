#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/cursor.h"

static const unsigned char INPUT[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0xFF};

static void cursor_reads_both_byte_orders(void **state)
{
    (void)state;
    struct cursor c = cursor_of(bytes_of(INPUT, sizeof INPUT));
    uint8_t u8 = 0;
    uint16_t u16 = 0;
    uint32_t u32 = 0;
    uint64_t u64 = 0;
    assert_true(cursor_u8(&c, &u8) && cursor_be16(&c, &u16) && cursor_be32(&c, &u32));
    assert_int_equal(u8, 0x01);
    assert_int_equal(u16, 0x0203);
    assert_int_equal(u32, 0x04050607);
    assert_int_equal(cursor_offset(&c), 7);
    assert_int_equal(cursor_left(&c), 2);
    c = cursor_of(bytes_of(INPUT, sizeof INPUT));
    assert_true(cursor_be64(&c, &u64));
    assert_true(u64 == UINT64_C(0x0102030405060708));
    c = cursor_of(bytes_of(INPUT, sizeof INPUT));
    assert_true(cursor_le64(&c, &u64));
    assert_true(u64 == UINT64_C(0x0807060504030201));
    assert_true(cursor_u8(&c, &u8));
    assert_int_equal(u8, 0xFF);
    assert_int_equal(cursor_left(&c), 0);
}

/* Every read at every length that is too short: false, nothing moves, nothing is written. */
static void cursor_refuses_what_is_not_there(void **state)
{
    (void)state;
    for (size_t len = 0; len < 8; len++) {
        struct cursor c = cursor_of(bytes_of(INPUT, len));
        uint8_t u8 = 0xAA;
        uint16_t u16 = 0xAAAA;
        uint32_t u32 = 0xAAAAAAAA;
        uint64_t u64 = 42;
        struct bytes part = bytes_of("keep", 4);
        if (len < 1) {
            assert_false(cursor_u8(&c, &u8));
            assert_int_equal(u8, 0xAA);
        }
        if (len < 2) {
            assert_false(cursor_be16(&c, &u16));
            assert_int_equal(u16, 0xAAAA);
        }
        if (len < 4) {
            assert_false(cursor_be32(&c, &u32));
            assert_true(u32 == 0xAAAAAAAA);
        }
        assert_false(cursor_be64(&c, &u64));
        assert_false(cursor_le64(&c, &u64));
        assert_true(u64 == 42);
        assert_false(cursor_bytes(&c, len + 1, &part));
        assert_false(cursor_bytes(&c, SIZE_MAX, &part));
        assert_memory_equal(part.ptr, "keep", 4);
        assert_int_equal(cursor_offset(&c), 0);
        assert_int_equal(cursor_left(&c), len);
    }
}

static void cursor_bytes_borrows(void **state)
{
    (void)state;
    struct cursor c = cursor_of(bytes_of(INPUT, 4));
    struct bytes part;
    assert_true(cursor_bytes(&c, 0, &part));
    assert_int_equal(part.len, 0);
    assert_true(cursor_bytes(&c, 4, &part));
    assert_ptr_equal(part.ptr, INPUT);
    assert_int_equal(part.len, 4);
    assert_int_equal(cursor_left(&c), 0);
}

static void cursor_of_nothing_is_empty(void **state)
{
    (void)state;
    struct cursor c = cursor_of(bytes_of(NULL, 0));
    uint8_t u8 = 0;
    assert_int_equal(cursor_left(&c), 0);
    assert_int_equal(cursor_offset(&c), 0);
    assert_false(cursor_u8(&c, &u8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursor_reads_both_byte_orders),
        cmocka_unit_test(cursor_refuses_what_is_not_there),
        cmocka_unit_test(cursor_bytes_borrows),
        cmocka_unit_test(cursor_of_nothing_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

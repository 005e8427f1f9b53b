#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "producer/publish/newest_records.h"

static struct newest_records records;

static int start(void **state)
{
    (void)state;
    newest_records_init(&records);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    newest_records_release(&records);
    return 0;
}

static void assert_living(const int32_t *wanted, size_t count)
{
    int32_t *ids = NULL;
    assert_int_equal(newest_records_take_living(&records, &ids), count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(ids[i], wanted[i]);
    }
    mem_free(ids);
}

static void newest_records_of_nothing_are_none(void **state)
{
    (void)state;
    assert_living(NULL, 0);
}

static void newest_record_decides_in_whatever_order_it_comes(void **state)
{
    (void)state;
    newest_records_note(&records, 7, 10, false);
    newest_records_note(&records, 7, 12, true);
    newest_records_note(&records, 5, 20, true);
    newest_records_note(&records, 5, 21, false);
    /* Of two partitions: the younger one was read first. */
    newest_records_note(&records, 3, 31, false);
    newest_records_note(&records, 3, 30, true);
    newest_records_note(&records, 4, 41, true);
    newest_records_note(&records, 4, 40, false);
    newest_records_note(&records, 2147483647, 50, false);
    assert_living((const int32_t[]){3, 5, 2147483647}, 3);
    assert_living(NULL, 0);
}

static void newest_record_without_a_revision_is_the_last_that_came(void **state)
{
    (void)state;
    newest_records_note(&records, 1, 0, true);
    newest_records_note(&records, 1, 0, false);
    newest_records_note(&records, 2, 9, false);
    newest_records_note(&records, 2, 0, true);
    newest_records_note(&records, 2, 1, false);
    assert_living((const int32_t[]){1, 2}, 2);
}

static void newest_records_grow(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    int32_t *ids = NULL;
    for (int32_t i = COUNT; i >= 1; i--) {
        newest_records_note(&records, i, 1, false);
        newest_records_note(&records, i, 2, i % 2 == 0);
    }
    assert_int_equal(records.count, COUNT);
    assert_in_range(records.size * 3 / 4, COUNT, 2 * COUNT);
    assert_int_equal(newest_records_take_living(&records, &ids), COUNT / 2);
    for (int32_t i = 0; i < COUNT / 2; i++) {
        assert_int_equal(ids[i], 2 * i + 1);
    }
    mem_free(ids);
}

int main(void)
{
#define NEWEST_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        NEWEST_TEST(newest_records_of_nothing_are_none),
        NEWEST_TEST(newest_record_decides_in_whatever_order_it_comes),
        NEWEST_TEST(newest_record_without_a_revision_is_the_last_that_came),
        NEWEST_TEST(newest_records_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

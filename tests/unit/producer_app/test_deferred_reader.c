#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producer/app/deferred_reader.h"
#include "tests/unit/producer_app/fake_odoo.h"

#define LONG_MS 10000

static struct producer_ports ports;
static struct deferred_reader *reader;
static struct err err;
static int32_t ids[] = {3, 5, 9};
static struct batch_product list[3];
static const struct batch_products products = {.ids = ids, .list = list, .count = 3};

static int start(void **state)
{
    (void)state;
    fake_reset();
    fake_ports(&ports);
    memset(list, 0, sizeof list);
    reader = deferred_reader_new(&ports.reader);
    return deferred_reader_open(reader, &err) == STATUS_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    atomic_store(&fake_process.hold_deferred, false);
    deferred_reader_free(reader);
    return 0;
}

static void begin(size_t first, size_t count)
{
    const struct chunk chunk = chunk_at(&products, first, count);
    deferred_reader_start(reader, &chunk);
}

static void deferred_reader_gives_what_its_thread_read(void **state)
{
    (void)state;
    struct chunk chunk;
    struct stock_batch stock;
    struct kit_table_changes changes;
    assert_true(deferred_reader_is_idle(reader));
    begin(1, 2);
    assert_false(deferred_reader_is_idle(reader));
    assert_true(deferred_reader_wait(reader, LONG_MS));
    assert_int_equal(deferred_reader_take(reader, &chunk, &stock, &changes, &err), STATUS_OK);
    assert_int_equal(chunk.first, 1);
    assert_int_equal(stock.count, 2);
    assert_int_equal(stock.list[0].product_id, 5);
    assert_true(deferred_reader_is_idle(reader));
    assert_false(deferred_reader_wait(reader, 0));
}

static void deferred_reader_that_is_busy_is_not_waited_for_longer_than_said(void **state)
{
    (void)state;
    atomic_store(&fake_process.hold_deferred, true);
    begin(0, 1);
    assert_false(deferred_reader_wait(reader, 1));
    assert_false(deferred_reader_is_idle(reader));
    atomic_store(&fake_process.hold_deferred, false);
    assert_true(deferred_reader_wait(reader, LONG_MS));
}

static void deferred_reader_gives_the_failure_of_its_thread(void **state)
{
    (void)state;
    struct chunk chunk;
    struct stock_batch stock;
    struct kit_table_changes changes;
    fake.fail[FAKE_READ_DEFERRED] = STATUS_SOURCE_BUSY;
    begin(0, 3);
    assert_int_equal(deferred_reader_take(reader, &chunk, &stock, &changes, &err),
                     STATUS_SOURCE_BUSY);
    assert_int_equal(err.status, STATUS_SOURCE_BUSY);
    assert_true(deferred_reader_is_idle(reader));
}

static void deferred_reader_holds_its_products_until_they_are_taken(void **state)
{
    (void)state;
    const struct mark in = {.product_id = 5};
    const struct mark out = {.product_id = 9};
    const struct mark structure = {.product_id = 9, .look = MARK_LOOK_ALL};
    assert_false(deferred_reader_holds(reader, &in));
    begin(0, 2);
    assert_true(deferred_reader_holds(reader, &in));
    assert_false(deferred_reader_holds(reader, &out));
    assert_false(deferred_reader_holds(reader, &structure));
    deferred_reader_drop(reader);
    assert_false(deferred_reader_holds(reader, &in));
}

static void deferred_reader_that_explodes_holds_every_change_of_structure(void **state)
{
    (void)state;
    const struct mark stock = {.product_id = 9};
    const struct mark structure = {.product_id = 9, .look = MARK_LOOK_SELF};
    list[0].look = MARK_LOOK_SELF;
    begin(0, 2);
    assert_true(deferred_reader_holds(reader, &structure));
    assert_false(deferred_reader_holds(reader, &stock));
}

static void deferred_reader_that_is_closed_opens_again(void **state)
{
    (void)state;
    begin(0, 1);
    deferred_reader_close(reader);
    assert_true(deferred_reader_is_idle(reader));
    deferred_reader_close(reader);
    assert_int_equal(deferred_reader_open(reader, &err), STATUS_OK);
    begin(0, 1);
    assert_true(deferred_reader_wait(reader, LONG_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(deferred_reader_gives_what_its_thread_read),
        TEST(deferred_reader_that_is_busy_is_not_waited_for_longer_than_said),
        TEST(deferred_reader_gives_the_failure_of_its_thread),
        TEST(deferred_reader_holds_its_products_until_they_are_taken),
        TEST(deferred_reader_that_explodes_holds_every_change_of_structure),
        TEST(deferred_reader_that_is_closed_opens_again),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

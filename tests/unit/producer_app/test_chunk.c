#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producer/app/chunk.h"
#include "tests/unit/producer_app/fake_odoo.h"

static struct producer_ports ports;
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
    return 0;
}

static void chunk_is_at_most_so_large_and_ends_with_its_list(void **state)
{
    (void)state;
    const struct chunk first = chunk_at(&products, 0, 2);
    const struct chunk last = chunk_at(&products, 2, 2);
    assert_int_equal(first.count, 2);
    assert_int_equal(last.first, 2);
    assert_int_equal(last.count, 1);
    assert_true(chunk_has(&first, 5));
    assert_false(chunk_has(&first, 9));
    assert_true(chunk_has(&last, 9));
}

static void chunk_explodes_when_one_of_its_products_asks_for_it(void **state)
{
    (void)state;
    list[2].look = MARK_LOOK_SELF;
    const struct chunk first = chunk_at(&products, 0, 2);
    const struct chunk last = chunk_at(&products, 2, 2);
    assert_false(chunk_explodes(&first));
    assert_true(chunk_explodes(&last));
}

static void chunk_read_ends_with_sharing_what_it_found(void **state)
{
    (void)state;
    struct stock_batch stock;
    const struct chunk chunk = chunk_at(&products, 0, 3);
    const double before = metric_value(fake_metrics()->kits);
    fake.changes = (struct kit_table_changes){.changed = 2, .problems = KIT_TABLE_SHOWN + 1};
    assert_int_equal(chunk_read(&ports.chunks, &chunk, &stock, &err), STATUS_OK);
    assert_int_equal(stock.count, 3);
    assert_int_equal(fake.calls[FAKE_SNAPSHOT], 1);
    assert_int_equal(fake.calls[FAKE_SHARE], 1);
    assert_true(metric_value(fake_metrics()->kits) == before + 2);
    assert_int_equal(chunk_read_here(&ports.chunks, &chunk, &stock, &err), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_SNAPSHOT], 1);
    assert_int_equal(fake.calls[FAKE_SHARE], 2);
}

static void chunk_shares_nothing_after_a_failed_read(void **state)
{
    (void)state;
    struct stock_batch stock;
    const struct chunk chunk = chunk_at(&products, 0, 3);
    fake.fail[FAKE_READ] = STATUS_SOURCE_BUSY;
    assert_int_equal(chunk_read(&ports.chunks, &chunk, &stock, &err), STATUS_SOURCE_BUSY);
    fake.fail[FAKE_READ] = STATUS_SOURCE_LOST;
    assert_int_equal(chunk_read_here(&ports.chunks, &chunk, &stock, &err), STATUS_SOURCE_LOST);
    assert_int_equal(fake.calls[FAKE_SHARE], 0);
}

static void chunk_with_another_list_of_warehouses_has_the_tail_read_them_again(void **state)
{
    (void)state;
    const struct kit_table_changes none = {0};
    const struct stock_batch older = {.warehouses = fake.warehouses, .warehouse_count = 1};
    fake_leader.shared_warehouses = 1;
    assert_int_equal(chunk_share(&ports.chunks, &none, &older, &err), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_READ], 0);
    fake_leader.shared_warehouses = 2;
    fake.warehouse_count = 2;
    assert_int_equal(chunk_share(&ports.chunks, &none, &older, &err), STATUS_OK);
    assert_int_equal(fake.calls[FAKE_READ], 1);
    assert_int_equal(fake_leader.shared_warehouses, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, start)
        TEST(chunk_is_at_most_so_large_and_ends_with_its_list),
        TEST(chunk_explodes_when_one_of_its_products_asks_for_it),
        TEST(chunk_read_ends_with_sharing_what_it_found),
        TEST(chunk_shares_nothing_after_a_failed_read),
        TEST(chunk_with_another_list_of_warehouses_has_the_tail_read_them_again),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

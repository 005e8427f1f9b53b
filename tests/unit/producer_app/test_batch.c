#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "producer/app/batch.h"

static void fold(struct batch *batch, struct mark *marks, size_t count)
{
    struct mark_list list = {.list = marks, .count = count, .capacity = count};
    batch_reset(batch);
    batch_add(batch, &list);
}

static void batch_lists_each_product_once_in_order(void **state)
{
    (void)state;
    struct mark marks[] = {{1, 30, CAUSE_STOCK, 100, MARK_LOOK_STOCK},
                           {2, 10, CAUSE_PRODUCT, 90, MARK_LOOK_STOCK},
                           {3, 30, CAUSE_STOCK, 110, MARK_LOOK_STOCK},
                           {4, 20, CAUSE_BACKFILL, 5, MARK_LOOK_STOCK}};
    struct batch batch = {0};
    fold(&batch, marks, 4);
    assert_int_equal(batch.products.count, 3);
    assert_int_equal(batch.products.ids[0], 10);
    assert_int_equal(batch.products.ids[1], 20);
    assert_int_equal(batch.products.ids[2], 30);
    batch_release(&batch);
}

static void batch_takes_time_and_cause_of_the_earliest_mark(void **state)
{
    (void)state;
    /* ids are taken before commit: the earlier change may have the greater id */
    struct mark marks[] = {{7, 5, CAUSE_STOCK, 300, MARK_LOOK_STOCK},
                           {8, 5, CAUSE_BOM, 200, MARK_LOOK_STOCK},
                           {9, 5, CAUSE_PRODUCT, 200, MARK_LOOK_STOCK}};
    struct batch batch = {0};
    fold(&batch, marks, 3);
    assert_int_equal(batch.products.count, 1);
    assert_int_equal(batch.products.list[0].changed_at_us, 200);
    assert_int_equal(batch.products.list[0].cause, CAUSE_BOM);
    batch_release(&batch);
}

static void batch_lets_a_change_weigh_more_than_a_backfill_and_a_parent(void **state)
{
    (void)state;
    struct mark marks[] = {
        {1, 5, CAUSE_PARENT, 100, MARK_LOOK_STOCK}, {2, 5, CAUSE_BACKFILL, 200, MARK_LOOK_SELF},
        {3, 6, CAUSE_PARENT, 100, MARK_LOOK_STOCK}, {4, 6, CAUSE_STOCK, 300, MARK_LOOK_STOCK},
        {5, 7, CAUSE_PARENT, 100, MARK_LOOK_SELF},  {6, 7, CAUSE_PARENT, 90, MARK_LOOK_STOCK}};
    struct batch batch = {0};
    struct batch_products immediate = {0};
    struct batch_products deferred = {0};
    fold(&batch, marks, 6);
    assert_int_equal(batch.products.list[0].cause, CAUSE_BACKFILL);
    assert_int_equal(batch.products.list[0].changed_at_us, 100);
    assert_int_equal(batch.products.list[0].look, MARK_LOOK_SELF);
    assert_int_equal(batch.products.list[1].cause, CAUSE_STOCK);
    assert_int_equal(batch.products.list[1].changed_at_us, 100);
    assert_int_equal(batch.products.list[2].cause, CAUSE_PARENT);
    assert_int_equal(batch.products.list[2].changed_at_us, 90);
    assert_int_equal(batch.products.list[2].look, MARK_LOOK_SELF);
    batch_split(&batch, &immediate, &deferred);
    assert_int_equal(immediate.count, 1);
    assert_int_equal(immediate.ids[0], 6);
    assert_int_equal(deferred.count, 2);
    assert_int_equal(deferred.ids[0], 5);
    assert_int_equal(deferred.ids[1], 7);
    batch_products_release(&immediate);
    batch_products_release(&deferred);
    batch_release(&batch);
}

static void batch_keeps_every_mark_id_in_the_order_of_the_read(void **state)
{
    (void)state;
    struct mark marks[] = {{4, 2, CAUSE_STOCK, 1, MARK_LOOK_STOCK},
                           {6, 1, CAUSE_STOCK, 1, MARK_LOOK_STOCK},
                           {9, 2, CAUSE_STOCK, 1, MARK_LOOK_STOCK}};
    struct batch batch = {0};
    fold(&batch, marks, 3);
    assert_int_equal(batch.mark_count, 3);
    assert_int_equal(batch.mark_ids[0], 4);
    assert_int_equal(batch.mark_ids[1], 6);
    assert_int_equal(batch.mark_ids[2], 9);
    batch_release(&batch);
}

static void batch_index_finds_every_product(void **state)
{
    (void)state;
    struct mark marks[100];
    struct batch batch = {0};
    for (int i = 0; i < 100; i++) {
        marks[i] = (struct mark){i + 1, 1000 - i * 3, CAUSE_STOCK, 1, MARK_LOOK_STOCK};
    }
    fold(&batch, marks, 100);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(batch.products.ids[batch_index(&batch, 1000 - i * 3)], 1000 - i * 3);
    }
    batch_release(&batch);
}

static void batch_is_replaced_by_the_next_fold(void **state)
{
    (void)state;
    struct mark first[] = {{1, 1, CAUSE_STOCK, 1, MARK_LOOK_STOCK},
                           {2, 2, CAUSE_STOCK, 1, MARK_LOOK_STOCK}};
    struct mark second[] = {{3, 9, CAUSE_STOCK, 1, MARK_LOOK_STOCK}};
    struct batch batch = {0};
    fold(&batch, first, 2);
    fold(&batch, second, 1);
    assert_int_equal(batch.products.count, 1);
    assert_int_equal(batch.products.ids[0], 9);
    fold(&batch, NULL, 0);
    assert_int_equal(batch.products.count, 0);
    assert_int_equal(batch.mark_count, 0);
    batch_release(&batch);
}

static void batch_merges_pages(void **state)
{
    (void)state;
    struct mark pages[3][3] = {
        {{1, 50, CAUSE_STOCK, 100, MARK_LOOK_STOCK},
         {2, 10, CAUSE_STOCK, 100, MARK_LOOK_STOCK},
         {3, 30, CAUSE_BOM, 100, MARK_LOOK_STOCK}},
        {{4, 30, CAUSE_PRODUCT, 90, MARK_LOOK_STOCK},
         {5, 30, CAUSE_STOCK, 80, MARK_LOOK_STOCK},
         {6, 40, CAUSE_STOCK, 100, MARK_LOOK_STOCK}},
        {{7, 60, CAUSE_STOCK, 100, MARK_LOOK_STOCK},
         {8, 5, CAUSE_STOCK, 100, MARK_LOOK_STOCK},
         {9, 50, CAUSE_PRODUCT, 100, MARK_LOOK_STOCK}},
    };
    static const int32_t ids[] = {5, 10, 30, 40, 50, 60};
    struct batch batch = {0};
    batch_reset(&batch);
    for (int i = 0; i < 3; i++) {
        struct mark_list page = {.list = pages[i], .count = 3, .capacity = 3};
        batch_add(&batch, &page);
    }
    assert_int_equal(batch.products.count, 6);
    assert_memory_equal(batch.products.ids, ids, sizeof ids);
    assert_int_equal(batch.mark_count, 9);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(batch.mark_ids[i], i + 1);
    }
    /* the earliest mark of product 30 stands on the second page; at equal age the first page's
     * stays */
    assert_int_equal(batch.products.list[2].changed_at_us, 80);
    assert_int_equal(batch.products.list[2].cause, CAUSE_STOCK);
    assert_int_equal(batch.products.list[4].cause, CAUSE_STOCK);
    batch_release(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_lists_each_product_once_in_order),
        cmocka_unit_test(batch_lets_a_change_weigh_more_than_a_backfill_and_a_parent),
        cmocka_unit_test(batch_takes_time_and_cause_of_the_earliest_mark),
        cmocka_unit_test(batch_keeps_every_mark_id_in_the_order_of_the_read),
        cmocka_unit_test(batch_index_finds_every_product),
        cmocka_unit_test(batch_merges_pages),
        cmocka_unit_test(batch_is_replaced_by_the_next_fold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

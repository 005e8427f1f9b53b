#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/lane/catalogue_moves.h"
#include "tests/unit/lane/bench.h"

static struct lost_list lost;
static struct outcomes out;

static int close_moves(void **state)
{
    lost_list_release(&lost);
    outcomes_release(&out);
    return bench_close(state);
}

#define MOVES_TEST(function) cmocka_unit_test_setup_teardown(function, bench_open, close_moves)

static struct level *pending(int64_t item, int32_t product_id)
{
    struct level *level = bench_level(item, product_id, 5, 10);
    (void)coalescer_put_back(bench.c.coalescer, level, LEVEL_READY);
    return level;
}

static void what_was_written_to_lost_items_becomes_rows(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(catalogue_moves_orphan(&bench.c, &lost, &err), STATUS_OK);
    assert_string_equal(bench.calls, "");
    lost_list_add(&lost, 41, "A");
    lost_list_add(&lost, 42, "B");
    assert_int_equal(catalogue_moves_orphan(&bench.c, &lost, &err), STATUS_OK);
    assert_int_equal(bench.levels.orphan_count, 2);
    assert_int_equal(bench.levels.orphans[1].item, 42);
    assert_string_equal(bench.levels.orphans[0].detail,
                        "inventory item 41 does not carry 'A' any more, or not alone: waits for "
                        "the item that does");
    bench.fails = "orphan";
    assert_int_equal(catalogue_moves_orphan(&bench.c, &lost, &err), STATUS_SOURCE_LOST);
}

static void pending_levels_of_lost_items_are_parked(void **state)
{
    (void)state;
    bench_product(1, "A", 50);                               /* moved from 41 */
    bench_product(2, "B", 42);                               /* shares no item, and is not lost */
    (void)sku_claims_note(bench.c.claims, 3, "C", true, 10); /* left 43 for none */
    struct level *moved = pending(41, 1);
    struct level *stays = pending(42, 2);
    struct level *gone = pending(43, 3);
    struct level *busy = bench_level(44, 1, 5, 10);
    lost_list_add(&lost, 44, "X");
    lost_list_add(&lost, 43, "C");
    lost_list_add(&lost, 41, "A");
    catalogue_moves_park_pending(&bench.c, &lost, &out);
    assert_int_equal(out.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(out.list[i].end, END_PARKED);
        assert_string_equal(out.list[i].reason, "item_changed");
    }
    assert_int_equal(moved->stage, LEVEL_BUSY);
    assert_int_equal(gone->stage, LEVEL_BUSY);
    assert_int_equal(stays->stage, LEVEL_READY);
    assert_int_equal(busy->stage, LEVEL_BUSY);
    assert_true(out.list[0].level != busy && out.list[1].level != busy);
}

/* Another text left the item; this product's text is still there, alone. */
static void a_level_stays_while_its_item_carries_the_products_text(void **state)
{
    (void)state;
    bench_product(1, "A", 41);
    struct level *level = pending(41, 1);
    lost_list_add(&lost, 41, "OLD");
    catalogue_moves_park_pending(&bench.c, &lost, &out);
    assert_int_equal(out.count, 0);
    assert_int_equal(level->stage, LEVEL_READY);
}

static void a_product_without_the_sku_alone_does_not_keep_the_item(void **state)
{
    (void)state;
    const struct mapped_item bundle = {.item = 43, .bundle = true};
    bench_product(1, "TWO", 41);
    bench_product(2, "TWO", 41);
    sku_index_add(bench.c.index, "BOX", &bundle);
    (void)sku_claims_note(bench.c.claims, 3, "BOX", true, 10);
    (void)pending(41, 1);
    (void)pending(43, 3);
    (void)pending(45, 9); /* unknown product */
    lost_list_add(&lost, 41, "TWO");
    lost_list_add(&lost, 43, "BOX");
    lost_list_add(&lost, 45, "Z");
    catalogue_moves_park_pending(&bench.c, &lost, &out);
    assert_int_equal(out.count, 3);
    bool unknown = false;
    for (size_t i = 0; i < out.count; i++) {
        unknown = unknown || strstr(out.list[i].detail, "'?'") != NULL;
    }
    assert_true(unknown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MOVES_TEST(what_was_written_to_lost_items_becomes_rows),
        MOVES_TEST(pending_levels_of_lost_items_are_parked),
        MOVES_TEST(a_level_stays_while_its_item_carries_the_products_text),
        MOVES_TEST(a_product_without_the_sku_alone_does_not_keep_the_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

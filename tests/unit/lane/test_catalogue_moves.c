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

/* --- what is remembered --- */

static enum status read_levels(struct level *const *levels, size_t count, struct level_known *known)
{
    struct level_key keys[4];
    struct err err = {0};
    bench_forget();
    return catalogue_moves_read(&bench.c, levels, count, keys, known, &err);
}

static void numbers_follow_products_that_have_come_to_their_item(void **state)
{
    (void)state;
    bench_product(1, "A", 41);
    bench_product(2, "B", 42);
    bench_product(3, "C", 43);
    struct level *levels[] = {pending(41, 1), pending(42, 2), pending(43, 3), pending(49, 3)};
    static const struct level_known BEFORE[] = {
        {.found = false},
        {.found = true, .product_id = 9}, /* which is not sold any more */
        {.found = true, .product_id = 3, .quantity = 7},
        {.found = false}, /* an item that is not the product's any more */
    };
    static const struct level_known AFTER[] = {
        {.found = true, .product_id = 1, .quantity = LEVEL_NOT_READ},
        {.found = false},
        {.found = true, .product_id = 3, .quantity = 7},
        {.found = false},
    };
    struct level_known known[4];
    bench.levels.known = BEFORE;
    bench.levels.moved = AFTER;
    assert_int_equal(read_levels(levels, 4, known), STATUS_OK);
    assert_string_equal(bench.calls, "read_levels follow read_levels ");
    assert_int_equal(bench.levels.followed_count, 2);
    assert_int_equal(bench.levels.followed[0].key.item, 41);
    assert_int_equal(bench.levels.followed[0].product_id, 1);
    assert_int_equal(bench.levels.followed[1].key.item, 42);
    assert_int_equal(bench.levels.followed[1].product_id, 2);
    assert_int_equal(known[0].quantity, LEVEL_NOT_READ);
    assert_int_equal(known[0].key.item, 41);
    assert_false(known[1].found);
}

static void nothing_is_asked_when_every_number_is_at_home(void **state)
{
    (void)state;
    bench_product(1, "A", 41);
    bench_product(2, "B", 41); /* two variants, one item: the newer number stays */
    struct level *levels[] = {pending(41, 1)};
    struct level_known known[1];
    for (int32_t owner = 1; owner <= 2; owner++) {
        const struct level_known before = {.found = true, .product_id = owner};
        bench.levels.known = &before;
        assert_int_equal(read_levels(levels, 1, known), STATUS_OK);
        assert_string_equal(bench.calls, "read_levels ");
    }
}

static void levels_are_read_once_when_nothing_moved(void **state)
{
    (void)state;
    static const struct level_known BEFORE = {.found = false};
    bench_product(1, "A", 41);
    struct level *levels[] = {pending(41, 1)};
    struct level_known known[1];
    bench.levels.known = &BEFORE;
    assert_int_equal(read_levels(levels, 1, known), STATUS_OK);
    assert_string_equal(bench.calls, "read_levels follow ");
    bench.fails = "follow";
    assert_int_equal(read_levels(levels, 1, known), STATUS_SOURCE_LOST);
    bench.fails = "read_levels";
    assert_int_equal(read_levels(levels, 1, known), STATUS_SOURCE_LOST);
    assert_string_equal(bench.calls, "read_levels ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MOVES_TEST(what_was_written_to_lost_items_becomes_rows),
        MOVES_TEST(pending_levels_of_lost_items_are_parked),
        MOVES_TEST(a_level_stays_while_its_item_carries_the_products_text),
        MOVES_TEST(a_product_without_the_sku_alone_does_not_keep_the_item),
        MOVES_TEST(numbers_follow_products_that_have_come_to_their_item),
        MOVES_TEST(nothing_is_asked_when_every_number_is_at_home),
        MOVES_TEST(levels_are_read_once_when_nothing_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Against a real server: STOCKSYNC_TEST_DSN; without it the tests are skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/strbuf.h"
#include "common/pg/pg_query.h"
#include "consumer/state/level_moves.h"
#include "consumer/state/level_store.h"
#include "consumer/state/parked_list.h"
#include "consumer/state/parked_store.h"
#include "consumer/state/unimported_store.h"
#include "tests/unit/state/server.h"

#define MINUTE_US INT64_C(60000000)
#define NOW_US    INT64_C(1800000000000000)

enum { P = 5, Q = 6, R = 7 }; /* products */

static struct state *empty_store(void)
{
    struct err err = {0};
    NEEDS_SERVER();
    ok(pg_exec(admin,
               "TRUNCATE stocksync.level, stocksync.level_kept, stocksync.parked,"
               " stocksync.in_flight, stocksync.attempt",
               &err),
       &err);
    struct state *s = state_new(dsn, "outlet");
    ok(state_open(s, &err), &err);
    return s;
}

/* A product's number, written at an item, of which some units were sold since. */
static void
write_level(struct state *s, int32_t product_id, int64_t item, int32_t quantity, int32_t sold)
{
    struct err err = {0};
    const struct level_write write = {.key = {item, 7},
                                      .product_id = product_id,
                                      .quantity = quantity,
                                      .desired = quantity,
                                      .revision = 100 + product_id};
    struct level_seen seen = {.key = write.key,
                              .before = quantity,
                              .now = quantity - sold,
                              .sold = sold,
                              .until_us = NOW_US + product_id * MINUTE_US};
    ok(state_levels_note(s, &write, 1, &err), &err);
    if (sold > 0) {
        ok(state_unimported_see(s, &seen, 1, &err), &err);
        assert_true(seen.noted);
    }
}

static bool follow(struct state *s, const struct state_owner *list, size_t count)
{
    struct err err = {0};
    bool moved = false;
    ok(state_levels_follow(s, list, count, &moved, &err), &err);
    return moved;
}

static bool follow_one(struct state *s, int32_t product_id, int64_t item)
{
    const struct state_owner owner = {.key = {item, 7}, .product_id = product_id};
    return follow(s, &owner, 1);
}

/* "PRODUCT QUANTITY of DESIRED, LIVE sold", or "nothing". */
static void assert_level(struct state *s, int64_t item, const char *expected)
{
    struct level_key key = {item, 7};
    struct level_known known;
    struct err err = {0};
    char text[80] = "nothing";
    ok(state_levels_read(s, &key, 1, NOW_US, &known, &err), &err);
    if (known.found) {
        char quantity[16] = "?";
        if (known.quantity != LEVEL_NOT_READ) {
            (void)snprintf(quantity, sizeof quantity, "%d", known.quantity);
        }
        (void)snprintf(text, sizeof text, "%d %s of %d, %d sold", known.product_id, quantity,
                       known.desired, known.live);
    }
    assert_string_equal(text, expected);
}

static int64_t kept(void)
{
    return number("SELECT count(*) FROM stocksync.level_kept");
}

/* --- items that get a text --- */

static void a_number_comes_along_with_its_unimported_sales(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    write_level(s, P, 1, 10, 3);
    write_level(s, Q, 2, 8, 0); /* another product, elsewhere */
    assert_true(follow_one(s, P, 3));
    assert_level(s, 1, "nothing");
    assert_level(s, 2, "6 8 of 8, 0 sold");
    assert_level(s, 3, "5 ? of 10, 3 sold");
    assert_int_equal(number("SELECT missing::bigint FROM stocksync.level WHERE item = 3"), 3);
    assert_int_equal(number("SELECT count(*) FROM stocksync.in_flight WHERE item = 3"
                            " AND wake_at = until AND units = 3"),
                     1);
    assert_int_equal(number("SELECT count(*) FROM stocksync.in_flight"), 1);
    assert_int_equal(kept(), 0);
    assert_false(follow_one(s, P, 3));
    assert_true(follow_one(s, P, 4)); /* before it was read there: the same once more */
    assert_level(s, 4, "5 ? of 10, 3 sold");
    assert_int_equal(number("SELECT missing::bigint FROM stocksync.level WHERE item = 4"), 3);
    state_free(s);
}

static void a_product_that_was_never_written_brings_nothing(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    write_level(s, P, 1, 10, 3);
    assert_false(follow_one(s, R, 3));
    assert_level(s, 3, "nothing");
    assert_level(s, 1, "5 7 of 10, 3 sold");
    state_free(s);
}

static void what_stands_in_the_way_is_kept_for_its_product(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    write_level(s, P, 1, 10, 3);
    assert_true(follow_one(s, R, 1)); /* it inherits nothing */
    assert_level(s, 1, "nothing");
    assert_int_equal(number("SELECT count(*) FROM stocksync.in_flight"), 0);
    assert_int_equal(kept(), 1);
    write_level(s, R, 1, 50, 0);
    assert_true(follow_one(s, P, 2));
    assert_level(s, 1, "7 50 of 50, 0 sold");
    assert_level(s, 2, "5 ? of 10, 3 sold");
    assert_int_equal(kept(), 0);
    state_free(s);
}

static void a_number_that_comes_back_is_as_before(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    write_level(s, P, 1, 10, 3);
    assert_true(follow_one(s, Q, 1));
    assert_true(follow_one(s, P, 1));
    assert_level(s, 1, "5 7 of 10, 3 sold");
    assert_int_equal(kept(), 0);
    state_free(s);
}

static void products_may_exchange_their_items(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    static const struct state_owner BOTH[] = {{.key = {2, 7}, .product_id = P},
                                              {.key = {1, 7}, .product_id = Q}};
    write_level(s, P, 1, 10, 3);
    write_level(s, Q, 2, 8, 2);
    assert_true(follow(s, BOTH, 2));
    assert_level(s, 1, "6 ? of 8, 2 sold");
    assert_level(s, 2, "5 ? of 10, 3 sold");
    assert_int_equal(kept(), 0);
    assert_int_equal(number("SELECT count(*) FROM stocksync.in_flight"), 2);
    state_free(s);
}

static void products_may_exchange_their_items_one_after_the_other(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    write_level(s, P, 1, 10, 3);
    write_level(s, Q, 2, 8, 2);
    assert_true(follow_one(s, P, 2));
    assert_int_equal(kept(), 1);
    assert_true(follow_one(s, Q, 1));
    assert_level(s, 1, "6 ? of 8, 2 sold");
    assert_level(s, 2, "5 ? of 10, 3 sold");
    assert_int_equal(kept(), 0);
    state_free(s);
}

static void locations_and_stores_are_apart(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    struct err err = {0};
    struct state *other = state_new(dsn, "wholesale");
    static const struct level_write WRITTEN[] = {
        {.key = {1, 8}, .product_id = P, .quantity = 3, .desired = 3, .revision = 100}};
    ok(state_open(other, &err), &err);
    write_level(s, P, 1, 10, 0);
    write_level(other, P, 1, 20, 0);
    ok(state_levels_note(s, WRITTEN, 1, &err), &err);
    assert_true(follow_one(s, P, 2));
    assert_int_equal(number("SELECT count(*) FROM stocksync.level WHERE item = 1"), 2);
    assert_level(other, 1, "5 20 of 20, 0 sold");
    assert_level(s, 2, "5 ? of 10, 0 sold");
    state_free(other);
    state_free(s);
}

/* An older version wrote rows without the newest columns. */
static void rows_of_an_older_version_move(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    struct err err = {0};
    ok(pg_exec(admin,
               "INSERT INTO stocksync.level (store, item, location, product_id, quantity, revision)"
               " VALUES ('outlet', 1, 7, 5, 9, 100)",
               &err),
       &err);
    assert_true(follow_one(s, P, 2));
    assert_level(s, 2, "5 ? of 9, 0 sold");
    state_free(s);
}

/* --- items that lost their text --- */

static void append_parked(void *arg, const struct parked_entry *entry)
{
    const struct state_parked *row = &entry->row;
    strbuf_appendf(arg, "%s %s %d@%lld; ", row->subject, row->reason, row->quantity,
                   (long long)row->revision);
}

static void assert_parked(struct state *s, const char *expected)
{
    struct strbuf text;
    struct err err = {0};
    strbuf_init(&text, 65536);
    ok(parked_list_each(s, &(struct parked_filter){0}, append_parked, &text, &err), &err);
    assert_string_equal(text.ptr, expected);
    strbuf_release(&text);
}

static void orphan(struct state *s)
{
    struct err err = {0};
    static const struct state_orphan LOST[] = {{.item = 1, .detail = "its SKU is elsewhere"},
                                               {.item = 1, .detail = "and another of its texts"}};
    ok(state_levels_orphan(s, LOST, 2, &err), &err);
}

/* The number of product 5 is parked for item 1 until it reached another one; a newer one that is
 * parked already stays. */
static void levels_of_items_that_lost_their_text_get_parked_rows(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    struct err err = {0};
    static const struct level_write WRITTEN[] = {
        {.key = {1, 8}, .product_id = P, .quantity = 3, .desired = 3, .revision = 100}};
    struct state_parked newer = {.product_id = P,
                                 .key = {1, 8},
                                 .partition = -1,
                                 .offset = -1,
                                 .revision = 110,
                                 .quantity = 2,
                                 .reason = "item_missing",
                                 .detail = "gone"};
    write_level(s, P, 1, 10, 2);
    write_level(s, Q, 2, 4, 0);
    ok(state_levels_note(s, WRITTEN, 1, &err), &err);
    state_subject_level(newer.subject, newer.key);
    ok(state_park(s, &newer, 1, &err), &err);
    orphan(s);
    orphan(s);
    assert_level(s, 1, "5 8 of 10, 2 sold"); /* as it was */
    assert_parked(s, "level/1/8 item_missing 2@110; level/1/7 item_changed 10@105; ");
    /* Written to the item that carries the SKU now. */
    const struct level_write moved[] = {
        {.key = {9, 7}, .product_id = P, .quantity = 10, .desired = 10, .revision = 105},
        {.key = {9, 8}, .product_id = P, .quantity = 3, .desired = 3, .revision = 100}};
    ok(state_levels_note(s, moved, 2, &err), &err);
    assert_parked(s, "level/1/8 item_missing 2@110; ");
    state_free(s);
}

static void what_a_product_owes_outlives_the_next_owner_of_its_item(void **fixture)
{
    (void)fixture;
    struct state *s = empty_store();
    struct err err = {0};
    static const struct level_write NEXT = {
        .key = {1, 7}, .product_id = R, .quantity = 50, .desired = 50, .revision = 900};
    static const struct level_write MOVED = {
        .key = {2, 7}, .product_id = P, .quantity = 7, .desired = 10, .revision = 105};
    write_level(s, P, 1, 10, 3);
    orphan(s);
    assert_true(follow_one(s, R, 1));
    ok(state_levels_note(s, &NEXT, 1, &err), &err);
    assert_parked(s, "level/1/7/product/5 item_changed 10@105; ");
    assert_true(follow_one(s, P, 2));
    ok(state_levels_note(s, &MOVED, 1, &err), &err);
    assert_parked(s, "");
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_comes_along_with_its_unimported_sales),
        cmocka_unit_test(a_product_that_was_never_written_brings_nothing),
        cmocka_unit_test(what_stands_in_the_way_is_kept_for_its_product),
        cmocka_unit_test(a_number_that_comes_back_is_as_before),
        cmocka_unit_test(products_may_exchange_their_items),
        cmocka_unit_test(products_may_exchange_their_items_one_after_the_other),
        cmocka_unit_test(locations_and_stores_are_apart),
        cmocka_unit_test(rows_of_an_older_version_move),
        cmocka_unit_test(levels_of_items_that_lost_their_text_get_parked_rows),
        cmocka_unit_test(what_a_product_owes_outlives_the_next_owner_of_its_item),
    };
    return cmocka_run_group_tests(tests, make_schema, drop_schema);
}

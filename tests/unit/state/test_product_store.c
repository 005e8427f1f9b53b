/* Needs an empty database in STOCKSYNC_TEST_DSN; makes the schema stocksync, drops it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/state/parked_store.h"
#include "consumer/state/product_store.h"
#include "tests/unit/state/server.h"

static char found[200];

static void take(void *arg, const struct state_named *named)
{
    size_t used = strlen(found);
    (void)arg;
    (void)snprintf(found + used, sizeof found - used, "%d:%d/%d ", (int)named->product_id,
                   (int)named->text, (int)named->id);
}

static const char *find(struct state *s, const char *store)
{
    static const char *const texts[] = {"A", "nobody's", "shared", "\xff"};
    static const int32_t ids[] = {2, 77, 9};
    const struct state_names names = {.texts = texts, .text_count = 4, .ids = ids, .id_count = 3};
    struct err err = {0};
    found[0] = '\0';
    ok(state_products_find(s, store, &names, take, NULL, &err), &err);
    return found;
}

static void names_stand_for_all_their_products(void **fixture)
{
    (void)fixture;
    struct err err = {0};
    NEEDS_SERVER();
    struct state *outlet = state_new(dsn, "outlet");
    struct state *other = state_new(dsn, "other");
    const struct state_product first[] = {{1, true, "A", 1},
                                          {2, false, "B", 1},
                                          {3, true, "a", 1},
                                          {4, true, "shared", 1},
                                          {5, true, "shared", 1}};
    const struct state_product second[] = {{1, true, "A", 1}, {6, true, "shared", 1}};
    struct state_parked row = {
        .product_id = 9, .partition = -1, .offset = -1, .reason = "no_sku", .detail = "none"};
    state_subject_product(row.subject, 9);
    ok(state_products_note(outlet, first, 5, &err), &err);
    ok(state_products_note(other, second, 2, &err), &err);
    ok(state_park(outlet, &row, 1, &err), &err);
    /* product:place of its text/place of its id */
    assert_string_equal(find(outlet, "outlet"), "1:0/-1 2:-1/0 4:2/-1 5:2/-1 9:-1/2 ");
    assert_string_equal(find(outlet, "other"), "1:0/-1 6:2/-1 ");
    assert_string_equal(find(outlet, NULL), "1:0/-1 2:-1/0 4:2/-1 5:2/-1 6:2/-1 9:-1/2 ");
    assert_string_equal(find(outlet, "nowhere"), "");
    state_free(outlet);
    state_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stand_for_all_their_products),
    };
    return cmocka_run_group_tests(tests, make_schema, drop_schema);
}

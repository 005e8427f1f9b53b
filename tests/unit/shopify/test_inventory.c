#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/shopify/answer.h"
#include "consumer/shopify/inventory.h"
#include "embedded/test_variables.h"

static const struct level_write LIST[] = {
    {.key = {4401, 7001}, .product_id = 1, .quantity = 12, .change_from = 15, .revision = 100},
    {.key = {4402, 7001}, .product_id = 2, .quantity = 0, .change_from = -4, .revision = 101},
};

static void set_variables_are_these_bytes(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, 4096);
    inventory_set_variables("available", "6f1c1f6e-0b57-5c64-9a3e-2f4d1c7b8a10", LIST, 2, &out);
    strbuf_append_char(&out, '\n');
    assert_string_equal(out.ptr, test_variables_stock_set);
    strbuf_release(&out);
}

static void adjust_variables_are_these_bytes(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, 4096);
    inventory_adjust_variables("6f1c1f6e-0b57-5c64-9a3e-2f4d1c7b8a10", LIST, 2, &out);
    strbuf_append_char(&out, '\n');
    assert_string_equal(out.ptr, test_variables_stock_adjust);
    strbuf_release(&out);
}

static void read_variables_are_these_bytes(void **state)
{
    (void)state;
    static const int64_t items[] = {4401, 9223372036854775807};
    struct strbuf out;
    strbuf_init(&out, 4096);
    inventory_read_variables(7001, items, 2, &out);
    strbuf_append_char(&out, '\n');
    assert_string_equal(out.ptr, test_variables_levels_read);
    strbuf_release(&out);
}

static void variables_of_a_full_request_fit_into_60_kilobytes(void **state)
{
    (void)state;
    struct level_write list[INVENTORY_MAX_ENTRIES];
    struct strbuf out;
    for (size_t i = 0; i < INVENTORY_MAX_ENTRIES; i++) {
        list[i] = (struct level_write){
            .key = {INT64_MAX, INT64_MAX}, .quantity = INT32_MIN, .change_from = INT32_MIN};
    }
    strbuf_init(&out, 60000);
    inventory_set_variables("available", "6f1c1f6e-0b57-5c64-9a3e-2f4d1c7b8a10", list,
                            INVENTORY_MAX_ENTRIES, &out);
    assert_false(out.overflow);
    strbuf_release(&out);
}

static void key_of(const char *store,
                   const char *name,
                   const struct level_write *list,
                   size_t count,
                   unsigned generation,
                   char key[37])
{
    inventory_key(store, name, list, count, generation, key);
    assert_int_equal(strlen(key), 36);
    assert_int_equal(key[14], '5'); /* version of the UUID */
}

static void key_changes_with_each_ingredient(void **state)
{
    (void)state;
    struct level_write item[2];
    struct level_write location[2];
    struct level_write revision[2];
    struct level_write order[2] = {LIST[1], LIST[0]};
    char keys[9][37];
    (void)memcpy(item, LIST, sizeof item);
    (void)memcpy(location, LIST, sizeof location);
    (void)memcpy(revision, LIST, sizeof revision);
    item[1].key.item++;
    location[1].key.location++;
    revision[1].revision++;
    key_of("outlet", "available", LIST, 2, 1, keys[0]);
    key_of("outlet2", "available", LIST, 2, 1, keys[1]);
    key_of("outlet", "on_hand", LIST, 2, 1, keys[2]);
    key_of("outlet", "available", LIST, 1, 1, keys[3]);
    key_of("outlet", "available", LIST, 2, 2, keys[4]);
    key_of("outlet", "available", item, 2, 1, keys[5]);
    key_of("outlet", "available", location, 2, 1, keys[6]);
    key_of("outlet", "available", revision, 2, 1, keys[7]);
    key_of("outlet", "available", order, 2, 1, keys[8]);
    for (size_t a = 0; a < 9; a++) {
        for (size_t b = a + 1; b < 9; b++) {
            if (strcmp(keys[a], keys[b]) == 0) {
                fail_msg("requests %zu and %zu share a key", a, b);
            }
        }
    }
}

static void key_changes_with_nothing_else(void **state)
{
    (void)state;
    struct level_write other[2];
    char key[37];
    char again[37];
    (void)memcpy(other, LIST, sizeof other);
    other[0].quantity = 99;
    other[0].change_from = 98;
    other[0].product_id = 97;
    other[0].changed_at_us = 96;
    key_of("outlet", "available", LIST, 2, 1, key);
    key_of("outlet", "available", other, 2, 1, again);
    assert_string_equal(key, again);
}

/* --- reading --- */

#define LEVEL(active, location, available, on_hand)                                                \
    "{\"isActive\":" active ",\"location\":{\"id\":\"gid://shopify/Location/" location             \
    "\"},\"quantities\":[{\"name\":\"available\",\"quantity\":" available                          \
    "},{\"name\":\"on_hand\",\"quantity\":" on_hand "}]}"
#define NODE(item, tracked, level)                                                                 \
    "{\"id\":\"gid://shopify/InventoryItem/" item "\",\"tracked\":" tracked                        \
    ",\"inventoryLevel\":" level "}"

static enum status read_levels(const char *nodes,
                               const char *quantity_name,
                               const int64_t *items,
                               size_t count,
                               struct level_read *out)
{
    char body[4096];
    struct answer answer;
    struct err err = {0};
    (void)snprintf(body, sizeof body, "{\"data\":{\"nodes\":%s}}", nodes);
    const struct http_answer http = {
        .outcome = HTTP_ANSWERED, .status = 200, .body = bytes_text(body), .retry_after_s = -1};
    answer_classify(OP_LEVELS_READ, &http, &answer);
    assert_int_equal(answer.class, ANSWER_DONE);
    enum status rc = inventory_read_answer(&answer, quantity_name, 7001, items, count, out, &err);
    assert_int_equal(rc != STATUS_OK, err.msg[0] != '\0');
    answer_release(&answer);
    return rc;
}

static void levels_are_found_by_id_in_any_order(void **state)
{
    (void)state;
    static const int64_t items[] = {4401, 4402, 4403, 4404};
    static const char *const orders[] = {
        "[" NODE("4401", "true", LEVEL("true", "7001", "12", "15")) "," NODE(
            "4402", "true", LEVEL("false", "7001", "7", "7")) "," NODE("4403", "false",
                                                                       "null") ",null]",
        "[null," NODE("4403", "false", "null") "," NODE(
            "4402", "true",
            LEVEL("false", "7001", "7", "7")) "," NODE("4401", "true",
                                                       LEVEL("true", "7001", "12", "15")) "]",
    };
    for (size_t i = 0; i < 2; i++) {
        struct level_read out[4];
        assert_int_equal(read_levels(orders[i], "available", items, 4, out), STATUS_OK);
        for (size_t k = 0; k < 4; k++) {
            assert_true(out[k].key.item == items[k] && out[k].key.location == 7001);
        }
        assert_true(out[0].item_found && out[0].connected && out[0].active && out[0].tracked);
        assert_int_equal(out[0].quantity, 12);
        assert_true(out[1].item_found && out[1].connected && !out[1].active && out[1].tracked);
        assert_int_equal(out[1].quantity, 7);
        assert_true(out[2].item_found && !out[2].connected && !out[2].active && !out[2].tracked);
        assert_false(out[3].item_found || out[3].connected || out[3].active);
        assert_int_equal(read_levels(orders[i], "on_hand", items, 4, out), STATUS_OK);
        assert_int_equal(out[0].quantity, 15);
    }
}

static void level_that_was_not_asked_for_or_has_another_shape_is_no_answer(void **state)
{
    (void)state;
    static const int64_t items[] = {4401};
    static const char *const cases[] = {
        "[]",
        "[null,null]",
        "{}",
        "[1]",
        "[{}]",
        "[" NODE("4402", "true", "null") "]",
        "[" NODE("0", "true", "null") "]",
        "[" NODE("4401", "\"yes\"", "null") "]",
        "[" NODE("4401", "true", "7") "]",
        "[{\"id\":\"gid://shopify/InventoryItem/4401\",\"tracked\":true}]",
        "[{\"id\":\"gid://shopify/Location/4401\",\"tracked\":true,\"inventoryLevel\":null}]",
        "[" NODE("4401", "true", LEVEL("true", "7002", "1", "1")) "]",
        "[" NODE("4401", "true", LEVEL("null", "7001", "1", "1")) "]",
        "[" NODE("4401", "true", LEVEL("true", "7001", "1.0", "1")) "]",
        "[" NODE("4401", "true", LEVEL("true", "7001", "\"1\"", "1")) "]",
        "[" NODE("4401", "true", LEVEL("true", "7001", "null", "1")) "]",
        "[" NODE("4401", "true", LEVEL("true", "7001", "2147483648", "1")) "]",
        "[" NODE("4401", "true", LEVEL("true", "7001", "-2147483649", "1")) "]",
        "[{\"id\":\"gid://shopify/InventoryItem/4401\",\"tracked\":true,\"inventoryLevel\":"
        "{\"isActive\":true,\"location\":{\"id\":\"gid://shopify/Location/7001\"},"
        "\"quantities\":[{\"name\":\"on_hand\",\"quantity\":1}]}}]",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct level_read out[1];
        if (read_levels(cases[i], "available", items, 1, out) != STATUS_OUTCOME_UNKNOWN) {
            fail_msg("taken: %s", cases[i]);
        }
    }
}

static void item_that_comes_twice_is_no_answer(void **state)
{
    (void)state;
    static const int64_t items[] = {4401, 4402};
    struct level_read out[2];
    assert_int_equal(
        read_levels("[" NODE("4401", "true", "null") "," NODE("4401", "true", "null") "]",
                    "available", items, 2, out),
        STATUS_OUTCOME_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_variables_are_these_bytes),
        cmocka_unit_test(adjust_variables_are_these_bytes),
        cmocka_unit_test(read_variables_are_these_bytes),
        cmocka_unit_test(variables_of_a_full_request_fit_into_60_kilobytes),
        cmocka_unit_test(key_changes_with_each_ingredient),
        cmocka_unit_test(key_changes_with_nothing_else),
        cmocka_unit_test(levels_are_found_by_id_in_any_order),
        cmocka_unit_test(level_that_was_not_asked_for_or_has_another_shape_is_no_answer),
        cmocka_unit_test(item_that_comes_twice_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

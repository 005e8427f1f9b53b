#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/shopify/gid.h"

static void gid_parse_takes_the_number_of_its_type_alone(void **state)
{
    (void)state;
    static const struct {
        const char *gid;
        int64_t id; /* 0: refused */
    } cases[] = {
        {"gid://shopify/InventoryItem/4401", 4401},
        {"gid://shopify/InventoryItem/1", 1},
        {"gid://shopify/InventoryItem/9223372036854775807", INT64_MAX},
        {"gid://shopify/InventoryItem/4401?inventory_item_id=7", 0},
        {"gid://shopify/InventoryItem/4401?", 0},
        {"gid://shopify/InventoryItem/0", 0},
        {"gid://shopify/InventoryItem/9223372036854775808", 0},
        {"gid://shopify/InventoryItem/92233720368547758070", 0},
        {"gid://shopify/InventoryItem/-1", 0},
        {"gid://shopify/InventoryItem/+1", 0},
        {"gid://shopify/InventoryItem/", 0},
        {"gid://shopify/InventoryItem/?a=1", 0},
        {"gid://shopify/InventoryItem/12a", 0},
        {"gid://shopify/InventoryItem/ 12", 0},
        {"gid://shopify/InventoryItem/12/13", 0},
        {"gid://shopify/InventoryItem", 0},
        {"gid://shopify/InventoryItemX/12", 0},
        {"gid://shopify/InventoryLevel/12", 0},
        {"gid://other/InventoryItem/12", 0},
        {"GID://shopify/InventoryItem/12", 0},
        {"12", 0},
        {"", 0},
        {NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t id = 0;
        struct err err = {0};
        bool parsed = gid_parse(cases[i].gid, "InventoryItem", &id, &err) == STATUS_OK;
        if (!parsed && cases[i].gid != NULL) {
            assert_non_null(strstr(err.msg, cases[i].gid));
        }
        if (parsed != (cases[i].id != 0) || id != cases[i].id) {
            fail_msg("'%s' gave %lld", cases[i].gid != NULL ? cases[i].gid : "NULL", (long long)id);
        }
    }
}

static void gid_format_is_read_back(void **state)
{
    (void)state;
    char text[GID_TEXT_SIZE];
    struct err err = {0};
    int64_t id = 0;
    assert_string_equal(gid_format("Location", 7001, text), "gid://shopify/Location/7001");
    assert_int_equal(
        gid_parse(gid_format("InventoryItem", INT64_MAX, text), "InventoryItem", &id, &err),
        STATUS_OK);
    assert_true(id == INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gid_parse_takes_the_number_of_its_type_alone),
        cmocka_unit_test(gid_format_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/model/product_stock.h"

static const struct {
    const char *text;
    int32_t expected; /* 0: refused */
} KEYS[] = {
    {"1", 1},          {"42", 42},        {"2147483647", INT32_MAX},
    {"2147483648", 0}, {"9999999999", 0}, {"10000000000", 0},
    {"0", 0},          {"01", 0},         {"-1", 0},
    {"+1", 0},         {" 1", 0},         {"1 ", 0},
    {"1.0", 0},        {"", 0},           {"abc", 0},
};

static void product_stock_parse_key_takes_canonical_decimals_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        struct err err;
        int32_t id = 0;
        const enum status status = product_stock_parse_key(bytes_text(KEYS[i].text), &id, &err);
        if ((status == STATUS_OK) != (KEYS[i].expected != 0) || id != KEYS[i].expected) {
            fail_msg("'%s': status %s, id %d", KEYS[i].text, status_name(status), id);
        }
        if (status != STATUS_OK) {
            assert_int_equal(status, STATUS_RECORD_INVALID);
        }
    }
}

static void product_stock_parse_key_does_not_read_past_the_key(void **state)
{
    (void)state;
    struct err err;
    int32_t id = 0;
    assert_int_equal(product_stock_parse_key(bytes_of("123456", 3), &id, &err), STATUS_OK);
    assert_int_equal(id, 123);
    assert_int_equal(product_stock_parse_key(bytes_of("1\0002", 3), &id, &err),
                     STATUS_RECORD_INVALID);
}

static void product_stock_format_key_fits_the_greatest_id(void **state)
{
    (void)state;
    char key[PRODUCT_STOCK_KEY_SIZE];
    product_stock_format_key(INT32_MAX, key);
    assert_string_equal(key, "2147483647");
}

static void cause_names_go_both_ways(void **state)
{
    (void)state;
    for (int i = 0; i < CAUSE_COUNT; i++) {
        enum cause cause = CAUSE_STOCK;
        assert_true(cause_parse(cause_name((enum cause)i), &cause));
        assert_int_equal(cause, i);
    }
    enum cause cause = CAUSE_BOM;
    assert_false(cause_parse("Stock", &cause));
    assert_false(cause_parse("", &cause));
    assert_int_equal(cause, CAUSE_BOM);
}

static void product_stock_append_json_writes_the_schemas_fields(void **state)
{
    (void)state;
    struct product_stock stock = {.product_id = 7,
                                  .template_id = 3,
                                  .sku = mem_strdup("A\"1"),
                                  .active = true,
                                  .revision = INT64_C(1700000000000001),
                                  .cause = CAUSE_PARENT,
                                  .changed_at_us = 5,
                                  .read_at_us = 6,
                                  .warehouse_count = 2};
    stock.warehouses = mem_calloc(2, sizeof *stock.warehouses);
    stock.warehouses[0] = (struct warehouse_stock){
        .warehouse_id = 1, .code = mem_strdup("WH"), .on_hand = 0.1, .free = -2.5};
    stock.warehouses[1] = (struct warehouse_stock){.warehouse_id = 2,
                                                   .code = mem_strdup("NO"),
                                                   .on_hand = 1.0 / 3.0,
                                                   .free = 1e21,
                                                   .has_forecast = true,
                                                   .incoming = 1,
                                                   .outgoing = 0,
                                                   .forecast = (double)NAN,
                                                   .has_free_confirmed = true,
                                                   .free_confirmed = 7.5};
    struct strbuf out;
    strbuf_init(&out, 4096);
    product_stock_append_json(&stock, &out);
    assert_string_equal(out.ptr, "{\"product_id\":7,\"template_id\":3,\"sku\":\"A\\\"1\","
                                 "\"barcode\":null,\"company_id\":null,"
                                 "\"active\":true,\"shopify_enabled\":false,\"is_kit\":false,"
                                 "\"revision\":1700000000000001,\"cause\":\"parent\","
                                 "\"changed_at\":5,\"read_at\":6,\"warehouses\":["
                                 "{\"warehouse_id\":1,\"code\":\"WH\",\"on_hand\":0.1,\"free\":-2."
                                 "5,\"incoming\":null,\"outgoing\":null,\"forecast\":null,"
                                 "\"free_confirmed\":null},"
                                 "{\"warehouse_id\":2,\"code\":\"NO\",\"on_hand\":0."
                                 "3333333333333333,\"free\":1e+21,\"incoming\":1,\"outgoing\":0,"
                                 "\"forecast\":null,\"free_confirmed\":7.5}]}");
    strbuf_release(&out);
    product_stock_release(&stock);
    assert_null(stock.warehouses);
    product_stock_release(&stock);
}

/* Python 3.11, the algorithm written down again from its description. */
#define DIGEST_OF_NOTHING UINT64_C(0x9a74069c2c429ad5)

static void product_stock_digest_changes_with_all_that_a_record_says(void **state)
{
    (void)state;
    char sku[] = "A-1", other_sku[] = "A-", code[] = "WH", other_code[] = "1WH";
    struct warehouse_stock warehouse = {
        .warehouse_id = 1, .code = code, .on_hand = 5, .free = 4, .has_forecast = true};
    const struct product_stock base = {.product_id = 7,
                                       .template_id = 3,
                                       .sku = sku,
                                       .warehouses = &warehouse,
                                       .warehouse_count = 1,
                                       .revision = 1,
                                       .cause = CAUSE_STOCK};
    const int64_t digest = product_stock_digest(&base);
    struct product_stock same = base;
    same.revision = 99;
    same.cause = CAUSE_PARENT;
    same.changed_at_us = same.read_at_us = 12345;
    assert_int_equal(product_stock_digest(&same), digest);
    assert_int_not_equal(digest, 0);
    struct product_stock others[] = {base, base, base, base, base, base, base, base, base};
    others[0].product_id = 8;
    others[1].template_id = 4;
    others[2].sku = other_sku;
    others[3].barcode = sku;
    others[4].company_id = 1;
    others[5].active = true;
    others[6].shopify_enabled = true;
    others[7].is_kit = true;
    others[8].warehouse_count = 0;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_not_equal(product_stock_digest(&others[i]), digest);
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(product_stock_digest(&others[i]),
                                 product_stock_digest(&others[k]));
        }
    }
    double *const numbers[] = {&warehouse.on_hand, &warehouse.free, &warehouse.incoming,
                               &warehouse.outgoing, &warehouse.forecast};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        *numbers[i] += 1;
        assert_int_not_equal(product_stock_digest(&base), digest);
        *numbers[i] -= 1;
    }
    warehouse.has_free_confirmed = true; /* as soon as it is known the product is published again */
    assert_int_not_equal(product_stock_digest(&base), digest);
    warehouse.has_free_confirmed = false;
    warehouse.incoming = -0.0;
    assert_int_equal(product_stock_digest(&base), digest);
    warehouse.code = other_code;
    assert_int_not_equal(product_stock_digest(&base), digest);
}

static void product_stock_digest_stays_what_it_was(void **state)
{
    (void)state;
    /* stored in databases: FNV-1a, 64 bits, over product 0 with nothing known */
    const struct product_stock nothing = {0};
    assert_int_equal((uint64_t)product_stock_digest(&nothing), DIGEST_OF_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_stock_digest_changes_with_all_that_a_record_says),
        cmocka_unit_test(product_stock_digest_stays_what_it_was),
        cmocka_unit_test(product_stock_parse_key_takes_canonical_decimals_only),
        cmocka_unit_test(product_stock_parse_key_does_not_read_past_the_key),
        cmocka_unit_test(product_stock_format_key_fits_the_greatest_id),
        cmocka_unit_test(cause_names_go_both_ways),
        cmocka_unit_test(product_stock_append_json_writes_the_schemas_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

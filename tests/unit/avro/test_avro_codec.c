#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/avro/avro_codec.h"
#include "common/core/mem.h"

#define MAX_VALUE 65536
#define FRAME     "c301b35d6d6fd40c170e"
#define FORMER    "c30135772079684c3c86"

/* Output of golden.py, another implementation of the encoding. */
static const char GOLDEN_BARE[] = FRAME "02000000000000000200000100";
static const char GOLDEN_PLAIN[] =
    FRAME "ce49c03e020a534b552d31021a34303036333831333333393331020201010080898182"
          "83898506028080f28183898506f0818182838985060402045748000000000000294000"
          "0000000000244000000000d8040a4ec3b6726400000000000008c09a9999999999b93f"
          "0000000000";
static const char GOLDEN_FORECAST[] =
    FRAME "feffffff0ffeffffff0f0204c39f0002feffffff0f010001feffffffffffffffff0108"
          "ffffffffffffffffff01feffffffffffffffff010204009c7500883ce4377e00000000"
          "0000008002000000000000f03f0200000000000000400259f3f8c21f6ea50102000000"
          "0000001ec000";
/* By a producer that did not know free_confirmed. */
static const char GOLDEN_FORMER[] =
    FORMER "220602064f4c4400000101000a000c0e04020457480000000000002640000000000000"
           "224002000000000000f03f02000000000000004002000000000000244004044e4f0000"
           "00000000f03f000000000000f03f00000000";

static struct avro_codec *codec;

static int make_codec(void **state)
{
    (void)state;
    struct err err;
    return avro_codec_new(&codec, &err) == STATUS_OK ? 0 : -1;
}

static int free_codec(void **state)
{
    (void)state;
    avro_codec_free(codec);
    return 0;
}

static void append_hex(struct strbuf *out, const char *hex)
{
    for (size_t i = 0; hex[i] != '\0'; i += 2) {
        static const char digits[] = "0123456789abcdef";
        const size_t high = (size_t)(strchr(digits, hex[i]) - digits);
        const size_t low = (size_t)(strchr(digits, hex[i + 1]) - digits);
        strbuf_append_char(out, (char)(unsigned char)(high * 16 + low));
    }
}

static void add_warehouse(struct product_stock *stock, struct warehouse_stock warehouse)
{
    stock->warehouses =
        mem_realloc(stock->warehouses, stock->warehouse_count + 1, sizeof *stock->warehouses);
    stock->warehouses[stock->warehouse_count++] = warehouse;
}

static struct product_stock plain(void)
{
    struct product_stock stock = {.product_id = 4711,
                                  .template_id = 4000,
                                  .sku = mem_strdup("SKU-1"),
                                  .barcode = mem_strdup("4006381333931"),
                                  .company_id = 1,
                                  .active = true,
                                  .shopify_enabled = true,
                                  .revision = INT64_C(1700000000123456),
                                  .cause = CAUSE_PRODUCT,
                                  .changed_at_us = INT64_C(1700000000000000),
                                  .read_at_us = INT64_C(1700000000123000)};
    add_warehouse(&stock,
                  (struct warehouse_stock){
                      .warehouse_id = 1, .code = mem_strdup("WH"), .on_hand = 12.5, .free = 10});
    add_warehouse(&stock, (struct warehouse_stock){.warehouse_id = 300,
                                                   .code = mem_strdup("N\xc3\xb6rd"),
                                                   .on_hand = -3,
                                                   .free = 0.1});
    return stock;
}

static struct product_stock bare(void)
{
    return (struct product_stock){.product_id = 1, .revision = 1, .read_at_us = -1};
}

static struct product_stock forecast(void)
{
    struct product_stock stock = {.product_id = INT32_MAX,
                                  .template_id = INT32_MAX,
                                  .sku = mem_strdup("\xc3\x9f"),
                                  .company_id = INT32_MAX,
                                  .active = true,
                                  .is_kit = true,
                                  .revision = INT64_MAX,
                                  .cause = CAUSE_BACKFILL,
                                  .changed_at_us = INT64_MIN,
                                  .read_at_us = INT64_MAX};
    add_warehouse(&stock, (struct warehouse_stock){.warehouse_id = 2,
                                                   .code = mem_strdup(""),
                                                   .on_hand = 1e300,
                                                   .free = -0.0,
                                                   .has_forecast = true,
                                                   .incoming = 1,
                                                   .outgoing = 2,
                                                   .forecast = 1e-300,
                                                   .has_free_confirmed = true,
                                                   .free_confirmed = -7.5});
    return stock;
}

static const struct {
    const char *name;
    struct product_stock (*make)(void);
    const char *hex;
} GOLDEN[] = {
    {"bare", bare, GOLDEN_BARE},
    {"plain", plain, GOLDEN_PLAIN},
    {"forecast", forecast, GOLDEN_FORECAST},
};
#define GOLDEN_COUNT (sizeof GOLDEN / sizeof *GOLDEN)

static void avro_codec_encodes_the_golden_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct product_stock stock = GOLDEN[i].make();
        struct strbuf expected;
        struct strbuf got;
        struct err err;
        strbuf_init(&expected, MAX_VALUE);
        strbuf_init(&got, MAX_VALUE);
        append_hex(&expected, GOLDEN[i].hex);
        assert_int_equal(avro_codec_encode(codec, &stock, &got, &err), STATUS_OK);
        assert_int_equal(got.len, expected.len);
        assert_memory_equal(got.ptr, expected.ptr, got.len);
        strbuf_release(&got);
        strbuf_release(&expected);
        product_stock_release(&stock);
    }
}

/* JSON shows all fields, except the sign of a zero. */
static void assert_same(const struct product_stock *a, const struct product_stock *b)
{
    struct strbuf left;
    struct strbuf right;
    strbuf_init(&left, MAX_VALUE);
    strbuf_init(&right, MAX_VALUE);
    product_stock_append_json(a, &left);
    product_stock_append_json(b, &right);
    assert_string_equal(left.ptr, right.ptr);
    strbuf_release(&left);
    strbuf_release(&right);
}

static void avro_codec_decodes_the_golden_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct product_stock expected = GOLDEN[i].make();
        struct product_stock got;
        struct strbuf value;
        struct err err;
        strbuf_init(&value, MAX_VALUE);
        append_hex(&value, GOLDEN[i].hex);
        assert_int_equal(avro_codec_decode(codec, strbuf_bytes(&value), &got, &err), STATUS_OK);
        assert_same(&got, &expected);
        product_stock_release(&got);
        strbuf_release(&value);
        product_stock_release(&expected);
    }
}

static void avro_codec_forgets_the_record_before(void **state)
{
    (void)state;
    struct product_stock first = forecast();
    struct product_stock second = plain();
    struct product_stock third = bare();
    struct product_stock *const order[] = {&first, &second, &third, &first};
    for (size_t i = 0; i < 4; i++) {
        struct product_stock got;
        struct strbuf value;
        struct err err;
        strbuf_init(&value, MAX_VALUE);
        assert_int_equal(avro_codec_encode(codec, order[i], &value, &err), STATUS_OK);
        assert_int_equal(avro_codec_decode(codec, strbuf_bytes(&value), &got, &err), STATUS_OK);
        assert_same(&got, order[i]);
        product_stock_release(&got);
        strbuf_release(&value);
    }
    product_stock_release(&first);
    product_stock_release(&second);
    product_stock_release(&third);
}

/* Every proper beginning of a good value is refused, and so is one with a byte more. */
static void avro_codec_refuses_cut_and_lengthened_values(void **state)
{
    (void)state;
    for (size_t i = 0; i <= GOLDEN_COUNT; i++) {
        const bool former = i == GOLDEN_COUNT;
        struct strbuf value;
        strbuf_init(&value, MAX_VALUE);
        append_hex(&value, former ? GOLDEN_FORMER : GOLDEN[i].hex);
        strbuf_append_char(&value, '\0');
        for (size_t len = 0; len <= value.len; len++) {
            struct product_stock got;
            struct err err;
            if (len == value.len - 1) {
                continue;
            }
            /* A copy of exactly that size, so that the sanitizers see a read behind it. */
            char *copy = mem_strndup(value.ptr, len);
            const enum status status = avro_codec_decode(codec, bytes_of(copy, len), &got, &err);
            if (status != STATUS_RECORD_INVALID) {
                fail_msg("%s cut to %zu bytes: %s", former ? "former" : GOLDEN[i].name, len,
                         status_name(status));
            }
            mem_free(copy);
        }
        strbuf_release(&value);
    }
}

/* The fields in front of the warehouses, as in GOLDEN_BARE. */
#define HEAD "020000000000000002000001"

static const struct {
    const char *name;
    const char *hex;
    enum status expected;
} DAMAGED[] = {
    {"empty", "", STATUS_RECORD_INVALID},
    {"another magic",
     "c302"
     "b35d6d6fd40c170e" HEAD "00",
     STATUS_RECORD_INVALID},
    {"text", "7b2261223a317d7b2261223a317d", STATUS_RECORD_INVALID},
    {"schema registry", "0000000007" HEAD "00", STATUS_RECORD_INVALID},
    {"unknown fingerprint",
     "c301"
     "b45d6d6fd40c170e" HEAD "00",
     STATUS_SCHEMA_UNKNOWN},
    {"the fields of the former schema under today's fingerprint",
     FRAME HEAD "02"
                "0200"
                "0000000000000000"
                "0000000000000000"
                "000000"
                "00",
     STATUS_RECORD_INVALID},
    {"today's fields under the former fingerprint",
     FORMER HEAD "02"
                 "0200"
                 "0000000000000000"
                 "0000000000000000"
                 "00000000"
                 "00",
     STATUS_RECORD_INVALID},
    {"unknown fingerprint, nothing else", "c3010000000000000000", STATUS_SCHEMA_UNKNOWN},
    {"negative array count",
     FRAME HEAD "01"
                "02"
                "00",
     STATUS_RECORD_INVALID},
    {"giant array count",
     FRAME HEAD "80c8afa025"
                "00",
     STATUS_RECORD_INVALID},
    {"greatest array count",
     FRAME HEAD "feffffffffffffffff01"
                "00",
     STATUS_RECORD_INVALID},
    {"varint without end", FRAME HEAD "ffffffffffffffffffffff00", STATUS_RECORD_INVALID},
    {"varint of 65 bits", FRAME HEAD "ffffffffffffffffff0300", STATUS_RECORD_INVALID},
    {"array without end", FRAME "020000000000000002000001", STATUS_RECORD_INVALID},
    {"product id 0",
     FRAME "00"
           "0000000000000002000001"
           "00",
     STATUS_RECORD_INVALID},
    {"product id of 33 bits",
     FRAME "8080808010"
           "0000000000000002000001"
           "00",
     STATUS_RECORD_INVALID},
    {"negative template id",
     FRAME "02"
           "01"
           "00000000000002000001"
           "00",
     STATUS_RECORD_INVALID},
    {"union branch 2",
     FRAME "0200"
           "04"
           "000000000002000001"
           "00",
     STATUS_RECORD_INVALID},
    {"union branch -1",
     FRAME "0200"
           "01"
           "000000000002000001"
           "00",
     STATUS_RECORD_INVALID},
    {"negative text length",
     FRAME "0200"
           "0201"
           "0000000000000002000001"
           "00",
     STATUS_RECORD_INVALID},
    {"text length over the limit",
     FRAME "0200"
           "028240"
           "00000000000002000001"
           "00",
     STATUS_RECORD_INVALID},
    {"giant text length",
     FRAME "0200"
           "02feffffffffffffffff01"
           "000000000002000001"
           "00",
     STATUS_RECORD_INVALID},
    {"text with NUL",
     FRAME "0200"
           "02"
           "0400"
           "41"
           "000000000000"
           "02000001"
           "00",
     STATUS_RECORD_INVALID},
    {"text that is not UTF-8",
     FRAME "0200"
           "02"
           "02ff"
           "0000000000"
           "02000001"
           "00",
     STATUS_RECORD_INVALID},
    {"boolean 2",
     FRAME "0200000000"
           "02"
           "0000"
           "02000001"
           "00",
     STATUS_RECORD_INVALID},
    {"revision 0",
     FRAME "0200000000000000"
           "00"
           "000001"
           "00",
     STATUS_RECORD_INVALID},
    {"cause 5",
     FRAME "0200000000000000"
           "02"
           "0a"
           "0001"
           "00",
     STATUS_RECORD_INVALID},
    {"company 0",
     FRAME "02000000"
           "0200"
           "000000"
           "02000001"
           "00",
     STATUS_RECORD_INVALID},
    {"good, to show that the frame around the others is", FRAME HEAD "00", STATUS_OK},
    {"empty sku is no sku",
     FRAME "0200"
           "0200"
           "0000"
           "000000"
           "02000001"
           "00",
     STATUS_OK},
    {"warehouse with infinity",
     FRAME HEAD "02"
                "0200"
                "000000000000f07f"
                "0000000000000000"
                "00000000"
                "00",
     STATUS_RECORD_INVALID},
    {"warehouse with a part of its forecast",
     FRAME HEAD "02"
                "0200"
                "0000000000000000"
                "0000000000000000"
                "02000000000000f03f000000"
                "00",
     STATUS_RECORD_INVALID},
    {"warehouse twice",
     FRAME HEAD "04"
                "0200"
                "0000000000000000"
                "0000000000000000"
                "00000000"
                "0200"
                "0000000000000000"
                "0000000000000000"
                "00000000"
                "00",
     STATUS_RECORD_INVALID},
    {"two blocks",
     FRAME HEAD "02"
                "0200"
                "0000000000000000"
                "0000000000000000"
                "00000000"
                "02"
                "0400"
                "0000000000000000"
                "0000000000000000"
                "00000000"
                "00",
     STATUS_OK},
};

static void avro_codec_reads_what_a_former_producer_wrote(void **state)
{
    (void)state;
    struct product_stock got;
    struct product_stock now = forecast();
    struct strbuf value;
    struct strbuf newer;
    struct err err;
    strbuf_init(&value, MAX_VALUE);
    strbuf_init(&newer, MAX_VALUE);
    append_hex(&value, GOLDEN_FORMER);
    assert_int_equal(avro_codec_decode(codec, strbuf_bytes(&value), &got, &err), STATUS_OK);
    assert_string_equal(got.sku, "OLD");
    assert_int_equal(got.warehouse_count, 2);
    assert_true(got.warehouses[0].has_forecast);
    assert_float_equal(got.warehouses[0].forecast, 10, 0);
    assert_false(got.warehouses[0].has_free_confirmed);
    assert_false(got.warehouses[1].has_forecast);
    assert_string_equal(got.warehouses[1].code, "NO");
    /* written again it is a record of today, which lacks the number as well */
    assert_int_equal(avro_codec_encode(codec, &got, &newer, &err), STATUS_OK);
    product_stock_release(&got);
    assert_int_equal(avro_codec_decode(codec, strbuf_bytes(&newer), &got, &err), STATUS_OK);
    assert_false(got.warehouses[0].has_free_confirmed);
    product_stock_release(&got);
    /* each form has a value, so that they do not mix */
    strbuf_reset(&newer);
    assert_int_equal(avro_codec_encode(codec, &now, &newer, &err), STATUS_OK);
    assert_int_equal(avro_codec_decode(codec, strbuf_bytes(&newer), &got, &err), STATUS_OK);
    assert_same(&got, &now);
    product_stock_release(&got);
    product_stock_release(&now);
    strbuf_release(&newer);
    strbuf_release(&value);
}

static void avro_codec_refuses_damaged_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof DAMAGED / sizeof *DAMAGED; i++) {
        struct product_stock got;
        struct strbuf value;
        struct err err = {0};
        strbuf_init(&value, MAX_VALUE);
        append_hex(&value, DAMAGED[i].hex);
        char *copy = mem_strndup(value.ptr, value.len);
        const enum status status = avro_codec_decode(codec, bytes_of(copy, value.len), &got, &err);
        if (status != DAMAGED[i].expected) {
            fail_msg("%s: %s, %s", DAMAGED[i].name, status_name(status), err.msg);
        }
        product_stock_release(&got);
        mem_free(copy);
        strbuf_release(&value);
    }
}

static void avro_codec_decode_makes_an_empty_sku_absent(void **state)
{
    (void)state;
    struct product_stock got;
    struct strbuf value;
    struct err err;
    strbuf_init(&value, MAX_VALUE);
    append_hex(&value, FRAME "0200"
                             "0200"
                             "0000"
                             "000000"
                             "02000001"
                             "00");
    assert_int_equal(avro_codec_decode(codec, strbuf_bytes(&value), &got, &err), STATUS_OK);
    assert_null(got.sku);
    product_stock_release(&got);
    strbuf_release(&value);
}

static enum status encode(const struct product_stock *stock, size_t max)
{
    struct strbuf out;
    struct err err;
    strbuf_init(&out, max);
    const enum status status = avro_codec_encode(codec, stock, &out, &err);
    strbuf_release(&out);
    return status;
}

static void avro_codec_encode_refuses_what_decode_would(void **state)
{
    (void)state;
    struct product_stock stock = plain();
    assert_int_equal(encode(&stock, MAX_VALUE), STATUS_OK);

    stock.warehouses[1].free = (double)NAN;
    assert_int_equal(encode(&stock, MAX_VALUE), STATUS_RECORD_INVALID);
    stock.warehouses[1].free = 0;
    stock.warehouses[1].warehouse_id = 1;
    assert_int_equal(encode(&stock, MAX_VALUE), STATUS_RECORD_INVALID);
    stock.warehouses[1].warehouse_id = 2;
    stock.warehouses[1].forecast = (double)INFINITY; /* not read: not written either */
    assert_int_equal(encode(&stock, MAX_VALUE), STATUS_OK);

    stock.warehouses[1].free_confirmed = (double)NAN;
    assert_int_equal(encode(&stock, MAX_VALUE), STATUS_OK);
    stock.warehouses[1].has_free_confirmed = true;
    assert_int_equal(encode(&stock, MAX_VALUE), STATUS_RECORD_INVALID);
    stock.warehouses[1].free_confirmed = 0;

    stock.revision = 0;
    assert_int_equal(encode(&stock, MAX_VALUE), STATUS_RECORD_INVALID);
    stock.revision = 1;
    stock.product_id = 0;
    assert_int_equal(encode(&stock, MAX_VALUE), STATUS_RECORD_INVALID);
    stock.product_id = 1;
    stock.sku[0] = (char)0xff;
    assert_int_equal(encode(&stock, MAX_VALUE), STATUS_RECORD_INVALID);
    stock.sku[0] = 'S';
    assert_int_equal(encode(&stock, MAX_VALUE), STATUS_OK);
    product_stock_release(&stock);
}

static void avro_codec_encode_keeps_limits(void **state)
{
    (void)state;
    struct product_stock stock = bare();
    stock.sku = mem_calloc(PRODUCT_STOCK_MAX_TEXT_BYTES + 2, 1);
    memset(stock.sku, 'x', PRODUCT_STOCK_MAX_TEXT_BYTES);
    assert_int_equal(encode(&stock, MAX_VALUE), STATUS_OK);
    assert_int_equal(encode(&stock, PRODUCT_STOCK_MAX_TEXT_BYTES), STATUS_TOO_LARGE);
    stock.sku[PRODUCT_STOCK_MAX_TEXT_BYTES] = 'x';
    assert_int_equal(encode(&stock, MAX_VALUE), STATUS_RECORD_INVALID);
    product_stock_release(&stock);
}

static void avro_codec_takes_as_many_warehouses_as_allowed(void **state)
{
    (void)state;
    struct product_stock stock = bare();
    struct product_stock got;
    struct strbuf value;
    struct err err;
    for (int32_t i = 0; i < PRODUCT_STOCK_MAX_WAREHOUSES; i++) {
        add_warehouse(&stock,
                      (struct warehouse_stock){.warehouse_id = i + 1, .code = mem_strdup("WH")});
    }
    strbuf_init(&value, 1048576);
    assert_int_equal(avro_codec_encode(codec, &stock, &value, &err), STATUS_OK);
    assert_int_equal(avro_codec_decode(codec, strbuf_bytes(&value), &got, &err), STATUS_OK);
    assert_int_equal(got.warehouse_count, PRODUCT_STOCK_MAX_WAREHOUSES);
    product_stock_release(&got);
    add_warehouse(&stock,
                  (struct warehouse_stock){.warehouse_id = INT32_MAX, .code = mem_strdup("WH")});
    assert_int_equal(encode(&stock, 1048576), STATUS_RECORD_INVALID);
    strbuf_release(&value);
    product_stock_release(&stock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(avro_codec_encodes_the_golden_bytes),
        cmocka_unit_test(avro_codec_decodes_the_golden_bytes),
        cmocka_unit_test(avro_codec_forgets_the_record_before),
        cmocka_unit_test(avro_codec_refuses_cut_and_lengthened_values),
        cmocka_unit_test(avro_codec_reads_what_a_former_producer_wrote),
        cmocka_unit_test(avro_codec_refuses_damaged_values),
        cmocka_unit_test(avro_codec_decode_makes_an_empty_sku_absent),
        cmocka_unit_test(avro_codec_encode_refuses_what_decode_would),
        cmocka_unit_test(avro_codec_encode_keeps_limits),
        cmocka_unit_test(avro_codec_takes_as_many_warehouses_as_allowed),
    };
    return cmocka_run_group_tests(tests, make_codec, free_codec);
}

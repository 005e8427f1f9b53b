#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/avro/avro_codec.h"
#include "consumer/intake/decode.h"

static struct decoder *decoder;
static struct strbuf value; /* of product 42 */

static int start(void **state)
{
    (void)state;
    struct err err;
    struct avro_codec *codec = NULL;
    const struct product_stock stock = {.product_id = 42, .revision = 7};
    strbuf_init(&value, 4096);
    if (decoder_new(&decoder, &err) != STATUS_OK || avro_codec_new(&codec, &err) != STATUS_OK ||
        avro_codec_encode(codec, &stock, &value, &err) != STATUS_OK) {
        return -1;
    }
    avro_codec_free(codec);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    strbuf_release(&value);
    decoder_free(decoder);
    decoder_free(NULL);
    return 0;
}

static const struct {
    const char *name;
    const char *key;
    enum { GOOD, NONE, EMPTY, TEXT, NEWER } value;
    enum status expected;
    bool tombstone;
} CASES[] = {
    {"record", "42", GOOD, STATUS_OK, false},
    {"tombstone", "42", NONE, STATUS_OK, true},
    {"key of another product", "43", GOOD, STATUS_RECORD_INVALID, false},
    {"key that is no id", "forty-two", GOOD, STATUS_RECORD_INVALID, false},
    {"tombstone whose key is no id", "", NONE, STATUS_RECORD_INVALID, false},
    {"value without bytes", "42", EMPTY, STATUS_RECORD_INVALID, false},
    {"value that is text", "42", TEXT, STATUS_RECORD_INVALID, false},
    {"value of a newer producer", "42", NEWER, STATUS_SCHEMA_UNKNOWN, false},
};

static void decode_record_says_what_it_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        static const unsigned char newer[] = {0xc3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 9};
        const struct bytes values[] = {[GOOD] = strbuf_bytes(&value),
                                       [NONE] = {0},
                                       [EMPTY] = bytes_text(""),
                                       [TEXT] = bytes_text("{\"sku\": 1}"),
                                       [NEWER] = bytes_of(newer, sizeof newer)};
        struct product_stock stock = {0};
        struct err err = {0};
        bool tombstone = !CASES[i].tombstone;
        int32_t id = 0;
        const enum status rc = decode_record(decoder, bytes_text(CASES[i].key),
                                             values[CASES[i].value], &id, &tombstone, &stock, &err);
        if (rc != CASES[i].expected || tombstone != CASES[i].tombstone) {
            fail_msg("%s: %s %s", CASES[i].name, status_name(rc), err.msg);
        }
        if (rc == STATUS_OK) {
            assert_int_equal(id, 42);
            assert_int_equal(stock.product_id, tombstone ? 0 : 42);
        }
        product_stock_release(&stock);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_record_says_what_it_found),
    };
    return cmocka_run_group_tests(tests, start, stop);
}

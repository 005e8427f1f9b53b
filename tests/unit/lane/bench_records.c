#include "tests/unit/lane/bench_records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/avro/avro_codec.h"

#define POOL_BYTES 65536

static unsigned char pool[POOL_BYTES];
static size_t used;

static struct bytes keep(const void *ptr, size_t len)
{
    assert_true(used + len <= POOL_BYTES);
    memcpy(pool + used, ptr, len);
    used += len;
    return bytes_of(pool + used - len, len);
}

struct bytes bench_key(int32_t product_id)
{
    char key[PRODUCT_STOCK_KEY_SIZE];
    product_stock_format_key(product_id, key);
    return keep(key, strlen(key));
}

struct bytes bench_value(const struct bench_stock *stock)
{
    struct err err = {0};
    struct strbuf out;
    struct avro_codec *codec = NULL;
    char sku[32] = "";
    char code[] = "WH";
    struct warehouse_stock warehouse = {
        .warehouse_id = 1, .code = code, .on_hand = stock->free, .free = stock->free};
    struct product_stock record = {.product_id = stock->product_id,
                                   .sku = stock->sku != NULL ? sku : NULL,
                                   .company_id = stock->company_id,
                                   .active = !stock->inactive,
                                   .shopify_enabled = !stock->disabled,
                                   .is_kit = stock->broken_kit,
                                   .revision = stock->revision,
                                   .changed_at_us = 1,
                                   .warehouses = &warehouse,
                                   .warehouse_count = stock->broken_kit ? 0 : 1};
    if (stock->sku != NULL) {
        assert_true(strlen(stock->sku) < sizeof sku);
        memcpy(sku, stock->sku, strlen(stock->sku) + 1);
    }
    strbuf_init(&out, 4096);
    assert_int_equal(avro_codec_new(&codec, &err), STATUS_OK);
    assert_int_equal(avro_codec_encode(codec, &record, &out, &err), STATUS_OK);
    struct bytes value = keep(out.ptr, out.len);
    avro_codec_free(codec);
    strbuf_release(&out);
    return value;
}

struct source_event bench_event(const struct bench_stock *stock)
{
    static int64_t offset;
    return (struct source_event){.type = SOURCE_RECORD,
                                 .offset = offset++,
                                 .key = bench_key(stock->product_id),
                                 .value = bench_value(stock),
                                 .header_revision = stock->revision};
}

/**
 * fuzz_avro_codec: any bytes as a value. What decodes must encode, and decode to the same again.
 *
 * With libFuzzer (STOCKSYNC_FUZZ): the fuzz target. Without: a program that runs the files and
 * folders named as arguments once.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/avro/avro_codec.h"
#include "tests/fuzz/fuzz_target.h"

#define MAX_BYTES ((size_t)64 * 1024 * 1024)

static struct avro_codec *codec;

static void free_codec(void)
{
    avro_codec_free(codec);
}

static void check_round_trip(const struct product_stock *stock)
{
    struct product_stock again;
    struct strbuf value;
    struct strbuf before;
    struct strbuf after;
    struct err err = {0};
    strbuf_init(&value, MAX_BYTES);
    strbuf_init(&before, MAX_BYTES);
    strbuf_init(&after, MAX_BYTES);
    INVARIANT(avro_codec_encode(codec, stock, &value, &err) == STATUS_OK, "%s", err.msg);
    INVARIANT(avro_codec_decode(codec, strbuf_bytes(&value), &again, &err) == STATUS_OK, "%s",
              err.msg);
    product_stock_append_json(stock, &before);
    product_stock_append_json(&again, &after);
    INVARIANT(strcmp(before.ptr, after.ptr) == 0, "%s became %s", before.ptr, after.ptr);
    product_stock_release(&again);
    strbuf_release(&value);
    strbuf_release(&before);
    strbuf_release(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct product_stock stock;
    struct err err = {0};
    if (codec == NULL) {
        INVARIANT(avro_codec_new(&codec, &err) == STATUS_OK, "%s", err.msg);
        (void)atexit(free_codec);
    }
    if (avro_codec_decode(codec, bytes_of(data, size), &stock, &err) == STATUS_OK) {
        check_round_trip(&stock);
        product_stock_release(&stock);
    }
    return 0;
}

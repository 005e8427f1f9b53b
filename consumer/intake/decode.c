#include "consumer/intake/decode.h"

#include <inttypes.h>

#include "common/avro/avro_codec.h"
#include "common/core/mem.h"

struct decoder {
    struct avro_codec *codec;
};

enum status decoder_new(struct decoder **decoder, struct err *err)
{
    struct avro_codec *codec = NULL;
    enum status rc = avro_codec_new(&codec, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    *decoder = mem_calloc(1, sizeof **decoder);
    (*decoder)->codec = codec;
    return STATUS_OK;
}

void decoder_free(struct decoder *decoder)
{
    if (decoder == NULL) {
        return;
    }
    avro_codec_free(decoder->codec);
    mem_free(decoder);
}

enum status decode_record(struct decoder *decoder,
                          struct bytes key,
                          struct bytes value,
                          int32_t *product_id,
                          bool *tombstone,
                          struct product_stock *stock,
                          struct err *err)
{
    *tombstone = false;
    enum status rc = product_stock_parse_key(key, product_id, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (value.ptr == NULL) {
        *tombstone = true;
        return STATUS_OK;
    }
    rc = avro_codec_decode(decoder->codec, value, stock, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    if (stock->product_id != *product_id) {
        const int32_t inside = stock->product_id;
        product_stock_release(stock);
        return err_set(err, STATUS_RECORD_INVALID,
                       "key names product %" PRId32 ", value product %" PRId32, *product_id,
                       inside);
    }
    return STATUS_OK;
}

#include "common/avro/avro_codec.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <avro.h>

#include "common/avro/avro_fingerprint.h"
#include "common/avro/avro_scan.h"
#include "common/avro/avro_stock.h"
#include "common/core/cursor.h"
#include "common/core/mem.h"
#include "embedded/pcf.h"

#define FRAME_SIZE 10 /* C3 01 and the fingerprint */
/* The most that fields other than texts take: varints of 5 or 10 bytes, branches, doubles. */
#define RECORD_FIXED_MAX    128
#define WAREHOUSE_FIXED_MAX 64

/* One schema that values are read with. */
struct known_schema {
    avro_schema_t schema;
    avro_value_iface_t *class;
    avro_value_t value; /* reused by every call */
    unsigned char frame[FRAME_SIZE];
};

struct avro_codec {
    struct known_schema known[AVRO_FORM_COUNT]; /* values are written with the first */
    avro_writer_t writer;
    avro_reader_t reader;
    char *scratch;
    size_t scratch_size;
};

/* The canonical form of a schema is a schema too, only without texts and defaults. */
static const char *const CANONICAL[AVRO_FORM_COUNT] = {
    [AVRO_FORM_NOW] = pcf_product_stock,
    [AVRO_FORM_1] = pcf_product_stock_1,
};

/* avro-c keeps its error text in one process-wide buffer; Debian builds it without the switch that
 * makes it per thread. */
static pthread_mutex_t avro_lock = PTHREAD_MUTEX_INITIALIZER;

static void lock(void)
{
    (void)pthread_mutex_lock(&avro_lock);
}

static void unlock(void)
{
    (void)pthread_mutex_unlock(&avro_lock);
}

/* Called with the lock held. */
static enum status avro_failed(struct err *err, enum status status, const char *what)
{
    return err_set(err, status, "%s: %s", what, avro_strerror());
}

static void set_frame(const char *canonical, unsigned char frame[FRAME_SIZE])
{
    size_t len = strlen(canonical);
    while (len > 0 && canonical[len - 1] == '\n') {
        len--;
    }
    const uint64_t fingerprint = avro_fingerprint(bytes_of(canonical, len));
    frame[0] = 0xc3;
    frame[1] = 0x01;
    for (size_t i = 0; i < sizeof fingerprint; i++) {
        frame[2 + i] = (unsigned char)(fingerprint >> (8 * i));
    }
}

/* Called with the lock held. */
static enum status build_schema(struct known_schema *known, enum avro_form form, struct err *err)
{
    const char *text = CANONICAL[form];
    if (avro_schema_from_json_length(text, strlen(text), &known->schema) != 0) {
        known->schema = NULL;
        return avro_failed(err, STATUS_INTERNAL, "embedded schema");
    }
    const enum status rc = avro_stock_check_schema(known->schema, form, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    known->class = avro_generic_class_from_schema(known->schema);
    if (known->class == NULL || avro_generic_value_new(known->class, &known->value) != 0) {
        return avro_failed(err, STATUS_INTERNAL, "avro value");
    }
    set_frame(text, known->frame);
    return STATUS_OK;
}

/* Called with the lock held. */
static enum status build(struct avro_codec *codec, struct err *err)
{
    for (int form = 0; form < AVRO_FORM_COUNT; form++) {
        const enum status rc = build_schema(&codec->known[form], (enum avro_form)form, err);
        if (rc != STATUS_OK) {
            return rc;
        }
    }
    codec->scratch_size = 1024;
    codec->scratch = mem_alloc(codec->scratch_size);
    codec->writer = avro_writer_memory(codec->scratch, (int64_t)codec->scratch_size);
    codec->reader = avro_reader_memory(codec->scratch, 0);
    if (codec->writer == NULL || codec->reader == NULL) {
        return avro_failed(err, STATUS_INTERNAL, "avro reader and writer");
    }
    return STATUS_OK;
}

enum status avro_codec_new(struct avro_codec **codec, struct err *err)
{
    struct avro_codec *made = mem_calloc(1, sizeof *made);
    lock();
    const enum status rc = build(made, err);
    unlock();
    if (rc != STATUS_OK) {
        avro_codec_free(made);
        return rc;
    }
    *codec = made;
    return STATUS_OK;
}

/* Called with the lock held. */
static void release_schema(struct known_schema *known)
{
    if (known->value.self != NULL) {
        avro_value_decref(&known->value);
    }
    if (known->class != NULL) {
        avro_value_iface_decref(known->class);
    }
    if (known->schema != NULL) {
        (void)avro_schema_decref(known->schema);
    }
}

void avro_codec_free(struct avro_codec *codec)
{
    if (codec == NULL) {
        return;
    }
    lock();
    if (codec->reader != NULL) {
        avro_reader_free(codec->reader);
    }
    if (codec->writer != NULL) {
        avro_writer_free(codec->writer);
    }
    for (int form = 0; form < AVRO_FORM_COUNT; form++) {
        release_schema(&codec->known[form]);
    }
    unlock();
    mem_free(codec->scratch);
    mem_free(codec);
}

/* --- limits --- */

static enum status check_text(const char *name, const char *text, size_t *len, struct err *err)
{
    *len = text != NULL ? strlen(text) : 0;
    if (*len > PRODUCT_STOCK_MAX_TEXT_BYTES) {
        return err_set(err, STATUS_RECORD_INVALID, "'%s' has %zu bytes, more than %d", name, *len,
                       PRODUCT_STOCK_MAX_TEXT_BYTES);
    }
    if (!avro_scan_is_text(bytes_of(text, *len))) {
        return err_set(err, STATUS_RECORD_INVALID, "'%s' is not UTF-8", name);
    }
    return STATUS_OK;
}

static bool is_finite_warehouse(const struct warehouse_stock *w)
{
    return isfinite(w->on_hand) && isfinite(w->free) &&
           (!w->has_forecast ||
            (isfinite(w->incoming) && isfinite(w->outgoing) && isfinite(w->forecast))) &&
           (!w->has_free_confirmed || isfinite(w->free_confirmed));
}

/* Rules of product_stock.h that the binary form cannot express; both directions. */
static enum status check_warehouses(const struct product_stock *stock, struct err *err)
{
    int32_t before = 0;
    for (size_t i = 0; i < stock->warehouse_count; i++) {
        const struct warehouse_stock *w = &stock->warehouses[i];
        if (w->warehouse_id <= before) {
            return err_set(err, STATUS_RECORD_INVALID,
                           "warehouse %" PRId32 " stands behind warehouse %" PRId32,
                           w->warehouse_id, before);
        }
        if (!is_finite_warehouse(w)) {
            return err_set(err, STATUS_RECORD_INVALID,
                           "warehouse %" PRId32 " has a quantity that is not a number",
                           w->warehouse_id);
        }
        before = w->warehouse_id;
    }
    return STATUS_OK;
}

/* Refuses what decoding would refuse, so that every published record can be read.
 * @param size  [out] the most that the binary takes */
static enum status check_stock(const struct product_stock *stock, size_t *size, struct err *err)
{
    size_t len = 0;
    *size = RECORD_FIXED_MAX;
    if (stock->product_id < 1 || stock->template_id < 0 || stock->company_id < 0 ||
        stock->revision < 1) {
        return err_set(err, STATUS_RECORD_INVALID,
                       "product %" PRId32 ", template %" PRId32 ", company %" PRId32
                       " or revision %" PRId64 " is out of range",
                       stock->product_id, stock->template_id, stock->company_id, stock->revision);
    }
    if (stock->warehouse_count > PRODUCT_STOCK_MAX_WAREHOUSES) {
        return err_set(err, STATUS_RECORD_INVALID, "%zu warehouses, more than %d",
                       stock->warehouse_count, PRODUCT_STOCK_MAX_WAREHOUSES);
    }
    enum status rc = check_text("sku", stock->sku, &len, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    *size += len;
    rc = check_text("barcode", stock->barcode, &len, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    *size += len;
    for (size_t i = 0; i < stock->warehouse_count; i++) {
        rc = check_text("code", stock->warehouses[i].code, &len, err);
        if (rc != STATUS_OK) {
            return rc;
        }
        *size += WAREHOUSE_FIXED_MAX + len;
    }
    return check_warehouses(stock, err);
}

/* --- encoding --- */

/* Fills codec->scratch; *len is the size of the binary. */
static enum status write_binary(struct avro_codec *codec,
                                const struct product_stock *stock,
                                size_t size,
                                int64_t *len,
                                struct err *err)
{
    if (codec->scratch_size < size) {
        codec->scratch = mem_realloc(codec->scratch, size, 1);
        codec->scratch_size = size;
    }
    enum status rc = STATUS_OK;
    lock();
    avro_writer_memory_set_dest(codec->writer, codec->scratch, (int64_t)codec->scratch_size);
    avro_value_t *value = &codec->known[AVRO_FORM_NOW].value;
    if (avro_stock_put(value, stock) != 0 || avro_value_write(codec->writer, value) != 0) {
        rc = avro_failed(err, STATUS_INTERNAL, "avro encoding");
    }
    *len = avro_writer_tell(codec->writer);
    unlock();
    return rc;
}

enum status avro_codec_encode(struct avro_codec *codec,
                              const struct product_stock *stock,
                              struct strbuf *out,
                              struct err *err)
{
    size_t size = 0;
    int64_t len = 0;
    enum status rc = check_stock(stock, &size, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = write_binary(codec, stock, size, &len, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    strbuf_append(out, codec->known[AVRO_FORM_NOW].frame, FRAME_SIZE);
    strbuf_append(out, codec->scratch, (size_t)len);
    return strbuf_check(out, "record", err);
}

/* --- decoding --- */

static enum status read_binary(struct avro_codec *codec,
                               struct bytes binary,
                               enum avro_form form,
                               struct product_stock *stock,
                               struct err *err)
{
    enum status rc = STATUS_OK;
    lock();
    avro_reader_memory_set_source(codec->reader, (const char *)binary.ptr, (int64_t)binary.len);
    avro_value_t *value = &codec->known[form].value;
    if (avro_value_reset(value) != 0 || avro_value_read(codec->reader, value) != 0 ||
        avro_stock_get(value, form, stock) != 0) {
        rc = avro_failed(err, STATUS_RECORD_INVALID, "value cannot be decoded");
    }
    unlock();
    return rc;
}

/* The schema whose fingerprint it is; AVRO_FORM_COUNT: unknown. */
static enum avro_form find_form(const struct avro_codec *codec, struct bytes fingerprint)
{
    int form = 0;
    while (form < AVRO_FORM_COUNT &&
           memcmp(fingerprint.ptr, codec->known[form].frame + 2, FRAME_SIZE - 2) != 0) {
        form++;
    }
    return (enum avro_form)form;
}

static enum status strip_frame(const struct avro_codec *codec,
                               struct bytes value,
                               struct bytes *binary,
                               enum avro_form *form,
                               struct err *err)
{
    struct cursor c = cursor_of(value);
    struct bytes magic;
    struct bytes fingerprint;
    uint8_t first = 0;
    uint32_t schema_id = 0;
    if (cursor_u8(&c, &first) && first == 0x00 && cursor_be32(&c, &schema_id)) {
        return err_set(err, STATUS_RECORD_INVALID,
                       "value names schema %" PRIu32
                       " of a schema registry, and none is configured",
                       schema_id);
    }
    c = cursor_of(value);
    if (!cursor_bytes(&c, 2, &magic) || memcmp(magic.ptr, codec->known[0].frame, 2) != 0 ||
        !cursor_bytes(&c, FRAME_SIZE - 2, &fingerprint)) {
        return err_set(err, STATUS_RECORD_INVALID,
                       "value of %zu bytes does not begin like a record of ours", value.len);
    }
    *form = find_form(codec, fingerprint);
    if (*form == AVRO_FORM_COUNT) {
        char found_text[17];
        uint64_t found = 0;
        for (size_t i = FRAME_SIZE - 2; i-- > 0;) {
            found = (found << 8) | fingerprint.ptr[i];
        }
        (void)snprintf(found_text, sizeof found_text, "%016" PRIx64, found);
        return err_set_origin(err, STATUS_SCHEMA_UNKNOWN, found_text,
                              "value was written with schema %s, which this program does not "
                              "know, probably by a newer producer",
                              found_text);
    }
    *binary = bytes_of(c.pos, cursor_left(&c));
    return STATUS_OK;
}

static enum status
decode(struct avro_codec *codec, struct bytes value, struct product_stock *stock, struct err *err)
{
    struct bytes binary = {0};
    enum avro_form form = AVRO_FORM_NOW;
    enum status rc = strip_frame(codec, value, &binary, &form, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = avro_scan_product_stock(binary, form, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = read_binary(codec, binary, form, stock, err);
    if (rc != STATUS_OK) {
        return rc;
    }
    return check_warehouses(stock, err);
}

enum status avro_codec_decode(struct avro_codec *codec,
                              struct bytes value,
                              struct product_stock *stock,
                              struct err *err)
{
    *stock = (struct product_stock){0};
    enum status rc = decode(codec, value, stock, err);
    if (rc != STATUS_OK) {
        product_stock_release(stock);
    }
    return rc;
}

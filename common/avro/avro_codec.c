#include "common/avro/avro_codec.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include <avro.h>

#include "common/avro/avro_fingerprint.h"
#include "common/avro/avro_scan.h"
#include "common/core/cursor.h"
#include "common/core/mem.h"
#include "embedded/avsc.h"
#include "embedded/pcf.h"

/* Positions of the fields in product_stock.avsc; avro_codec_new checks the names. */
enum field {
    F_PRODUCT_ID,
    F_TEMPLATE_ID,
    F_SKU,
    F_BARCODE,
    F_COMPANY_ID,
    F_ACTIVE,
    F_SHOPIFY_ENABLED,
    F_IS_KIT,
    F_REVISION,
    F_CAUSE,
    F_CHANGED_AT,
    F_READ_AT,
    F_WAREHOUSES,
    F_COUNT
};
static const char *const FIELD_NAMES[F_COUNT] = {
    "product_id", "template_id",     "sku",        "barcode",  "company_id",
    "active",     "shopify_enabled", "is_kit",     "revision", "cause",
    "changed_at", "read_at",         "warehouses",
};

enum warehouse_field {
    W_ID,
    W_CODE,
    W_ON_HAND,
    W_FREE,
    W_INCOMING,
    W_OUTGOING,
    W_FORECAST,
    W_COUNT
};
static const char *const WAREHOUSE_FIELD_NAMES[W_COUNT] = {
    "warehouse_id", "code", "on_hand", "free", "incoming", "outgoing", "forecast",
};

enum { BRANCH_NULL = 0, BRANCH_VALUE = 1 };

#define FRAME_SIZE 10 /* C3 01 and the fingerprint */
/* What the fields other than texts can take at most: varints of 5 or 10 bytes, branches, doubles.
 */
#define RECORD_FIXED_MAX    128
#define WAREHOUSE_FIXED_MAX 64

struct avro_codec {
    avro_schema_t schema;
    avro_value_iface_t *class;
    avro_value_t value; /* reused by every call */
    avro_writer_t writer;
    avro_reader_t reader;
    char *scratch;
    size_t scratch_size;
    unsigned char frame[FRAME_SIZE];
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

static bool has_fields(avro_schema_t record, const char *const *names, size_t count)
{
    if (avro_schema_record_size(record) != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = avro_schema_record_field_name(record, (int)i);
        if (name == NULL || strcmp(name, names[i]) != 0) {
            return false;
        }
    }
    return true;
}

/* The tables above, the causes and the embedded schema say the same. Called with the lock held. */
static enum status check_schema(avro_schema_t schema, struct err *err)
{
    if (!has_fields(schema, FIELD_NAMES, F_COUNT)) {
        return err_set(err, STATUS_INTERNAL, "embedded schema: fields differ from the program's");
    }
    avro_schema_t warehouses = avro_schema_record_field_get_by_index(schema, F_WAREHOUSES);
    if (!has_fields(avro_schema_array_items(warehouses), WAREHOUSE_FIELD_NAMES, W_COUNT)) {
        return err_set(err, STATUS_INTERNAL,
                       "embedded schema: warehouse fields differ from the program's");
    }
    avro_schema_t causes = avro_schema_record_field_get_by_index(schema, F_CAUSE);
    for (int i = 0; i < CAUSE_COUNT; i++) {
        const char *name = avro_schema_enum_get(causes, i);
        if (name == NULL || strcmp(name, cause_name((enum cause)i)) != 0) {
            return err_set(err, STATUS_INTERNAL,
                           "embedded schema: causes differ from the program's");
        }
    }
    return STATUS_OK;
}

static void set_frame(unsigned char frame[FRAME_SIZE])
{
    size_t len = strlen(pcf_product_stock);
    while (len > 0 && pcf_product_stock[len - 1] == '\n') {
        len--;
    }
    const uint64_t fingerprint = avro_fingerprint(bytes_of(pcf_product_stock, len));
    frame[0] = 0xc3;
    frame[1] = 0x01;
    for (size_t i = 0; i < sizeof fingerprint; i++) {
        frame[2 + i] = (unsigned char)(fingerprint >> (8 * i));
    }
}

/* Called with the lock held. */
static enum status build(struct avro_codec *codec, struct err *err)
{
    if (avro_schema_from_json_length(avsc_product_stock, strlen(avsc_product_stock),
                                     &codec->schema) != 0) {
        codec->schema = NULL;
        return avro_failed(err, STATUS_INTERNAL, "embedded schema");
    }
    const enum status status = check_schema(codec->schema, err);
    if (status != STATUS_OK) {
        return status;
    }
    codec->class = avro_generic_class_from_schema(codec->schema);
    if (codec->class == NULL || avro_generic_value_new(codec->class, &codec->value) != 0) {
        return avro_failed(err, STATUS_INTERNAL, "avro value");
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
    set_frame(made->frame);
    lock();
    const enum status status = build(made, err);
    unlock();
    if (status != STATUS_OK) {
        avro_codec_free(made);
        return status;
    }
    *codec = made;
    return STATUS_OK;
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
    if (codec->value.self != NULL) {
        avro_value_decref(&codec->value);
    }
    if (codec->class != NULL) {
        avro_value_iface_decref(codec->class);
    }
    if (codec->schema != NULL) {
        (void)avro_schema_decref(codec->schema);
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
            (isfinite(w->incoming) && isfinite(w->outgoing) && isfinite(w->forecast)));
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

/* Everything that decoding would refuse, so that nothing is published which nobody can read. size:
 * what the binary takes at most. */
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
    enum status status = check_text("sku", stock->sku, &len, err);
    if (status != STATUS_OK) {
        return status;
    }
    *size += len;
    status = check_text("barcode", stock->barcode, &len, err);
    if (status != STATUS_OK) {
        return status;
    }
    *size += len;
    for (size_t i = 0; i < stock->warehouse_count; i++) {
        status = check_text("code", stock->warehouses[i].code, &len, err);
        if (status != STATUS_OK) {
            return status;
        }
        *size += WAREHOUSE_FIXED_MAX + len;
    }
    return check_warehouses(stock, err);
}

/* --- encoding: every function returns avro-c's 0 or error number, so that a record is one chain
 * --- */

static int put_int(avro_value_t *record, size_t at, int32_t number)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : avro_value_set_int(&field, number);
}

static int put_long(avro_value_t *record, size_t at, int64_t number)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : avro_value_set_long(&field, number);
}

static int put_boolean(avro_value_t *record, size_t at, bool flag)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : avro_value_set_boolean(&field, flag);
}

static int put_double(avro_value_t *record, size_t at, double number)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : avro_value_set_double(&field, number);
}

/* avro-c declares the text char *, and copies it. */
static int set_text(avro_value_t *field, const char *text)
{
    union {
        const char *in;
        char *out;
    } borrowed = {.in = text != NULL ? text : ""};
    return avro_value_set_string_len(field, borrowed.out, strlen(borrowed.in) + 1);
}

static int put_text(avro_value_t *record, size_t at, const char *text)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : set_text(&field, text);
}

static int put_cause(avro_value_t *record, enum cause cause)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, F_CAUSE, &field, NULL);
    return rc != 0 ? rc : avro_value_set_enum(&field, (int)cause);
}

/* Selects the branch of field `at`; *branch is only to be set when present. */
static int put_branch(avro_value_t *record, size_t at, bool present, avro_value_t *branch)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    rc = rc != 0 ? rc : avro_value_set_branch(&field, present ? BRANCH_VALUE : BRANCH_NULL, branch);
    return rc != 0 || present ? rc : avro_value_set_null(branch);
}

static int put_optional_text(avro_value_t *record, size_t at, const char *text)
{
    avro_value_t branch;
    int rc = put_branch(record, at, text != NULL, &branch);
    return rc != 0 || text == NULL ? rc : set_text(&branch, text);
}

static int put_optional_int(avro_value_t *record, size_t at, int32_t number)
{
    avro_value_t branch;
    int rc = put_branch(record, at, number != 0, &branch);
    return rc != 0 || number == 0 ? rc : avro_value_set_int(&branch, number);
}

static int put_optional_double(avro_value_t *record, size_t at, bool present, double number)
{
    avro_value_t branch;
    int rc = put_branch(record, at, present, &branch);
    return rc != 0 || !present ? rc : avro_value_set_double(&branch, number);
}

static int put_warehouse(avro_value_t *array, const struct warehouse_stock *w)
{
    avro_value_t item;
    int rc = avro_value_append(array, &item, NULL);
    rc = rc != 0 ? rc : put_int(&item, W_ID, w->warehouse_id);
    rc = rc != 0 ? rc : put_text(&item, W_CODE, w->code);
    rc = rc != 0 ? rc : put_double(&item, W_ON_HAND, w->on_hand);
    rc = rc != 0 ? rc : put_double(&item, W_FREE, w->free);
    rc = rc != 0 ? rc : put_optional_double(&item, W_INCOMING, w->has_forecast, w->incoming);
    rc = rc != 0 ? rc : put_optional_double(&item, W_OUTGOING, w->has_forecast, w->outgoing);
    return rc != 0 ? rc : put_optional_double(&item, W_FORECAST, w->has_forecast, w->forecast);
}

static int put_stock(avro_value_t *value, const struct product_stock *stock)
{
    avro_value_t array;
    int rc = avro_value_reset(value);
    rc = rc != 0 ? rc : put_int(value, F_PRODUCT_ID, stock->product_id);
    rc = rc != 0 ? rc : put_int(value, F_TEMPLATE_ID, stock->template_id);
    rc = rc != 0 ? rc : put_optional_text(value, F_SKU, stock->sku);
    rc = rc != 0 ? rc : put_optional_text(value, F_BARCODE, stock->barcode);
    rc = rc != 0 ? rc : put_optional_int(value, F_COMPANY_ID, stock->company_id);
    rc = rc != 0 ? rc : put_boolean(value, F_ACTIVE, stock->active);
    rc = rc != 0 ? rc : put_boolean(value, F_SHOPIFY_ENABLED, stock->shopify_enabled);
    rc = rc != 0 ? rc : put_boolean(value, F_IS_KIT, stock->is_kit);
    rc = rc != 0 ? rc : put_long(value, F_REVISION, stock->revision);
    rc = rc != 0 ? rc : put_cause(value, stock->cause);
    rc = rc != 0 ? rc : put_long(value, F_CHANGED_AT, stock->changed_at_us);
    rc = rc != 0 ? rc : put_long(value, F_READ_AT, stock->read_at_us);
    rc = rc != 0 ? rc : avro_value_get_by_index(value, F_WAREHOUSES, &array, NULL);
    for (size_t i = 0; rc == 0 && i < stock->warehouse_count; i++) {
        rc = put_warehouse(&array, &stock->warehouses[i]);
    }
    return rc;
}

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
    enum status status = STATUS_OK;
    lock();
    avro_writer_memory_set_dest(codec->writer, codec->scratch, (int64_t)codec->scratch_size);
    if (put_stock(&codec->value, stock) != 0 ||
        avro_value_write(codec->writer, &codec->value) != 0) {
        status = avro_failed(err, STATUS_INTERNAL, "avro encoding");
    }
    *len = avro_writer_tell(codec->writer);
    unlock();
    return status;
}

enum status avro_codec_encode(struct avro_codec *codec,
                              const struct product_stock *stock,
                              struct strbuf *out,
                              struct err *err)
{
    size_t size = 0;
    int64_t len = 0;
    enum status status = check_stock(stock, &size, err);
    if (status != STATUS_OK) {
        return status;
    }
    status = write_binary(codec, stock, size, &len, err);
    if (status != STATUS_OK) {
        return status;
    }
    strbuf_append(out, codec->frame, FRAME_SIZE);
    strbuf_append(out, codec->scratch, (size_t)len);
    return strbuf_check(out, "record", err);
}

/* --- decoding --- */

static int get_int(const avro_value_t *record, size_t at, int32_t *number)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : avro_value_get_int(&field, number);
}

static int get_long(const avro_value_t *record, size_t at, int64_t *number)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : avro_value_get_long(&field, number);
}

static int get_boolean(const avro_value_t *record, size_t at, bool *flag)
{
    avro_value_t field;
    int number = 0;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    rc = rc != 0 ? rc : avro_value_get_boolean(&field, &number);
    *flag = number != 0;
    return rc;
}

static int get_double(const avro_value_t *record, size_t at, double *number)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : avro_value_get_double(&field, number);
}

/* The copy is the caller's. */
static int copy_text(const avro_value_t *field, char **text)
{
    const char *ptr = NULL;
    size_t size = 0;
    int rc = avro_value_get_string(field, &ptr, &size);
    if (rc == 0) {
        *text = mem_strndup(ptr, size > 0 ? size - 1 : 0);
    }
    return rc;
}

static int get_text(const avro_value_t *record, size_t at, char **text)
{
    avro_value_t field;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    return rc != 0 ? rc : copy_text(&field, text);
}

static int get_branch(const avro_value_t *record, size_t at, bool *present, avro_value_t *branch)
{
    avro_value_t field;
    int which = BRANCH_NULL;
    int rc = avro_value_get_by_index(record, at, &field, NULL);
    rc = rc != 0 ? rc : avro_value_get_discriminant(&field, &which);
    rc = rc != 0 ? rc : avro_value_get_current_branch(&field, branch);
    *present = rc == 0 && which == BRANCH_VALUE;
    return rc;
}

/* Empty counts as absent: that is what NULL means in the struct. */
static int get_optional_text(const avro_value_t *record, size_t at, char **text)
{
    avro_value_t branch;
    bool present = false;
    int rc = get_branch(record, at, &present, &branch);
    if (rc == 0 && present) {
        rc = copy_text(&branch, text);
    }
    if (*text != NULL && **text == '\0') {
        mem_free(*text);
        *text = NULL;
    }
    return rc;
}

static int get_optional_int(const avro_value_t *record, size_t at, int32_t *number)
{
    avro_value_t branch;
    bool present = false;
    int rc = get_branch(record, at, &present, &branch);
    return rc != 0 || !present ? rc : avro_value_get_int(&branch, number);
}

static int get_optional_double(const avro_value_t *record, size_t at, bool *present, double *number)
{
    avro_value_t branch;
    int rc = get_branch(record, at, present, &branch);
    return rc != 0 || !*present ? rc : avro_value_get_double(&branch, number);
}

static int get_cause(const avro_value_t *record, enum cause *cause)
{
    avro_value_t field;
    int number = 0;
    int rc = avro_value_get_by_index(record, F_CAUSE, &field, NULL);
    rc = rc != 0 ? rc : avro_value_get_enum(&field, &number);
    *cause = (enum cause)number;
    return rc;
}

/* EINVAL: the three forecast fields are neither all there nor all null. */
static int get_warehouse(const avro_value_t *item, struct warehouse_stock *w)
{
    bool incoming = false;
    bool outgoing = false;
    int rc = get_int(item, W_ID, &w->warehouse_id);
    rc = rc != 0 ? rc : get_text(item, W_CODE, &w->code);
    rc = rc != 0 ? rc : get_double(item, W_ON_HAND, &w->on_hand);
    rc = rc != 0 ? rc : get_double(item, W_FREE, &w->free);
    rc = rc != 0 ? rc : get_optional_double(item, W_INCOMING, &incoming, &w->incoming);
    rc = rc != 0 ? rc : get_optional_double(item, W_OUTGOING, &outgoing, &w->outgoing);
    rc = rc != 0 ? rc : get_optional_double(item, W_FORECAST, &w->has_forecast, &w->forecast);
    if (rc == 0 && (incoming != w->has_forecast || outgoing != w->has_forecast)) {
        avro_set_error("warehouse %" PRId32 " has only a part of its forecast", w->warehouse_id);
        return EINVAL;
    }
    return rc;
}

static int get_warehouses(const avro_value_t *value, struct product_stock *stock)
{
    avro_value_t array;
    size_t count = 0;
    int rc = avro_value_get_by_index(value, F_WAREHOUSES, &array, NULL);
    rc = rc != 0 ? rc : avro_value_get_size(&array, &count);
    if (rc != 0 || count == 0) {
        return rc;
    }
    stock->warehouses = mem_calloc(count, sizeof *stock->warehouses);
    stock->warehouse_count = count;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        avro_value_t item;
        rc = avro_value_get_by_index(&array, i, &item, NULL);
        rc = rc != 0 ? rc : get_warehouse(&item, &stock->warehouses[i]);
    }
    return rc;
}

static int get_stock(const avro_value_t *value, struct product_stock *stock)
{
    int rc = get_int(value, F_PRODUCT_ID, &stock->product_id);
    rc = rc != 0 ? rc : get_int(value, F_TEMPLATE_ID, &stock->template_id);
    rc = rc != 0 ? rc : get_optional_text(value, F_SKU, &stock->sku);
    rc = rc != 0 ? rc : get_optional_text(value, F_BARCODE, &stock->barcode);
    rc = rc != 0 ? rc : get_optional_int(value, F_COMPANY_ID, &stock->company_id);
    rc = rc != 0 ? rc : get_boolean(value, F_ACTIVE, &stock->active);
    rc = rc != 0 ? rc : get_boolean(value, F_SHOPIFY_ENABLED, &stock->shopify_enabled);
    rc = rc != 0 ? rc : get_boolean(value, F_IS_KIT, &stock->is_kit);
    rc = rc != 0 ? rc : get_long(value, F_REVISION, &stock->revision);
    rc = rc != 0 ? rc : get_cause(value, &stock->cause);
    rc = rc != 0 ? rc : get_long(value, F_CHANGED_AT, &stock->changed_at_us);
    rc = rc != 0 ? rc : get_long(value, F_READ_AT, &stock->read_at_us);
    return rc != 0 ? rc : get_warehouses(value, stock);
}

static enum status read_binary(struct avro_codec *codec,
                               struct bytes binary,
                               struct product_stock *stock,
                               struct err *err)
{
    enum status status = STATUS_OK;
    lock();
    avro_reader_memory_set_source(codec->reader, (const char *)binary.ptr, (int64_t)binary.len);
    if (avro_value_reset(&codec->value) != 0 ||
        avro_value_read(codec->reader, &codec->value) != 0 ||
        get_stock(&codec->value, stock) != 0) {
        status = avro_failed(err, STATUS_RECORD_INVALID, "value cannot be decoded");
    }
    unlock();
    return status;
}

static enum status strip_frame(const struct avro_codec *codec,
                               struct bytes value,
                               struct bytes *binary,
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
    if (!cursor_bytes(&c, 2, &magic) || memcmp(magic.ptr, codec->frame, 2) != 0 ||
        !cursor_bytes(&c, FRAME_SIZE - 2, &fingerprint)) {
        return err_set(err, STATUS_RECORD_INVALID,
                       "value of %zu bytes does not begin like a record of ours", value.len);
    }
    if (memcmp(fingerprint.ptr, codec->frame + 2, FRAME_SIZE - 2) != 0) {
        uint64_t found = 0;
        for (size_t i = FRAME_SIZE - 2; i-- > 0;) {
            found = (found << 8) | fingerprint.ptr[i];
        }
        return err_set(err, STATUS_SCHEMA_UNKNOWN,
                       "value was written with schema %016" PRIx64
                       ", which this program does not know: a newer producer?",
                       found);
    }
    *binary = bytes_of(c.pos, cursor_left(&c));
    return STATUS_OK;
}

enum status avro_codec_decode(struct avro_codec *codec,
                              struct bytes value,
                              struct product_stock *stock,
                              struct err *err)
{
    struct bytes binary = {0};
    *stock = (struct product_stock){0};
    enum status status = strip_frame(codec, value, &binary, err);
    if (status == STATUS_OK) {
        status = avro_scan_product_stock(binary, err);
    }
    if (status == STATUS_OK) {
        status = read_binary(codec, binary, stock, err);
    }
    if (status == STATUS_OK) {
        status = check_warehouses(stock, err);
    }
    if (status != STATUS_OK) {
        product_stock_release(stock);
    }
    return status;
}

#include "common/model/product_stock.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"

static const char *const CAUSE_NAMES[CAUSE_COUNT] = {
    [CAUSE_STOCK] = "stock",   [CAUSE_PRODUCT] = "product",   [CAUSE_BOM] = "bom",
    [CAUSE_PARENT] = "parent", [CAUSE_BACKFILL] = "backfill",
};

void product_stock_format_key(int32_t product_id, char key[PRODUCT_STOCK_KEY_SIZE])
{
    (void)snprintf(key, PRODUCT_STOCK_KEY_SIZE, "%" PRId32, product_id);
}

enum status product_stock_parse_key(struct bytes key, int32_t *product_id, struct err *err)
{
    const size_t max_digits = 10;
    if (key.len == 0 || key.len > max_digits || key.ptr[0] == '0') {
        return err_set(err, STATUS_RECORD_INVALID, "key is not a product id: %zu bytes", key.len);
    }
    int64_t value = 0;
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] < '0' || key.ptr[i] > '9') {
            return err_set(err, STATUS_RECORD_INVALID,
                           "key is not a product id: byte 0x%02x at %zu", (unsigned)key.ptr[i], i);
        }
        value = value * 10 + (key.ptr[i] - '0');
    }
    if (value > INT32_MAX) {
        return err_set(err, STATUS_RECORD_INVALID, "key %" PRId64 " is greater than any product id",
                       value);
    }
    *product_id = (int32_t)value;
    return STATUS_OK;
}

const char *cause_name(enum cause cause)
{
    INVARIANT((size_t)cause < CAUSE_COUNT, "cause %d", (int)cause);
    return CAUSE_NAMES[cause];
}

bool cause_parse(const char *text, enum cause *out)
{
    for (size_t i = 0; i < CAUSE_COUNT; i++) {
        if (strcmp(text, CAUSE_NAMES[i]) == 0) {
            *out = (enum cause)i;
            return true;
        }
    }
    return false;
}

/* Shortest of the texts that read back equal; 17 digits always do. JSON has no NaN and no infinity.
 */
static void append_double(struct strbuf *out, double value)
{
    if (!isfinite(value)) {
        strbuf_append_text(out, "null");
        return;
    }
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    strbuf_append_text(out, text);
}

static void append_bool(struct strbuf *out, const char *name, bool value)
{
    strbuf_appendf(out, ",\"%s\":%s", name, value ? "true" : "false");
}

static void append_named_double(struct strbuf *out, const char *name, bool present, double value)
{
    strbuf_appendf(out, ",\"%s\":", name);
    if (present) {
        append_double(out, value);
    } else {
        strbuf_append_text(out, "null");
    }
}

static void append_warehouse(struct strbuf *out, const struct warehouse_stock *w)
{
    strbuf_appendf(out, "{\"warehouse_id\":%" PRId32 ",\"code\":", w->warehouse_id);
    strbuf_append_json(out, w->code);
    append_named_double(out, "on_hand", true, w->on_hand);
    append_named_double(out, "free", true, w->free);
    append_named_double(out, "incoming", w->has_forecast, w->incoming);
    append_named_double(out, "outgoing", w->has_forecast, w->outgoing);
    append_named_double(out, "forecast", w->has_forecast, w->forecast);
    append_named_double(out, "free_confirmed", w->has_free_confirmed, w->free_confirmed);
    strbuf_append_char(out, '}');
}

void product_stock_append_json(const struct product_stock *stock, struct strbuf *out)
{
    strbuf_appendf(out, "{\"product_id\":%" PRId32 ",\"template_id\":%" PRId32 ",\"sku\":",
                   stock->product_id, stock->template_id);
    strbuf_append_json(out, stock->sku);
    strbuf_append_text(out, ",\"barcode\":");
    strbuf_append_json(out, stock->barcode);
    if (stock->company_id != 0) {
        strbuf_appendf(out, ",\"company_id\":%" PRId32, stock->company_id);
    } else {
        strbuf_append_text(out, ",\"company_id\":null");
    }
    append_bool(out, "active", stock->active);
    append_bool(out, "shopify_enabled", stock->shopify_enabled);
    append_bool(out, "is_kit", stock->is_kit);
    strbuf_appendf(out,
                   ",\"revision\":%" PRId64 ",\"cause\":\"%s\",\"changed_at\":%" PRId64
                   ",\"read_at\":%" PRId64 ",\"warehouses\":[",
                   stock->revision, cause_name(stock->cause), stock->changed_at_us,
                   stock->read_at_us);
    for (size_t i = 0; i < stock->warehouse_count; i++) {
        if (i > 0) {
            strbuf_append_char(out, ',');
        }
        append_warehouse(out, &stock->warehouses[i]);
    }
    strbuf_append_text(out, "]}");
}

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t digest_bytes(uint64_t digest, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++) {
        digest = (digest ^ at[i]) * FNV_PRIME;
    }
    return digest;
}

static uint64_t digest_integer(uint64_t digest, int64_t value)
{
    return digest_bytes(digest, &value, sizeof value);
}

/* With its end, so that two texts never run into one another; absent is not empty. */
static uint64_t digest_text(uint64_t digest, const char *text)
{
    return text == NULL ? digest_integer(digest, -1) : digest_bytes(digest, text, strlen(text) + 1);
}

static uint64_t digest_number(uint64_t digest, double value)
{
    double plain = value == 0 ? 0 : value; /* -0 is 0 */
    return digest_bytes(digest, &plain, sizeof plain);
}

int64_t product_stock_digest(const struct product_stock *stock)
{
    uint64_t d = FNV_BASIS;
    d = digest_integer(d, stock->product_id);
    d = digest_integer(d, stock->template_id);
    d = digest_text(d, stock->sku);
    d = digest_text(d, stock->barcode);
    d = digest_integer(d, stock->company_id);
    d = digest_integer(d, stock->active * 4 + stock->shopify_enabled * 2 + stock->is_kit);
    for (size_t i = 0; i < stock->warehouse_count; i++) {
        const struct warehouse_stock *w = &stock->warehouses[i];
        d = digest_integer(d, w->warehouse_id);
        d = digest_integer(d, w->has_forecast);
        d = digest_text(d, w->code);
        d = digest_number(d, w->on_hand);
        d = digest_number(d, w->free);
        if (w->has_forecast) {
            d = digest_number(d, w->incoming);
            d = digest_number(d, w->outgoing);
            d = digest_number(d, w->forecast);
        }
        if (w->has_free_confirmed) {
            d = digest_number(d, w->free_confirmed);
        }
    }
    int64_t digest = 0;
    memcpy(&digest, &d, sizeof digest);
    return digest != 0 ? digest : 1;
}

void product_stock_release(struct product_stock *stock)
{
    for (size_t i = 0; i < stock->warehouse_count; i++) {
        mem_free(stock->warehouses[i].code);
    }
    mem_free(stock->warehouses);
    mem_free(stock->sku);
    mem_free(stock->barcode);
    *stock = (struct product_stock){0};
}
